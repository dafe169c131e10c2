"""`-v`, `--mount` and `--tmpfs`, as docker reads them.

Grammar: docs.docker.com "Bind mounts", "tmpfs mounts"; github.com/docker/cli opts/mount.go.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from typing import Final

from shale.cli.render.units import InvalidSize, parse_memory
from shale.errors import Invalid, Unsupported
from shale.runtime.wishes import BindMount, MountWish, Propagation, TmpfsMount, VolumeMount

__all__ = ["InvalidMount", "parse_mount", "parse_tmpfs", "parse_volume"]

_IGNORED: Final = frozenset({"z", "Z", "cached", "delegated", "consistent", "default"})
"""Options of `-v` that are about other systems: SELinux labels, and machines that are not Linux."""
_TMPFS_FLAGS: Final = frozenset(
    "exec noexec suid nosuid dev nodev sync async dirsync atime noatime diratime nodiratime relatime norelatime "  # noqa: SIM905 - words
    "strictatime nostrictatime".split()
)
_TMPFS_VALUES: Final = frozenset({"uid", "gid", "nr_inodes", "nr_blocks", "mpol"})
_TRUE: Final = frozenset({"", "1", "t", "true"})
_FALSE: Final = frozenset({"0", "f", "false"})


class InvalidMount(Invalid):
    """A mount is malformed."""


def parse_volume(text: str) -> MountWish:
    """Read `-v`: `/host:/container[:options]`, or `/container` for a folder of the container's own.

    Raises:
        InvalidMount: malformed.
        Unsupported: a volume with a name.
    """
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise InvalidMount(f"invalid volume specification: '{text}'")
    options = parts[2].split(",") if len(parts) == 3 else []
    target = parts[0] if len(parts) == 1 else parts[1]
    if len(parts) == 2 and not target.startswith("/"):
        # `/data:ro`: options of a volume without a source.
        target, options, parts = parts[0], parts[1].split(","), parts[:1]
    _check_target(target, text)
    if target.strip("/") == "":
        raise InvalidMount(f"invalid volume specification: '{text}': destination can't be '/'")
    if len(parts) == 1:
        flags = _volume_options(options, text, frozenset({"nocopy"}))
        return VolumeMount(target=target, read_only="ro" in flags, copy="nocopy" not in flags)
    flags = _volume_options(options, text, frozenset(Propagation))
    propagation = [Propagation(one) for one in flags if one in frozenset(Propagation)]
    return BindMount(
        source=_host_path(parts[0]),
        target=target,
        read_only="ro" in flags,
        propagation=propagation[0] if propagation else Propagation.RPRIVATE,
        create=True,
    )


def _volume_options(options: list[str], text: str, allowed: frozenset[str]) -> frozenset[str]:
    unknown = [one for one in options if one not in {"ro", "rw", *allowed, *_IGNORED}]
    if unknown or {"ro", "rw"} <= set(options):
        raise InvalidMount(
            f"invalid volume specification: '{text}': invalid mode: {','.join(unknown or options)}"
        )
    return frozenset(options)


def _host_path(text: str) -> str:
    """A path of the host; what has no slash is the name of a volume to docker."""
    if text.startswith("~"):
        return os.path.abspath(os.path.expanduser(text))
    if text.startswith((".", "/")):
        return os.path.abspath(text)
    raise Unsupported(
        f"volume {text!r}: volumes with a name are not supported; give a folder, for example ./{text}:/data"
    )


def _check_target(target: str, text: str) -> None:
    if not target.startswith("/"):
        raise InvalidMount(f"invalid mount path in '{text}': '{target}' mount path must be absolute")


def parse_tmpfs(text: str) -> TmpfsMount:
    """Read `--tmpfs`: `/path[:size=64m,mode=1777,...]`.

    Raises:
        InvalidMount: malformed.
    """
    target, _, rest = text.partition(":")
    _check_target(target, text)
    return _tmpfs(target, rest.split(",") if rest else [], text)


def _tmpfs(target: str, options: list[str], text: str) -> TmpfsMount:
    size: int | None = None
    mode, read_only, kept = 0o1777, False, list[str]()
    for option in options:
        key, equals, value = option.partition("=")
        if key == "size" and equals:
            size = _size(value, text)
        elif key == "mode" and equals:
            mode = _mode(value, text)
        elif option in ("ro", "rw"):
            read_only = option == "ro"
        elif (option in _TMPFS_FLAGS) or (equals and key in _TMPFS_VALUES and value):
            kept.append(option)
        else:
            raise InvalidMount(f"invalid tmpfs option {option!r} in '{text}'")
    return TmpfsMount(target=target, size=size, mode=mode, options=tuple(kept), read_only=read_only)


def _size(text: str, whole: str) -> int:
    try:
        return parse_memory(text)
    except InvalidSize as error:
        raise InvalidMount(f"{error.message} in '{whole}'") from None


def _mode(text: str, whole: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777:
        raise InvalidMount(f"invalid value for tmpfs-mode: {text} in '{whole}'")
    return mode


def parse_mount(text: str) -> MountWish:
    """Read `--mount`: `type=bind,source=/host,target=/container,readonly`, with docker's keys.

    Raises:
        InvalidMount: malformed.
        Unsupported: a kind of mount that is not here, or a volume with a name.
    """
    fields = _fields(text)
    kind = fields.pop("type", "volume")
    makers: dict[str, Callable[[dict[str, str], str], MountWish]] = {
        "bind": _bind_mount,
        "tmpfs": _tmpfs_mount,
        "volume": _volume_mount,
    }
    if kind not in makers:
        raise Unsupported(f"mount type {kind!r} is not supported: there are bind, tmpfs and volume")
    if not fields.get("target"):
        raise InvalidMount("target is required")
    _check_target(fields["target"], text)
    wish = makers[kind](fields, text)
    if fields:
        raise InvalidMount(f"unexpected key '{next(iter(fields))}' in '{text}' for a mount of type {kind}")
    return wish


_KEYS: Final = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}


def _fields(text: str) -> dict[str, str]:
    rows = list(csv.reader([text]))
    if len(rows) != 1:
        raise InvalidMount(f"invalid mount '{text}'")
    fields: dict[str, str] = {}
    for part in rows[0]:
        key, equals, value = part.partition("=")
        key = _KEYS.get(key.lower(), key.lower())
        if not equals and key not in ("readonly", "bind-nonrecursive", "volume-nocopy"):
            raise InvalidMount(f"invalid field '{part}' must be a key=value pair")
        fields[key] = value
    return fields


def _truth(fields: dict[str, str], key: str) -> bool:
    if key not in fields:
        return False
    value = fields.pop(key).lower()
    if value not in _TRUE | _FALSE:
        raise InvalidMount(f"invalid value for {key}: {value}")
    return value in _TRUE


def _bind_mount(fields: dict[str, str], text: str) -> BindMount:
    source = fields.pop("source", "")
    if not source:
        raise InvalidMount(f"invalid mount '{text}': field source must not be empty")
    recursion = fields.pop("bind-recursive", "enabled")
    if recursion not in ("enabled", "disabled", "writable", "readonly"):
        raise InvalidMount(
            f'invalid value for bind-recursive: {recursion} (must be "enabled", "disabled", ...)'
        )
    propagation = fields.pop("bind-propagation", Propagation.RPRIVATE.value)
    if propagation not in frozenset(Propagation):
        raise InvalidMount(f"invalid value for bind-propagation: {propagation}")
    fields.pop("consistency", None)
    return BindMount(
        source=os.path.abspath(source),
        target=fields.pop("target"),
        read_only=_truth(fields, "readonly"),
        recursive=not _truth(fields, "bind-nonrecursive") and recursion != "disabled",
        propagation=Propagation(propagation),
    )


def _tmpfs_mount(fields: dict[str, str], text: str) -> TmpfsMount:
    options = [f"{key}={fields.pop(f'tmpfs-{key}')}" for key in ("size", "mode") if f"tmpfs-{key}" in fields]
    if _truth(fields, "readonly"):
        options.append("ro")
    return _tmpfs(fields.pop("target"), options, text)


def _volume_mount(fields: dict[str, str], _text: str) -> VolumeMount:
    source = fields.pop("source", "")
    if source:
        raise Unsupported(f"volume {source!r}: volumes with a name are not supported; use type=bind")
    return VolumeMount(
        target=fields.pop("target"),
        read_only=_truth(fields, "readonly"),
        copy=not _truth(fields, "volume-nocopy"),
    )
