"""Layers made in a temporary folder, in one form or another, and looked at as the kernel shows them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from mounted_trees import Found, read_tree
from shale.snapshot.form import Built, LayerForm

PIECE = 70_000
"""Bytes of tar that are fed at once: no multiple of a block."""


class Bench:
    """A folder for layers of one form."""

    def __init__(self, form: LayerForm, path: Path) -> None:
        self.form = form
        self.path = path
        self.folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._made = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.folder)

    def build(self, tar: bytes, name: str = "", piece: int = PIECE) -> Built:
        """Make a layer."""
        self._made += 1
        builder = self.form.builder(self.folder, name or f"layer-{self._made}")
        try:
            for at in range(0, len(tar), piece):
                builder.feed(memoryview(tar)[at : at + piece])
            return builder.finish()
        finally:
            builder.close()

    @property
    def last(self) -> str:
        """The name of the layer that was made last without one."""
        return f"layer-{self._made}"

    @contextmanager
    def mounted(self, name: str) -> Iterator[int]:
        """The root of a layer."""
        root = self.form.open(self.folder, name)
        try:
            yield root
        finally:
            os.close(root)

    def tree(self, tar: bytes) -> dict[bytes, Found]:
        """What a layer of this tar has."""
        self.build(tar)
        with self.mounted(self.last) as root:
            return read_tree(root)
