"""Ctrl-C in the middle of a pull: it ends at once, and what came is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from faults.image_work import open_engine
from faults.served_image import ImageRegistry, first_byte
from faults.served_work import NEW
from shale.oci.digest import Digest
from shale.store.check import check
from shale.store.ingests import ingest_key


def test_an_interrupt_in_the_middle_of_a_pull(tmp_path: Path) -> None:
    root, layer = tmp_path / "root", NEW.layers[1]
    key = ingest_key(Digest.of(layer))
    with ImageRegistry(NEW, pause=1.0) as registry:
        name = f"{registry.host}/app:v1"
        child = subprocess.Popen(
            [sys.executable, "-m", "shale", "--root", str(root), "pull", name],
            env={**os.environ, "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            data = root / "ingest" / key / "data"
            while not data.exists() or not data.stat().st_size:
                assert child.poll() is None
                time.sleep(0.02)
            child.send_signal(signal.SIGINT)
            _, complaint = child.communicate(timeout=5)
        finally:
            child.kill()
        assert child.returncode == 130
        assert "what came so far is kept" in complaint
        registry.pause = 0.0
        with open_engine(root) as engine:
            kept = engine.store.ingests.bytes_kept(key)
            assert 0 < kept < len(layer)
            assert check(engine.store).damage == ()
            assert engine.images.list() == []
            engine.images.pull(name)
            assert check(engine.store).damage == ()
        asked = [each for each in registry.fetches("app") if each.path.endswith(Digest.of(layer).encoded)]
        assert [first_byte(each) for each in asked] == [0, kept]
