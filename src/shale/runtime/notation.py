"""What people type about devices, limits and hosts, as docker reads it, turned into wishes. Pure text.

    device   = source [ ":" target ] [ ":" permissions ]                    --device
    ulimit   = name "=" soft [ ":" hard ]                                   --ulimit
    add-host = name ":" address | name "=" address                          --add-host

Mounts are in `mountnotation`. Specification: the docker command line's reference of `docker container run`.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from shale.errors import Invalid, Unsupported
from shale.runtime.wishes import DeviceWish, ResourceLimit

__all__ = ["InvalidNotation", "absolute_path", "parse_device", "parse_host", "parse_size", "parse_ulimit"]

_SIZE: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))? ?([bkmgtp]?)(?:i?b)?\Z", re.IGNORECASE)
_LARGEST: Final = 2**63 - 1
"""What the kernel and runtimes count with."""
_LIMITS: Final = frozenset({
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
    "rtprio", "rttime", "sigpending", "stack",
})  # fmt: skip


class InvalidNotation(Invalid):
    """A text is not a mount, a device or a limit."""


def parse_device(text: str) -> DeviceWish:
    """Read `--device`.

    Raises:
        InvalidNotation: it is no device.
    """
    parts = text.split(":")
    permissions = parts.pop() if len(parts) > 1 and _is_permissions(parts[-1]) else "rwm"
    source, target = (parts * 2)[:2]
    if len(parts) > 2 or not _is_permissions(permissions):
        raise InvalidNotation(
            f"invalid device {text!r}: expected SOURCE[:TARGET][:rwm], as /dev/fuse:/dev/fuse:rw"
        )
    return DeviceWish(
        source=absolute_path(source, text), target=absolute_path(target, text), permissions=permissions
    )


def _is_permissions(text: str) -> bool:
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)


def parse_ulimit(text: str) -> ResourceLimit:
    """Read `--ulimit`: `nofile=1024:4096`; one number is both, -1 is no limit.

    Raises:
        InvalidNotation: it is no limit, or the soft one is above the hard one.
    """
    name, equals, values = text.partition("=")
    if not equals or name not in _LIMITS:
        raise InvalidNotation(
            f"invalid ulimit {text!r}: expected NAME=SOFT[:HARD]; names are {', '.join(sorted(_LIMITS))}"
        )
    try:
        soft, hard = (([int(one) for one in values.split(":")]) * 2)[:2]
    except ValueError:
        raise InvalidNotation(f"invalid ulimit {text!r}: a limit is a number, -1 for none") from None
    if max(soft, hard) > _LARGEST:
        raise InvalidNotation(f"invalid ulimit {text!r}: a limit is less than 2^63, -1 for none")
    if values.count(":") > 1 or min(soft, hard) < -1 or soft % 2**64 > hard % 2**64:
        raise InvalidNotation(f"invalid ulimit {text!r}: the soft limit is at most the hard one")
    return ResourceLimit(name=name, soft=soft, hard=hard)


def parse_host(text: str) -> tuple[str, str]:
    """Read `--add-host`: a name and an address.

    Raises:
        InvalidNotation: it is none.
        Unsupported: the address is `host-gateway`, which needs a network that is not there yet.
    """
    separator = "=" if "=" in text else ":"
    name, _, address = text.partition(separator)
    if address == "host-gateway":
        raise Unsupported(f"{text!r}: there is no gateway without a network of the container's own")
    try:
        parsed = ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise InvalidNotation(f"invalid host {text!r}: expected NAME:ADDRESS, as db:10.0.0.5") from None
    if not name or any(character.isspace() or character == "#" for character in name):
        raise InvalidNotation(f"invalid host {text!r}: {name!r} is not the name of a host")
    return name, str(parsed)


def parse_size(text: str) -> int:
    """Bytes: `64m`, `1.5GiB`, `4096`; a unit is a power of 1024, as docker counts memory.

    Raises:
        InvalidNotation: it is no size.
    """
    found = _SIZE.match(text)
    if found is None or len(text) > 40:
        raise InvalidNotation(f"invalid size {text!r}: expected a number and one of b, k, m, g, as 64m")
    unit: int = 1024 ** "bkmgtp".index((found[3] or "b").lower())
    whole, part = int(found[1]), found[2] or ""
    size = whole * unit + int(int(part or 0) * unit / 10 ** len(part))
    if size > _LARGEST:
        raise InvalidNotation(f"invalid size {text!r}: it is more than {_LARGEST} bytes")
    return size


def absolute_path(path: str, text: str) -> str:
    """A path that was checked.

    Args:
        path: which.
        text: what it stood in, for the message.

    Raises:
        InvalidNotation: it is relative.
    """
    if not path.startswith("/") or "\0" in path:
        raise InvalidNotation(f"{text!r}: {path!r} is not an absolute path")
    return path
