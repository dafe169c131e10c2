"""What the configuration of this machine says, for a person who wants to know why: never a credential."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shale.engine.settings import Settings
from shale.linux.outside import outer_user
from shale.registry.client.credentials.paths import auth_files_from
from shale.registry.client.hosts.sources import configuration_files, host_paths_from, load_configuration

__all__ = ["ConfiguredRegistry", "Surroundings", "registries_of"]


class ConfiguredRegistry(msgspec.Struct, frozen=True):
    """What `registries.conf` says of one prefix.

    Attributes:
        prefix: of the names that it is about.
        location: where they are; empty where that is the prefix itself.
        insecure: whether plain http and unverified https are allowed.
        blocked: whether nothing may be pulled or pushed there.
        mirrors: places that are asked first.
    """

    prefix: str
    location: str
    insecure: bool
    blocked: bool
    mirrors: Sequence[str]


class Surroundings(msgspec.Struct, frozen=True):
    """The configuration that was found.

    Attributes:
        files: of registries, in the order in which they count.
        credential_files: that are there; not read.
        registries: what the files say, by prefix.
    """

    files: Sequence[Path]
    credential_files: Sequence[Path]
    registries: Sequence[ConfiguredRegistry]


def registries_of(settings: Settings) -> Surroundings:
    """Read the configuration of registries.

    Raises:
        InvalidConfiguration, ConfigurationMissing, NoPermission: see `load_configuration`.
    """
    paths = host_paths_from(settings.environ, settings.home)
    tables = load_configuration(paths).registries.values()
    credentials = auth_files_from(settings.environ, settings.home, outer_user(settings.environ))
    return Surroundings(
        files=configuration_files(paths),
        credential_files=[path for path in credentials if os.access(path, os.R_OK)],
        registries=[
            ConfiguredRegistry(
                table.prefix, table.location, bool(table.insecure), table.blocked,
                [mirror.location for mirror in table.mirrors],
            )
            for table in sorted(tables, key=lambda table: table.prefix)
        ],
    )  # fmt: skip
