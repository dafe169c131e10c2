"""Which program runs containers here, for a person who wants to know why."""

from __future__ import annotations

import os

import msgspec

from shale.engine.settings import Settings
from shale.errors import ShaleError

__all__ = ["KnownRuntime", "runtime_of"]


class KnownRuntime(msgspec.Struct, frozen=True):
    """What is known of the program that runs containers.

    Attributes:
        name: with its version; empty where there is none, or none was looked for yet.
        refused: those that do not work here, each with the reason.
        problem: why there is none.
    """

    name: str
    refused: tuple[str, ...]
    problem: str = ""


def runtime_of(settings: Settings) -> KnownRuntime:
    """Find it out, or for an ordinary user outside of a namespace what was found out when a container ran."""
    from shale.runtime.selftest import remembered, select_runtime  # noqa: PLC0415 - not for who imports the engine

    if os.geteuid() != 0:
        verdicts = remembered(settings.root)
        name = next((f"{one.name} {one.version}" for one in verdicts if one.passed), "")
        problem = "" if name else "not tried yet: the first container does that"
        return KnownRuntime(name, tuple(one.sentence for one in verdicts if not one.passed), problem)
    try:
        selection = select_runtime(settings.root, settings.environ)
    except ShaleError as error:
        return KnownRuntime("", (), error.message)
    return KnownRuntime(selection.driver.name, tuple(one.sentence for one in selection.refused))
