"""A container that a caller wants: which image, and what else was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shale.runtime.wishes import RunWishes

__all__ = ["Wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A container to make.

    Attributes:
        image: a name or an id.
        command: instead of the image's own, and of that of the wishes.
        wishes: everything else; None for nothing.
        name: of the container; empty for any.
        remove: whether it goes when its process has ended.
        platform: of the image; None for this machine's.
    """

    image: str
    command: tuple[str, ...] = ()
    wishes: RunWishes | None = None
    name: str = ""
    remove: bool = False
    platform: str | None = None
