"""Whole images that mean harm: pulled or loaded, mounted, unpacked, copied from and to, exported, run.

The shapes are those of `hostile_layers` (trials ML-1 to ML-4) above a small system, and bombs (ML-5). Beside
the folder that is unpacked to stands a tree that must be the same afterwards, as root and as a user (ML-6).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults.image_registry import ImageRegistry
from faults.image_work import archived
from hostile_layers import make_ground, shapes
from hostile_visit import image_of, names_of, visit
from layer_trees import Seen, layer, look
from ordinary_user import NOBODY, ordinary_user
from shale import Engine
from shale.store.check import check
from store_images import Image
from unit.layer.test_apply_hostile import REFUSED

NAMES = sorted(shapes("/x/victim"))
LINKS_TO_NOTHING = {
    "aufs", "hard link absolute", "hard link through a relative symlink", "hard link through a symlink",
    "hard link to a name of this process (CVE-2026-50163)", "planted symlink, changed",
}  # fmt: skip
"""What is refused when the layers are put together: a hard link to what is not there."""
AS_USER = """
import json, os, sys
from pathlib import Path
from hostile_visit import visit
from shale import Engine
with Engine.open(environ=os.environ) as engine:
    for folder in sorted(Path("grounds").iterdir()):
        def load():
            (image,) = engine.images.load(folder / "image.tar")
            return str(image.target)
        names = json.loads((folder / "names").read_text())
        print(json.dumps(visit(engine, load, folder / "root", names, run=False)), flush=True)
    assert engine.containers.list(all_states=True) == []
"""


@dataclass(frozen=True, slots=True)
class Place:
    """An engine, and a registry that it pulls from."""

    engine: Engine
    registry: ImageRegistry

    def pull(self, image: Image) -> str:
        self.registry.offer(image, "v1")
        return str(self.engine.images.pull(f"{self.registry.host}/hostile/image:v1").summary.target)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("hostile")
    environ = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    with ImageRegistry() as registry, Engine.open(folder / "store", environ=environ) as engine:
        yield Place(engine, registry)
        assert check(engine.parts.store).damage == ()
        assert os.listdir(folder / "store/containers") == []
        assert str(folder) not in Path("/proc/self/mountinfo").read_text()


def around(base: Path) -> dict[str, Seen]:
    """The tree beside the folder to unpack to; the time of the folder around both may change."""
    return {
        name: seen for name, seen in look(base).items() if name.split("/")[0] not in {".", "root", "image.tar"}
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_image_harms_nobody(place: Place, tmp_path: Path, name: str) -> None:
    ground = make_ground(tmp_path)
    layers = shapes(str(ground.victim))[name]
    before, host = around(tmp_path), ground.outside().keys()
    image = image_of([layer(*entries) for entries in layers])
    steps = visit(place.engine, lambda: place.pull(image), ground.root, names_of(layers))
    assert around(tmp_path) == before
    assert ground.outside().keys() == host
    assert (steps["bring"] == "") is (name not in REFUSED), steps
    if name not in REFUSED:
        for step in ("mount", "unpack"):
            assert (steps[step] == "") is (name not in LINKS_TO_NOTHING), steps


def test_hostile_images_harm_no_user() -> None:
    """Here everything is unpacked into trees that the user owns, beside a tree that the user could harm."""
    with ordinary_user() as user:
        grounds = user.home / "grounds"
        before = {}
        for name in NAMES:
            base = grounds / f"{NAMES.index(name):03}"
            base.mkdir(parents=True)
            ground = make_ground(base)
            layers = shapes(str(ground.victim))[name]
            (base / "image.tar").write_bytes(archived(image_of([layer(*entries) for entries in layers])))
            (base / "names").write_text(json.dumps(names_of(layers)))
        for path, folders, files in os.walk(grounds):
            for one in (".", *folders, *files):
                os.chown(os.path.join(path, one), NOBODY, NOBODY, follow_symlinks=False)
        for base in grounds.iterdir():
            before[base.name] = around(base)
        done = user.shale("unshare", sys.executable, "-c", AS_USER)
        assert done.returncode == 0, done.stderr.decode()
        after = {base.name: around(base) for base in grounds.iterdir()}
        assert after == before
