"""Import: the tar of a root file system becomes an image, the same one each time."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_files import layer_tar
from shale.engine.engine import Engine
from shale.errors import Invalid, ShaleError
from shale.oci.digest import DiffID, Digest
from store_images import noise

TAR = layer_tar({"etc/passwd": b"root", "bin/large": noise("large", 2_000_000)})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    environ = {"HOME": str(tmp_path), "SOURCE_DATE_EPOCH": "1700000000"}
    with Engine.open(tmp_path / "store", environ=environ) as engine:
        yield engine


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, bz2.compress])
def test_the_layer_is_the_tar_whatever_it_was_packed_with(pack: type[bytes], engine: Engine) -> None:
    packed = pack(TAR)
    imported = engine.images.import_rootfs(io.BytesIO(packed), "base:v1", changes=['CMD ["sh"]'], message="why")
    image = engine.images.get("base:v1")
    assert image.id == str(imported.id)
    (layer,) = image.layers
    assert layer.diff_id == DiffID.of(TAR)
    assert image.document["Config"]["Cmd"] == ["sh"]
    assert image.document["Created"] == "2023-11-14T22:13:20Z"
    (step,) = engine.images.history("base:v1")
    assert step.comment == "why"
    if pack is gzip.compress:
        assert layer.digest == str(Digest.of(packed))


def test_importing_twice_gives_the_same_image(engine: Engine) -> None:
    first, second = (engine.images.import_rootfs(io.BytesIO(TAR)) for _ in range(2))
    assert first == second


def test_what_is_no_tar_is_refused_and_leaves_nothing(engine: Engine) -> None:
    for content in (
        b"",
        b"junk",
        noise("x", 5000),
        gzip.compress(b"junk" * 1000),
        TAR[:3000],
        gzip.compress(TAR)[:900],
    ):
        with pytest.raises(ShaleError):
            engine.images.import_rootfs(io.BytesIO(content), "base:v1")
    assert list(engine.images.list()) == []
    assert list((engine.store.root / "ingest").iterdir()) == []


def test_names_and_changes_are_checked_before_anything_is_read(engine: Engine) -> None:
    stream = io.BytesIO(TAR)
    for name, changes in (("UPPER", []), (f"a@{Digest.of(b'')}", []), ("a", ["RUN x"])):
        with pytest.raises(Invalid):
            engine.images.import_rootfs(stream, name, changes=changes)
    assert stream.tell() == 0
