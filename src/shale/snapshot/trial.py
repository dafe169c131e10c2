"""Trying a form of layers out: two small layers made, stacked, read and written on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from shale.errors import ShaleError
from shale.layer.entry import TreeEntry
from shale.layer.header import DIRECTORY
from shale.layer.writer import END, header_of
from shale.snapshot.form import LayerForm
from shale.snapshot.overlay import stack_of

__all__ = ["FormFails", "try_form"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FormFails(ShaleError):
    """A form does not do what it should."""


def try_form(root: int, name: str, form: LayerForm, *, user: bool) -> None:
    """Make two layers, look at them, and change something.

    Args:
        root: descriptor of a folder.
        name: of an empty folder in it, for all of this.
        form: the form.
        user: whether it marks what is removed in `user.overlay.*`.

    Raises:
        ShaleError, OSError: what does not work.
    """
    with ExitStack() as held:

        def keep(descriptor: int) -> int:
            held.callback(os.close, descriptor)
            return descriptor

        folder = keep(os.open(name, _FOLDER, dir_fd=root))
        lowers: list[int] = []
        for number, tar in enumerate(_layers()):
            builder = form.builder(folder, f"layer{number}")
            held.callback(builder.close)
            builder.feed(tar)
            builder.finish()
            lowers.insert(0, keep(form.open(folder, f"layer{number}")))
        stack = stack_of(lowers, user=user)
        view = keep(stack.view())
        if _names(view) != ["kept"] or _names(view, "kept") != ["new"]:
            raise FormFails("files that were removed are still there")
        for part in ("upper", "work"):
            os.mkdir(part, dir_fd=folder)
        upper, work = (keep(os.open(part, _FOLDER, dir_fd=folder)) for part in ("upper", "work"))
        changing = keep(stack.mount(upper, work))
        os.unlink("kept/new", dir_fd=changing)
        if _names(changing, "kept") or _names(view, "kept") != ["new"]:
            raise FormFails("changes do not stay where they should")


def _names(folder: int, below: str = ".") -> list[str]:
    opened = os.open(below, _FOLDER, dir_fd=folder)
    try:
        return sorted(os.listdir(opened))
    finally:
        os.close(opened)


def _layers() -> Sequence[bytes]:
    """The tars of two layers: the second removes two files of the first, and has one of its own."""

    def tar(folder: bytes, *files: bytes) -> bytes:
        entries = [TreeEntry(folder, DIRECTORY, 0o755), *(TreeEntry(name, mode=0o644) for name in files)]
        return b"".join([*map(header_of, entries), END])

    return tar(b"kept", b"kept/old", b"gone"), tar(b"kept", b".wh.gone", b"kept/.wh.old", b"kept/new")
