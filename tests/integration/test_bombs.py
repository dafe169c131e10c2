"""Images that are small to fetch and ask for more than anybody has (trials ML-5): refused, nothing is left."""

from __future__ import annotations

import gzip
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.hands import build
from faults.image_work import archived
from ordinary_user import ordinary_user
from shale import Engine
from shale.layer.field import InvalidTar
from shale.layer.limits import LayerTooLarge
from shale.oci import mediatype
from store_images import Image
from tar_entries import END, Entry, archive, file, folder

GIB = 1 << 30
MANY = 20_000


def claimed(kind: bytes, size: int) -> bytes:
    """A header that says how many bytes follow, and a few of them."""
    header = tarfile.TarInfo("f")
    header.type, header.size = kind, size
    return header.tobuf(tarfile.GNU_FORMAT) + b"1" * 5000


def sparse(size: int, count: int = 1) -> bytes:
    """Files of a hole and one byte."""
    entries = (Entry(b"%d" % at, content=b"x", sparse=[(size - 1, 1)], size=size) for at in range(count))
    return archive(*entries)


REFUSED = {
    "a pax header of 4 GiB": claimed(b"x", 4 * GIB),
    "a long name of 4 GiB": claimed(b"L", 4 * GIB),
    "a sparse file of 8 EiB": sparse(2**63 - 1),
    "a sparse file of 17 TiB": sparse(17 * 2**40),
    "many sparse files of 16 TiB": sparse(2**44, 30),
    "folders 100,000 deep": archive(file(b"d/" * 100_000 + b"f")),
    "a name of 64 KiB": archive(file(b"n" * 65_536)),
    "the name of an attribute, too long": archive(Entry(b"f", xattrs={b"user." + b"n" * 300: b"x"})),
    "an attribute that is too long": archive(Entry(b"f", xattrs={b"user.n": b"x" * 70_000})),
    "too many attributes": archive(Entry(b"f", xattrs={b"user.n%d" % at: b"x" * 1000 for at in range(500)})),
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path), "PATH": os.environ["PATH"]}) as engine:
        yield engine


def packed(tar: bytes) -> Image:
    return build([tar], [gzip.compress(tar, mtime=0)], mediatype.OCI_LAYER_GZIP)


def load(engine: Engine, image: Image, folder: Path) -> str:
    (folder / "image.tar").write_bytes(archived(image))
    (loaded,) = engine.images.load(folder / "image.tar")
    return str(loaded.target)


@pytest.mark.parametrize("name", REFUSED)
def test_a_bomb_is_refused(engine: Engine, tmp_path: Path, name: str) -> None:
    with pytest.raises((InvalidTar, LayerTooLarge)) as caught:
        load(engine, packed(REFUSED[name]), tmp_path)
    assert len(caught.value.message) < 500
    assert list((tmp_path / "store/layers").iterdir()) == []
    assert engine.images.list() == []
    # The same store takes the next image: no lock is held by what was refused (CVE-2021-20291).
    assert load(engine, packed(archive(file(b"f", b"x"))), tmp_path)


ZEROS = """
import os, pathlib, shale
from shale.errors import Exhausted
with shale.Engine.open(environ=os.environ) as engine:
    try:
        engine.images.load(pathlib.Path("image.tar"))
    except Exhausted as error:
        print(error)
    assert engine.images.list() == []
"""


def test_zeros_without_end_are_inflated_as_far_as_the_limit() -> None:
    """Two megabytes of gzip that hold more than two gibibytes; with a user no layer is written meanwhile."""
    mebibyte = gzip.compress(bytes(1 << 20), mtime=0)
    bomb = gzip.compress(claimed(b"0", 3 * GIB)[:512], mtime=0) + mebibyte * 2100
    with ordinary_user() as user:
        (user.home / "image.tar").write_bytes(archived(build([END], [bomb], mediatype.OCI_LAYER_GZIP)))
        done = user.python(ZEROS)
    assert done.returncode == 0, done.stderr
    assert f"more than the {2 * GIB} bytes" in done.stdout.decode()


def test_many_opaque_whiteouts_are_no_more_work_than_many_files(engine: Engine, tmp_path: Path) -> None:
    """CVE-2026-95838: each opaque whiteout made an engine look through the folder once more."""
    marks = [file(b"d/.wh..wh..opq")] * MANY
    tar = archive(folder(b"d"), *(file(b"d/f%d" % at) for at in range(100)), *marks)
    image = load(engine, packed(tar), tmp_path)
    with engine.images.mount(image) as place:
        assert len(os.listdir(place / "d")) == 100
    engine.images.unpack(image, tmp_path / "tree")
    assert len(os.listdir(tmp_path / "tree/d")) == 100
