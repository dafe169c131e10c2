"""Images with one layer of large files, half of each random: what must not grow with an image's size."""

from __future__ import annotations

import gzip
import hashlib
import random
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO, cast

from bench.stage import Stage
from peers.images import SHELL, here
from peers.layout import LAYER, Layer, LayoutImage, LayoutWriter, open_layout

_GIGABYTE = 32
"""Files of which a layer of a gigabyte has so many."""
_HALF = 16 << 20
"""Bytes of each of the two halves of a file."""


class _Hashing:
    """What tarfile wants to write to; hashes what is written."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)


def large_image(stage: Stage, files: int = _GIGABYTE) -> LayoutImage:
    """An image of so many files of 32 MiB, from the cache of the test images; made by the first who asks."""
    return kept(stage, f"bench-large-{files}", lambda writer: _layer(writer, files))


def kept(stage: Stage, name: str, *recipes: Callable[[LayoutWriter], Layer]) -> LayoutImage:
    """An image of these layers in the cache of the test images; its name there says what is in it."""
    folder = stage.images.cache / name
    if not folder.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=stage.images.cache))
        try:
            writer = LayoutWriter(unfinished, stage.ground.env)
            layers = [recipe(writer) for recipe in recipes]
            writer.tags["latest"] = writer.image(layers, architecture=here(), settings=SHELL)
            writer.finish()
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return open_layout(folder, "latest")


def _layer(writer: LayoutWriter, files: int) -> Layer:
    packed = writer.folder / "layer.packed"
    chance = random.Random(1)
    words = [b"%x " % chance.getrandbits(24) for _ in range(5_000)]
    with (
        packed.open("wb") as target,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=target, mtime=0) as stream,
    ):
        hashing = _Hashing(stream)
        # tarfile asks for no more than `write` of a stream.
        with tarfile.open(fileobj=cast("IO[bytes]", hashing), mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for number in range(files):
                text = b"".join(chance.choices(words, k=_HALF // 8))[:_HALF]
                entry = tarfile.TarInfo(f"srv/{number}")
                entry.size = _HALF + len(text)
                tar.addfile(entry, BytesIO(chance.randbytes(_HALF) + text))
    content = writer.file(packed, f"{LAYER}+gzip")
    return Layer(content, f"sha256:{hashing.sha256.hexdigest()}", "COPY large files")
