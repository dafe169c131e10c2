"""What every hostile image goes through as a whole: brought, mounted, unpacked, copied to, exported, run.

Each of these ends well or in an error of shale's own kinds; anything else is raised. What it does to the tree
around is for the caller to see.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from faults.hands import build
from layer_trees import Entry, file, folder, layer
from shale import Engine
from shale.errors import ShaleError
from store_images import Image

__all__ = ["BASE", "Steps", "image_of", "names_of", "visit"]

Steps = dict[str, str]
"""By step: empty, or the kind of error that it ended in."""

BUSYBOX = Path("/bin/busybox")
MEANNESS = """
for name in "$@"; do
    echo x > "/$name"; chmod 4777 "/$name"; chown 9:9 "/$name"; ln "/$name" /again; mkdir -p "/$name/new"
    echo x > "/$name/hello"; echo x > "/$name/new/file"; rm -rf "/$name/folder" "/$name"
done 2>/dev/null
echo survived
"""
"""Shell for inside: writes to, dresses and removes whatever the names of a layer lead to."""


def base() -> bytes:
    """A small system below the hostile layers, so that there is something to run."""
    return layer(
        folder("bin"), folder("etc"), folder("tmp", 0o1777),
        file("bin/busybox", BUSYBOX.read_bytes(), mode=0o755),
        file("etc/passwd", b"root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n"),
        file("etc/group", b"root:x:0:\n"),
    )  # fmt: skip


BASE = base()


def image_of(layers: Iterable[bytes], config: Mapping[str, Any] | None = None, **more: Any) -> Image:
    """An image with these layers above the base.

    Args:
        layers: their tars.
        config: execution parameters.
        more: further fields of the image's config.
    """
    tars = [BASE, *layers]
    return build(tars, tars, config={"Cmd": ["/bin/busybox", "true"], **(config or {})}, **more)


def names_of(layers: Iterable[Sequence[Entry]]) -> list[str]:
    """The names of entries that a command line can hold."""
    names = [entry.name for entries in layers for entry in entries]
    return [name for name in dict.fromkeys(names) if name and len(name) < 4000 and "\0" not in name]


def visit(
    engine: Engine, bring: Callable[[], str], to: Path, names: Sequence[str], *, run: bool = True
) -> Steps:
    """Do everything with an image.

    Args:
        engine: an open engine.
        bring: gets the image into the store; its digest.
        to: a new or empty folder to unpack to.
        names: what to copy, and to write to.
        run: whether it is run, too.
    """
    steps: Steps = {}
    found: list[str] = []
    if _attempt(steps, "bring", lambda: found.append(bring())):
        (image,) = found
        _attempt(steps, "mount", lambda: _walk(engine, image))
        _attempt(steps, "unpack", lambda: engine.images.unpack(image, to))
        _attempt(steps, "use", lambda: _use(engine, image, names, run=run))
        engine.images.remove(image, force=True)
    return steps


def _attempt(steps: Steps, step: str, work: Callable[[], object]) -> bool:
    try:
        work()
    except ShaleError as error:
        steps[step] = type(error).__name__
        return False
    steps[step] = ""
    return True


def _walk(engine: Engine, image: str) -> None:
    with engine.images.mount(image) as place:
        subprocess.run(["find", str(place), "-ls"], stdout=subprocess.DEVNULL, check=True)


def _use(engine: Engine, image: str, names: Sequence[str], *, run: bool) -> None:
    words = [os.fsencode(name).decode("utf-8", "replace") for name in names]
    with engine.containers.temporary(image, "/bin/busybox", "sh", "-c", MEANNESS, "sh", *words) as container:
        for name in names:
            with suppress(ShaleError):
                engine.containers.copy_from(container.id, f"/{name}", io.BytesIO(), follow=True)
            for path in (f"{name}/hello", name):
                with suppress(ShaleError):
                    engine.containers.copy_to(container.id, io.BytesIO(_one_file(path)), "/")
        engine.containers.export(container.id, io.BytesIO())
        engine.containers.diff(container.id)
        if run:
            result = container.run()
            assert result.stdout == b"survived\n", result
            engine.images.remove(str(engine.containers.commit(container.id).id), force=True)


def _one_file(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", errors="surrogateescape") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    return buffer.getvalue()
