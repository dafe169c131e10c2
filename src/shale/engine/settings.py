"""Where things are on this machine: the one place that knows the names of environment variables.

Pure: the environment is passed in, by the command line or by `Engine.open`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from shale.oci.platform import Platform

__all__ = ["Settings", "settings_from"]

_SYSTEM_ROOT: Final = "/var/lib/shale"


class Settings(NamedTuple):
    """What an engine needs to know of its surroundings.

    Attributes:
        folder: of the store: the text of `root`, which takes long to import what paths are made of.
        home_folder: the same of `home`.
        environ: the variables that the ecosystem's configuration files and proxies are found by.
        machine: what `uname` calls the processor, and the system.
        wanted: the platform to choose instead of the machine's; empty where none is set.
    """

    folder: str
    home_folder: str
    environ: Mapping[str, str]
    machine: tuple[str, str]
    wanted: str = ""

    @property
    def root(self) -> Path:
        """The folder of the store."""
        from pathlib import Path  # noqa: PLC0415 - see `folder`

        return Path(self.folder)

    @property
    def home(self) -> Path:
        """The user's home, below which configuration lies."""
        from pathlib import Path  # noqa: PLC0415 - see `folder`

        return Path(self.home_folder)

    @property
    def host(self) -> Platform:
        """The platform to choose where none is given.

        Raises:
            InvalidPlatform: the one that is set is malformed.
        """
        from shale.oci.platform import host_platform, parse_platform  # noqa: PLC0415 - most lists never ask

        host = host_platform(*self.machine)
        return parse_platform(self.wanted, host) if self.wanted else host


def settings_from(
    environ: Mapping[str, str], *, user: int, root: str | os.PathLike[str] | None = None
) -> Settings:
    """Settings for a process.

    Args:
        environ: its environment: `SHALE_ROOT`, `XDG_DATA_HOME`, `HOME`, `SHALE_DEFAULT_PLATFORM` (or
            `DOCKER_DEFAULT_PLATFORM`), and what the ecosystem's files are found by.
        user: its effective user id outside of a user namespace of ours; 0 has the system's store.
        root: the store's folder where it was given on the command line or by a caller.

    Raises:
        InvalidPlatform: the default platform is malformed.
    """
    home = environ.get("HOME") or "/"
    machine = os.uname()
    settings = Settings(
        folder=_absolute(root) if root is not None else _root(environ, home, user),
        home_folder=home,
        environ=environ,
        machine=(machine.machine, machine.sysname),
        wanted=environ.get("SHALE_DEFAULT_PLATFORM") or environ.get("DOCKER_DEFAULT_PLATFORM") or "",
    )
    if settings.wanted:
        _ = settings.host  # a mistake in it is told at once, whatever is done
    return settings


def _root(environ: Mapping[str, str], home: str, user: int) -> str:
    if environ.get("SHALE_ROOT"):
        return _absolute(environ["SHALE_ROOT"])
    if user == 0:
        return _SYSTEM_ROOT
    data = environ.get("XDG_DATA_HOME")
    return os.path.join(data if data and os.path.isabs(data) else os.path.join(home, ".local/share"), "shale")


def _absolute(folder: str | os.PathLike[str]) -> str:
    text = os.fspath(folder)
    return text if os.path.isabs(text) else os.path.join(os.getcwd(), text)
