"""Workloads on whole images, through the engine: what the faults interrupt."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from archive_files import blob_entry, index_json, layer_tar, tar_of
from shale.engine import archives, transfers
from shale.engine.engine import Engine
from shale.image import mounts, unpack
from shale.oci import mediatype
from shale.oci.digest import DiffID, Digest
from shale.snapshot import corrections, snapshots
from shale.snapshot.erofs.form import ErofsForm
from shale.snapshot.merge import correct
from shale.snapshot.probe import probe
from shale.snapshot.tree import TreeForm
from store_images import Image, noise

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Say = Callable[[str], None]


def packed_image(seed: str, *sizes: int) -> Image:
    """An image whose layers are tars, the first one compressed with gzip, the second with zstd, others not.

    The first layer is the same for all seeds.
    """
    tars = [
        layer_tar({f"srv/{seed if at else 'base'}-{at}": noise(f"{seed if at else 'base'}{at}", size)})
        for at, size in enumerate(sizes)
    ]
    packers: list[tuple[str, Callable[[bytes], bytes]]] = [
        (mediatype.OCI_LAYER_GZIP, lambda tar: gzip.compress(tar, 1, mtime=0)),
        (mediatype.OCI_LAYER_ZSTD, lambda tar: zstd.compress(tar, 1)),
    ]
    packers += [(mediatype.OCI_LAYER, lambda tar: tar)] * len(tars)
    kinds = [kind for (kind, _), _ in zip(packers, tars, strict=False)]
    layers = tuple(pack(tar) for (_, pack), tar in zip(packers, tars, strict=False))
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2024-05-01T00:00:00Z",
            "config": {"Labels": {"seed": seed}},
            "rootfs": {"type": "layers", "diff_ids": [str(DiffID.of(tar)) for tar in tars]},
            "history": [{"created_by": f"ADD {at}"} for at, _ in enumerate(tars)],
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_MANIFEST,
            "config": described(mediatype.OCI_CONFIG, config),
            "layers": [described(kind, layer) for kind, layer in zip(kinds, layers, strict=True)],
        }
    ).encode()
    return Image(manifest, config, layers)


def described(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": str(Digest.of(content)), "size": len(content)}


SMALL = packed_image("small", 3000)
"""For faults at every call."""
LARGE = packed_image("large", 60_000, 300_000, 500_000)
"""For faults at random instants."""
OLD = packed_image("old", 60_000, 90_000)
UNWANTED = tuple(packed_image(f"unwanted{number}", 60_000, 20_000) for number in range(4))
TAGS = 9


LAZY = (archives, correct, corrections, ErofsForm, mounts, probe, snapshots, transfers, TreeForm, unpack)
"""What the engine imports at its first use: here already, so that a run that is forked need not."""


def open_engine(root: Path) -> Engine:
    return Engine.open(root, environ={"HOME": str(root.parent)})


def repository(root: Path) -> str:
    """Each run has its own repository."""
    return f"run{root.parent.name}/app"


def pull(root: Path, say: Say, host: str, tag: str) -> None:
    """Pull over whatever the name points at."""
    with open_engine(root) as engine:
        image = engine.images.pull(f"{host}/{repository(root)}:{tag}")
        say(f"name {image.summary.target}")


def copy(root: Path, template: str, *_: object) -> None:
    """Begin with a copy of a store that was made once."""
    shutil.copytree(template, root)


def make_template(folder: Path, *images: Image, names: Sequence[str] = ()) -> Path:
    """A store with images; those without a name are dangling."""
    root = folder / "root"
    archive = folder / "image.tar"
    for at, image in enumerate(images):
        archive.write_bytes(archived(image))
        with open_engine(root) as engine:
            (loaded,) = engine.images.load(archive)
            if at < len(names):
                engine.images.tag(str(loaded.target), names[at])
    return root


def archived(*images: Image) -> bytes:
    """An OCI archive of images."""
    blobs = dict(blob_entry(content) for image in images for content in image.blobs)
    entries = list(blobs.items())
    index = index_json(*(described(mediatype.OCI_MANIFEST, image.manifest) for image in images))
    return tar_of([*entries, ("index.json", index), ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')])


def pull_over(root: Path, say: Say, _: str, host: str, tag: str) -> None:
    """As `pull`, where there is a store already."""
    pull(root, say, host, tag)


def push(root: Path, say: Say, _: str, host: str) -> None:
    """Push what the template has under `kept:v1`."""
    with open_engine(root) as engine:
        name = f"{host}/{repository(root)}:v1"
        engine.images.tag("kept:v1", name)
        (pushed,) = engine.images.push(name)
        say(f"pushed {pushed.digest}")


def tag(root: Path, say: Say, _: str) -> None:
    """Move names about, many times."""
    with open_engine(root) as engine:
        for number in range(TAGS):
            engine.images.tag("kept:v1", f"moving:{number % 3}")
            say(f"tagged {number % 3}")
        engine.images.untag("moving:2")
        say("untagged 2")


def prune(root: Path, say: Say, _: str) -> None:
    with open_engine(root) as engine:
        engine.images.prune()
        say("pruned")


def remove(root: Path, say: Say, _: str) -> None:
    with open_engine(root) as engine:
        engine.images.remove("kept:v1")
        say("removed")


def load(root: Path, say: Say, archive: str) -> None:
    with open_engine(root) as engine:
        for loaded in engine.images.load(Path(archive)):
            say(f"loaded {loaded.target}")
