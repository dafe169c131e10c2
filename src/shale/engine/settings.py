"""Where things are on this machine: the one place that knows the names of environment variables.

Pure: the environment is passed in, by the command line or by `Engine.open`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shale.oci.platform import Platform, host_platform, parse_platform

__all__ = ["Settings", "settings_from"]

_SYSTEM_ROOT: Final = Path("/var/lib/shale")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an engine needs to know of its surroundings.

    Attributes:
        root: the folder of the store.
        home: the user's home, below which configuration lies.
        host: the platform to choose where none is given.
        environ: the variables that the ecosystem's configuration files and proxies are found by.
    """

    root: Path
    home: Path
    host: Platform
    environ: Mapping[str, str] = field(default_factory=dict)


def settings_from(environ: Mapping[str, str], *, user: int, root: Path | None = None) -> Settings:
    """Settings for a process.

    Args:
        environ: its environment: `SHALE_ROOT`, `XDG_DATA_HOME`, `HOME`, `SHALE_DEFAULT_PLATFORM` (or
            `DOCKER_DEFAULT_PLATFORM`), and what the ecosystem's files are found by.
        user: its effective user id outside of a user namespace of ours; 0 has the system's store.
        root: the store's folder where it was given on the command line or by a caller.

    Raises:
        InvalidPlatform: the default platform is malformed.
    """
    home = Path(environ.get("HOME") or "/")
    machine = os.uname()
    host = host_platform(machine.machine, machine.sysname)
    wanted = environ.get("SHALE_DEFAULT_PLATFORM") or environ.get("DOCKER_DEFAULT_PLATFORM")
    if wanted:
        host = parse_platform(wanted, host)
    return Settings(root=root or _root(environ, home, user), home=home, host=host, environ=environ)


def _root(environ: Mapping[str, str], home: Path, user: int) -> Path:
    if environ.get("SHALE_ROOT"):
        return Path(environ["SHALE_ROOT"]).absolute()
    if user == 0:
        return _SYSTEM_ROOT
    data = environ.get("XDG_DATA_HOME")
    return (Path(data) if data and Path(data).is_absolute() else home / ".local" / "share") / "shale"
