"""PL-1 for a whole pull; what the model covers, and what it believes, is in `faults.powercut`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from faults.disk import small_disk
from faults.image_work import open_engine
from faults.powercut import record, states
from faults.served_image import ImageRegistry
from faults.served_work import OLD, repository_of
from shale.oci.digest import Digest
from shale.store.check import check


@pytest.mark.slow
def test_whatever_a_power_cut_leaves_of_a_pull(tmp_path: Path) -> None:
    with small_disk(tmp_path / "ground", size=1 << 30) as ground, ImageRegistry(OLD) as registry:
        log = record("faults.served_work:pull", ground / "run", args=[registry.host])
        found = list(states(log, seed=9, subsets=1))
        assert len(found) > 100
        promised = 0
        for state in [*random.Random(9).sample(found[:-1], 80), found[-1]]:
            root = ground / "mounted" / "root"
            state.mount(root)
            name = f"{registry.host}/{repository_of(ground / 'run' / 'record' / 'root')}:v1"
            message = f"cut after {state.cut} of {len(log.events)}: {state.what}"
            with open_engine(root) as engine:
                assert check(engine.store).damage == (), message
                if f"named {OLD.digest}" in state.promises:
                    promised += 1
                    assert engine.images.get(name).summary.target == OLD.digest, message
                engine.images.pull(name)
                assert check(engine.store).damage == (), message
                assert all(engine.store.blobs.verify(Digest.of(blob)) for blob in OLD.blobs), message
        assert promised
