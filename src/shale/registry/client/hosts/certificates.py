"""Certificates of one registry: `certs.d/HOST[:PORT]/` (containers-certs.d(5), docker's certs.d).

*.crt    a certificate authority to trust besides the system's
*.cert   our certificate, with its key in *.key of the same name
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from shale.errors import Invalid
from shale.linux.durable import NoPermission
from shale.registry.client.endpoint import Tls

__all__ = ["InvalidCertificates", "read_certificates"]


class InvalidCertificates(Invalid):
    """A folder of certificates has a certificate without its key, or a key without its certificate."""


def read_certificates(folders: Sequence[Path], hosts: Sequence[str]) -> Tls:
    """What the first folder that exists says about a registry; nothing where none does.

    Args:
        folders: the `certs.d` folders, in the order in which they are asked.
        hosts: the names of the registry, as `host[:port]`; registry-1.docker.io goes by docker.io too.

    Raises:
        InvalidCertificates: certificate and key do not come in pairs.
        NoPermission: the folder is there and cannot be read.
    """
    for folder in folders:
        for host in hosts:
            names = _names(folder, host)
            if names is not None:
                return _sorted_out(folder / host, names)
    return Tls()


def _names(folder: Path, host: str) -> list[str] | None:
    """The names in a registry's folder; None where there is none."""
    if "/" in host or "\0" in host or host in ("", ".", ".."):
        return None
    try:
        outer = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        # /etc/docker/certs.d is often root's own; docker's clients pass it over too.
        return None
    try:
        inner = os.open(host, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=outer)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise NoPermission(f"reading {folder / host}: permission denied; check who owns it") from error
    finally:
        os.close(outer)
    try:
        return sorted(os.listdir(inner))
    finally:
        os.close(inner)


def _sorted_out(folder: Path, names: Sequence[str]) -> Tls:
    present = set(names)
    pairs = []
    for name in names:
        stem, dot, kind = name.rpartition(".")
        if dot and kind == "cert":
            if f"{stem}.key" not in present:
                raise InvalidCertificates(
                    f"{folder / name} has no {stem}.key beside it; a certificate authority must be named *.crt"
                )
            pairs.append((folder / name, folder / f"{stem}.key"))
        if dot and kind == "key" and f"{stem}.cert" not in present:
            raise InvalidCertificates(
                f"{folder / name} has no {stem}.cert beside it; add our certificate, or remove the key"
            )
    authorities = tuple(folder / name for name in names if name.endswith(".crt"))
    return Tls(authorities=authorities, client_pairs=tuple(pairs))
