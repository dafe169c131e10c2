"""Which files there are, and how they add up (containers-registries.conf.d(5))."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from shale.errors import NotFound
from shale.linux.durable import NoPermission
from shale.registry.client.hosts.document import Configuration, InvalidConfiguration, parse_configuration

__all__ = [
    "ConfigurationMissing",
    "HostPaths",
    "configuration_files",
    "host_paths_from",
    "load_configuration",
]

_LIMIT: Final = 8 * 1024 * 1024


class ConfigurationMissing(NotFound):
    """The file that $CONTAINERS_REGISTRIES_CONF names is not there."""


class HostPaths(msgspec.Struct, frozen=True):
    """Where configuration is looked for; none of it need exist but `chosen`.

    Attributes:
        chosen: the main file where the user names one, or None.
        user: the user's main file; where it exists, nothing of the system's is read.
        system: the system's main file.
        user_drop_ins: folder of files ending in `.conf`, read in the order of their names.
        system_drop_ins: the same, read before the user's.
        certificates: folders with one folder per `host[:port]`; the first that exists counts.
    """

    chosen: Path | None
    user: Path
    system: Path
    user_drop_ins: Path
    system_drop_ins: Path
    certificates: tuple[Path, ...]


def host_paths_from(environ: Mapping[str, str], home: Path, etc: Path = Path("/etc")) -> HostPaths:
    """The usual places, without touching the disk.

    Args:
        environ: the variables of the caller's environment.
        home: the user's home folder.
        etc: the system's configuration.
    """
    configuration = environ.get("XDG_CONFIG_HOME")
    own = (Path(configuration) if configuration else home / ".config") / "containers"
    chosen = environ.get("CONTAINERS_REGISTRIES_CONF")
    return HostPaths(
        chosen=Path(chosen) if chosen else None,
        user=own / "registries.conf",
        system=etc / "containers" / "registries.conf",
        user_drop_ins=own / "registries.conf.d",
        system_drop_ins=etc / "containers" / "registries.conf.d",
        certificates=(own / "certs.d", etc / "containers" / "certs.d", etc / "docker" / "certs.d"),
    )


def load_configuration(paths: HostPaths) -> Configuration:
    """Read the files and add them up.

    A later file replaces tables of the same prefix and aliases of the same name.

    Raises:
        ConfigurationMissing: the file that the user named is not there.
        InvalidConfiguration: a file is malformed.
        NoPermission: a file is there and cannot be read.
    """
    registries = {}
    aliases: dict[str, str] = {}
    search: tuple[str, ...] | None = None
    for path in _files(paths):
        text = _read(path)
        if text is None:
            if path == paths.chosen:
                raise ConfigurationMissing(f"{path}, which CONTAINERS_REGISTRIES_CONF names, is not there")
            continue
        said = parse_configuration(text, str(path))
        registries.update(said.registries)
        aliases.update(said.aliases)
        search = said.search if said.search is not None else search
    return Configuration(registries, {name: full for name, full in aliases.items() if full}, search)


def configuration_files(paths: HostPaths) -> list[Path]:
    """The files that there are, in the order in which `load_configuration` reads them."""
    return [path for path in _files(paths) if os.path.isfile(path)]


def _files(paths: HostPaths) -> Iterator[Path]:
    if paths.chosen is None and os.path.isfile(paths.user):
        yield paths.user
        yield from _drop_ins(paths.user_drop_ins)
        return
    yield paths.chosen or paths.system
    yield from _drop_ins(paths.system_drop_ins)
    yield from _drop_ins(paths.user_drop_ins)


def _drop_ins(folder: Path) -> list[Path]:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise NoPermission(f"reading {folder}: permission denied; check who owns it") from error
    return [folder / name for name in sorted(names) if name.endswith(".conf") and os.path.isfile(folder / name)]


def _read(path: Path) -> str | None:
    """The file's text; None where there is none."""
    try:
        with open(path, "rb") as file:
            raw = file.read(_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise InvalidConfiguration(f"{path} is a folder, not a file") from error
    except PermissionError as error:
        raise NoPermission(f"reading {path}: permission denied; check who owns it") from error
    if len(raw) > _LIMIT:
        raise InvalidConfiguration(f"{path} is larger than {_LIMIT} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{path} is not UTF-8") from error
