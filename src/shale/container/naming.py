"""Names and ids of containers: docker's rules for both, and random ones where the caller gives none."""

from __future__ import annotations

import os
import re
import struct
from typing import Final

from shale.errors import AlreadyExists, Conflict, Invalid, NotFound

__all__ = [
    "AmbiguousContainer",
    "ContainerNotFound",
    "InvalidName",
    "NameInUse",
    "check_name",
    "new_id",
    "random_name",
]

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")

# Stone, water and weather; and people who found out what those are.
_ADJECTIVES: Final = (
    "ancient amber basalt bedded bright calm chalky clear coarse cobalt cool coral crystal curved deep "
    "drifting dusky eastern even faint fair fine flat folded fresh gentle glassy golden granite green "
    "grey hidden hollow humid icy inland jagged layered level light limpid loamy lofty marine mellow "
    "milky misty mossy narrow northern ochre opal open pale patient placid plain polished quiet rapid "
    "rippled rolling round russet sandy shaded sheer silent silty slate slow smooth soft southern sparse "
    "stony stratified sunlit tidal tilted upland vast veined warm weathered western white wide windy"
)
_SURNAMES: Final = (
    "agassiz agricola anning argelander barrell bascom bjerknes bowen bragg brongniart buckland cuvier "
    "dana davis daly desmarest duluc dutton eskola ewing forbes galloway gilbert goldschmidt gould "
    "gressly gutenberg hall haug haughton hess hooke howard humboldt hutton jeffreys joly kepler kuenen "
    "lapworth lehmann logan lonsdale lyell marsh mawson miller milne mohs mohorovicic moro murchison "
    "nansen palissy penck phillips playfair powell ramsay richter rosenbusch saussure sedgwick seward "
    "smith sorby steno stokes strutt suess tharp tyndall ussher vening wadia walcott walther wegener "
    "werner whewell wilson woodward zirkel"
)


class InvalidName(Invalid):
    """A name is not one that a container can have."""


class NameInUse(AlreadyExists):
    """Another container has that name.

    Attributes:
        name: the name.
        owner: the id of the container that has it.
    """

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(
            f'conflict. The container name "/{name}" is already in use by container "{owner}". You have to '
            "remove (or rename) that container to be able to reuse that name."
        )
        self.name = name
        self.owner = owner


class ContainerNotFound(NotFound):
    """The store has no such container."""

    def __init__(self, text: str) -> None:
        super().__init__(f"no such container: {text}")
        self.text = text


class AmbiguousContainer(Conflict):
    """The beginning of an id fits several containers."""


def new_id() -> str:
    """An id that nobody has."""
    while True:
        text = os.urandom(32).hex()
        # As docker does: the short form must not read as a number, which programs take it for.
        if not text[:12].isdigit():
            return text


def random_name(attempt: int = 0) -> str:
    """A name such as `quiet_lyell`; from the second attempt on with a digit that makes it rarer."""
    # Of the system's chance: Python's own takes longer to import than a list of containers takes.
    first, second, third = struct.unpack("<3I", os.urandom(12))
    adjectives, surnames = _ADJECTIVES.split(), _SURNAMES.split()
    name = f"{adjectives[first % len(adjectives)]}_{surnames[second % len(surnames)]}"
    return f"{name}{third % 10}" if attempt else name


def check_name(text: str) -> str:
    """The name that a person means; docker's leading slash is taken off.

    Raises:
        InvalidName: a character that names do not have, or fewer than two characters.
    """
    name = text.removeprefix("/")
    if not _NAME.match(name):
        raise InvalidName(
            f"invalid container name ({text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, at least two of them"
        )
    return name
