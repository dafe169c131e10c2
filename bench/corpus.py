"""The images that the rows about containers use: real systems, many small files, few large ones, relatives."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from bench.large import kept, large_image
from bench.stage import Stage
from peers import trees
from peers.layout import Layer, LayoutImage, LayoutWriter

SMALL = 50_000
"""Files of the image of many small files."""
_IN_FOLDER = 250
_LARGE = 16
"""Files of 32 MiB: half a gigabyte."""
_RELATED = 10
_MEDIUM = 6
"""Files of 32 MiB: some 200 MB."""

Recipe = Callable[[LayoutWriter], Layer]


def small_image(stage: Stage) -> LayoutImage:
    """busybox, and 50,000 files of up to 2,000 bytes in folders of 250."""
    return kept(stage, "bench-small-1", partial(_system, stage), partial(_many, SMALL, 1))


def half_gigabyte(stage: Stage) -> LayoutImage:
    """Sixteen files of 32 MiB."""
    return large_image(stage, _LARGE)


def related_images(stage: Stage) -> list[LayoutImage]:
    """Ten images that share busybox and 5,000 files; each has 500 files of its own."""
    shared: list[Recipe] = [partial(_system, stage), partial(_many, 5_000, 2)]
    return [
        kept(
            stage,
            f"bench-related-{number}-1",
            *shared,
            partial(_many, 500, 100 + number, folder=f"own/{number}"),
        )
        for number in range(_RELATED)
    ]


def before_and_after(stage: Stage) -> tuple[LayoutImage, LayoutImage]:
    """An image of 200 MB, and the same after a layer with one file was changed."""
    before = large_image(stage, _MEDIUM)
    [layer] = before.document()["layers"]
    config = before.document(before.document()["config"]["digest"])

    def same(writer: LayoutWriter) -> Layer:
        copy = writer.folder / "same.packed"
        copy.write_bytes(before.blob(layer["digest"]).read_bytes())
        return Layer(writer.file(copy, layer["mediaType"]), config["rootfs"]["diff_ids"][0], "COPY large files")

    versions = [kept(stage, f"bench-edited-{number}-1", same, partial(_edit, number)) for number in (1, 2)]
    return versions[0], versions[1]


def _system(stage: Stage, writer: LayoutWriter) -> Layer:
    tar = writer.folder / "system.tar"
    trees.busybox(tar, stage.ground.env)
    return writer.layer(tar, "ADD busybox")


def _many(count: int, seed: int, writer: LayoutWriter, folder: str = "srv") -> Layer:
    chance = random.Random(seed)
    path = writer.folder / "many.tar"
    with trees.writing(path) as tar:
        parts = folder.split("/")
        for depth in range(len(parts)):
            tar.folder("/".join(parts[: depth + 1]))
        for number in range(count):
            inside, file = divmod(number, _IN_FOLDER)
            if not file:
                tar.folder(f"{folder}/{inside:03}")
            tar.file(f"{folder}/{inside:03}/{file:03}", chance.randbytes(chance.randrange(2_000)))
    return writer.layer(path, f"COPY {count} files")


def _edit(version: int, writer: LayoutWriter) -> Layer:
    path = writer.folder / "edit.tar"
    with trees.writing(path) as tar:
        tar.folder("etc")
        tar.file("etc/version", b"%d\n" % version)
    return writer.layer(path, "COPY version /etc/")
