"""A load and a save that are killed: what is there afterwards is whole, and doing it again succeeds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from archive_files import real_image
from shale.engine.engine import Engine
from shale.errors import NotFound
from store_images import keep_image

SOURCES = str(Path(__file__).resolve().parents[2] / "src")


def killed(arguments: list[str], store: Path, wait: float) -> int:
    """Run shale, and kill it after so many seconds; its exit code."""
    environ = {**os.environ, "PYTHONPATH": SOURCES, "HOME": str(store.parent)}
    process = subprocess.Popen(
        [sys.executable, "-m", "shale", "--root", str(store), *arguments],
        env=environ,
        stdout=subprocess.DEVNULL,
    )
    try:
        return process.wait(wait)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def test_a_load_that_is_killed_names_nothing_that_is_not_whole(tmp_path: Path) -> None:
    image = real_image("large", layers=4, size=8_000_000)
    archive, store = tmp_path / "a.tar", tmp_path / "store"
    with Engine.open(tmp_path / "first", environ={}) as first:
        keep_image(first.store, image, "a:v1")
        first.images.save("a:v1", to=archive)
    load = ["load", "-q", "-i", str(archive)]
    begun = time.monotonic()
    assert killed(load, tmp_path / "another", 60) == 0
    took = time.monotonic() - begun
    chance = random.Random(1)
    codes = [killed(load, store, chance.uniform(0, took)) for _ in range(8)]
    assert -signal.SIGKILL in codes
    with Engine.open(store, environ={}) as second:
        try:
            assert second.images.get("a:v1").summary.target == image.digest
        except NotFound:
            assert 0 not in codes
        (loaded,) = second.images.load(archive)
        assert loaded.target == image.digest
        for blob in image.blobs:
            second.store.blobs.verify(loaded.target.of(blob))
    assert not [name for name in os.listdir(store) if name.startswith("tmp")]


def test_a_save_that_is_killed_leaves_the_file_of_before(tmp_path: Path) -> None:
    store, archive = tmp_path / "store", tmp_path / "a.tar"
    with Engine.open(store, environ={}) as engine:
        keep_image(engine.store, real_image("large", layers=4, size=8_000_000), "a:v1")
        engine.images.save("a:v1", to=tmp_path / "whole.tar")
    archive.write_bytes(b"before")
    whole = (tmp_path / "whole.tar").read_bytes()
    chance = random.Random(2)
    for _ in range(6):
        killed(["save", "-o", str(archive), "a:v1"], store, chance.uniform(0.2, 1.0))
        assert archive.read_bytes() in (b"before", whole)
    assert killed(["save", "-o", str(archive), "a:v1"], store, 60) == 0
    assert archive.read_bytes() == whole
