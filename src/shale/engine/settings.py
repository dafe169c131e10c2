"""Where things are on this machine: the one place that knows the names of environment variables.

Pure: the environment is passed in, by the command line or by `Engine.open`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from shale.oci.platform import Platform

__all__ = ["Settings", "settings_from"]

_SYSTEM_ROOT: Final = Path("/var/lib/shale")


class Settings(NamedTuple):
    """What an engine needs to know of its surroundings.

    Attributes:
        root: the folder of the store.
        home: the user's home, below which configuration lies.
        environ: the variables that the ecosystem's configuration files and proxies are found by.
        machine: what `uname` calls the processor, and the system.
        wanted: the platform to choose instead of the machine's; empty where none is set.
    """

    root: Path
    home: Path
    environ: Mapping[str, str]
    machine: tuple[str, str]
    wanted: str = ""

    @property
    def host(self) -> Platform:
        """The platform to choose where none is given.

        Raises:
            InvalidPlatform: the one that is set is malformed.
        """
        from shale.oci.platform import host_platform, parse_platform  # noqa: PLC0415 - most lists never ask

        host = host_platform(*self.machine)
        return parse_platform(self.wanted, host) if self.wanted else host


def settings_from(environ: Mapping[str, str], *, user: int, root: Path | None = None) -> Settings:
    """Settings for a process.

    Args:
        environ: its environment: `SHALE_ROOT`, `XDG_DATA_HOME`, `HOME`, `SHALE_DEFAULT_PLATFORM` (or
            `DOCKER_DEFAULT_PLATFORM`), and what the ecosystem's files are found by.
        user: its effective user id; 0 has the system's store.
        root: the store's folder where it was given on the command line or by a caller.

    Raises:
        InvalidPlatform: the default platform is malformed.
    """
    home = Path(environ.get("HOME") or "/")
    machine = os.uname()
    settings = Settings(
        root=root or _root(environ, home, user),
        home=home,
        environ=environ,
        machine=(machine.machine, machine.sysname),
        wanted=environ.get("SHALE_DEFAULT_PLATFORM") or environ.get("DOCKER_DEFAULT_PLATFORM") or "",
    )
    if settings.wanted:
        _ = settings.host  # a mistake in it is told at once, whatever is done
    return settings


def _root(environ: Mapping[str, str], home: Path, user: int) -> Path:
    if environ.get("SHALE_ROOT"):
        return Path(environ["SHALE_ROOT"]).absolute()
    if user == 0:
        return _SYSTEM_ROOT
    data = environ.get("XDG_DATA_HOME")
    return (Path(data) if data and Path(data).is_absolute() else home / ".local" / "share") / "shale"
