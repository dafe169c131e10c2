"""An image with one layer of a gigabyte, half of it random: what must not grow with an image's size."""

from __future__ import annotations

import gzip
import hashlib
import random
import shutil
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import IO, cast

from bench.stage import Stage
from peers.images import SHELL, here
from peers.layout import LAYER, Layer, LayoutImage, LayoutWriter, open_layout

_FILES = 32
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


def large_image(stage: Stage) -> LayoutImage:
    """The image, from the cache of the test images; made there by the first who asks."""
    folder = stage.images.cache / "bench-large-1"
    if not folder.exists():
        unfinished = Path(tempfile.mkdtemp(prefix="bench-large.", dir=stage.images.cache))
        try:
            writer = LayoutWriter(unfinished, stage.ground.env)
            writer.tags["latest"] = writer.image([_layer(writer)], architecture=here(), settings=SHELL)
            writer.finish()
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return open_layout(folder, "latest")


def _layer(writer: LayoutWriter) -> Layer:
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
            for number in range(_FILES):
                text = b"".join(chance.choices(words, k=_HALF // 8))[:_HALF]
                entry = tarfile.TarInfo(f"srv/{number}")
                entry.size = _HALF + len(text)
                tar.addfile(entry, BytesIO(chance.randbytes(_HALF) + text))
    content = writer.file(packed, f"{LAYER}+gzip")
    return Layer(content, f"sha256:{hashing.sha256.hexdigest()}", "COPY large files")
