"""PL-1 for mountable layers: what is not durable is made again, and what is called durable is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from faults.disk import small_disk
from faults.image_work import open_engine
from faults.layer_work import tree
from faults.powercut import record, states
from faults.served_image import ImageRegistry
from faults.served_work import OLD, repository_of
from shale.engine.upkeep import check_store
from store_images import noise

FILES = {"etc/base": b"base", "app": noise("old", 30_000)}


@pytest.mark.slow
def test_whatever_a_power_cut_leaves_of_mountable_layers(tmp_path: Path) -> None:
    with small_disk(tmp_path / "ground", size=1 << 30) as ground, ImageRegistry(OLD) as registry:
        log = record("faults.served_work:pull_and_settle", ground / "run", args=[registry.host])
        found = [
            one for one in states(log, seed=10, subsets=1) if any("named" in line for line in one.promises)
        ]
        kept = 0
        for state in [*random.Random(10).sample(found[:-1], 60), found[-1]]:
            root = ground / "mounted" / "root"
            state.mount(root)
            name = f"{registry.host}/{repository_of(ground / 'run' / 'record' / 'root')}:v1"
            message = f"cut after {state.cut} of {len(log.events)}: {state.what}"
            with open_engine(root) as engine:
                with engine.store.database.write() as tx:
                    tx.run("UPDATE unpacked SET boot = 'before the cut'")
                    tx.run("UPDATE mounts SET boot = 'before the cut'")
                    kept += tx.rows("SELECT count(*) FROM unpacked WHERE synced")[0][0]
                report = check_store(engine.settings, read_data=True, progress=lambda _: None)
                assert report.damage == (), message
                with engine.images.mount(name) as place:
                    assert tree(place) == FILES, message
                engine.images.prune()
                report = check_store(engine.settings, read_data=True, progress=lambda _: None)
                assert (report.damage, report.leftovers) == ((), ()), message
        assert kept >= 2  # of the last state at least, all of whose layers were synced
