"""What people type about mounts, as docker reads it, turned into wishes. Pure text.

    volume   = [ source ":" ] target [ ":" option *( "," option ) ]         -v
    mount    = key [ "=" value ] *( "," key [ "=" value ] )                 --mount
    tmpfs    = target [ ":" option *( "," option ) ]                        --tmpfs

Specification: the docker command line's reference of `docker container run`.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from shale.errors import Unsupported
from shale.runtime.notation import InvalidNotation, absolute_path, parse_size
from shale.runtime.wishes import BindMount, MountWish, Propagation, TmpfsMount, VolumeMount

__all__ = ["NamedVolume", "parse_mount", "parse_tmpfs", "parse_volume"]

_OCTAL: Final = re.compile(r"[0-7]{1,5}\Z")
_LABELS: Final = frozenset({"z", "Z"})
"""SELinux labels: taken, and of no effect where SELinux is not."""
_IGNORED: Final = frozenset({"cached", "delegated", "consistent", "nocopy"}) | _LABELS
_TRUTHS: Final = {"": True, "1": True, "true": True, "0": False, "false": False}


class NamedVolume(Unsupported):
    """Volumes with a name are not there yet."""


def parse_volume(text: str, folder: str) -> MountWish:
    """Read `-v`.

    Args:
        text: what was typed.
        folder: that a relative source (`./data`) is in.

    Raises:
        InvalidNotation: it is no volume.
        NamedVolume: the source is a name.
    """
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise InvalidNotation(
            f"invalid volume {text!r}: expected [SOURCE:]TARGET[:OPTIONS], as /srv/data:/data:ro"
        )
    if len(parts) == 1:
        return VolumeMount(target=absolute_path(text, text))
    options = parts[2].split(",") if len(parts) == 3 else []
    if len(parts) == 2 and not parts[1].startswith("/"):
        raise InvalidNotation(f"invalid volume {text!r}: the target {parts[1]!r} must be an absolute path")
    return BindMount(
        source=_source(parts[0], folder),
        target=absolute_path(parts[1], text),
        read_only=_is_read_only(options, text),
        propagation=_propagation(options, text),
        create=True,
    )


def _source(text: str, folder: str) -> str:
    if text.startswith("/"):
        return text
    if text in (".", "..") or text.startswith(("./", "../")):
        return os.path.normpath(os.path.join(folder, text))
    raise NamedVolume(f"volumes with a name, as {text!r}, are not there yet; write ./{text} for a folder")


def _is_read_only(options: Sequence[str], text: str) -> bool:
    known = {"ro", "rw"} | _IGNORED | {one.value for one in Propagation}
    for option in options:
        if option not in known:
            raise InvalidNotation(
                f"invalid volume {text!r}: {option!r} is not an option of it; {_words(known)}"
            )
    if {"ro", "rw"} <= set(options):
        raise InvalidNotation(f"invalid volume {text!r}: it cannot be both ro and rw")
    return "ro" in options


def _propagation(options: Sequence[str], text: str) -> Propagation:
    named = [option for option in options if option in set(Propagation)]
    if len(named) > 1:
        raise InvalidNotation(f"invalid volume {text!r}: it has more than one way of propagation")
    return Propagation(named[0]) if named else Propagation.RPRIVATE


def parse_tmpfs(text: str) -> TmpfsMount:
    """Read `--tmpfs`.

    Raises:
        InvalidNotation: it is no tmpfs.
    """
    target, _, options = text.partition(":")
    size, mode, read_only, kept = None, 0o1777, False, list[str]()
    for option in filter(None, options.split(",")):
        key, _, value = option.partition("=")
        if key == "size":
            size = parse_size(value)
        elif key == "mode":
            mode = _mode(value, text)
        elif option in ("ro", "rw"):
            read_only = option == "ro"
        elif option in ("exec", "noexec", "suid", "nosuid", "dev", "nodev") or _is_numbered(key, value):
            kept.append(option)
        else:
            raise InvalidNotation(f"invalid tmpfs {text!r}: {option!r} is not an option of it")
    return TmpfsMount(
        target=absolute_path(target, text), size=size, mode=mode, options=tuple(kept), read_only=read_only
    )


def _is_numbered(key: str, value: str) -> bool:
    return key in ("uid", "gid", "nr_inodes") and value.isascii() and value.isdigit()


def parse_mount(text: str, folder: str) -> MountWish:
    """Read `--mount`: `type=bind,source=/srv,target=/data,readonly`.

    Args:
        text: what was typed; a value with a comma stands in double quotes, as in CSV.
        folder: that a relative source is in.

    Raises:
        InvalidNotation: it is no mount.
        NamedVolume: it is a volume with a name.
    """
    fields = _fields(text)
    kind = fields.pop("type", "volume")
    readers: Mapping[str, Callable[[dict[str, str], str, str], MountWish]] = {
        "bind": _bind, "tmpfs": _memory, "volume": _volume,
    }  # fmt: skip
    if kind not in readers:
        raise InvalidNotation(f"invalid mount {text!r}: the type {kind!r} is not one of {_words(readers)}")
    wish = readers[kind](fields, folder, text)
    if fields:
        raise InvalidNotation(f"invalid mount {text!r}: {next(iter(fields))!r} is not a field of a {kind}")
    return wish


def _fields(text: str) -> dict[str, str]:
    try:
        (row,) = csv.reader([text], strict=True)
    except (ValueError, csv.Error):
        raise InvalidNotation(f"invalid mount {text!r}: expected key=value,key=value") from None
    synonyms = {"src": "source", "destination": "target", "dst": "target", "ro": "readonly"}
    fields: dict[str, str] = {}
    for field in row:
        key, _, value = field.partition("=")
        name = synonyms.get(key.strip().lower(), key.strip().lower())
        if not name or name in fields:
            raise InvalidNotation(f"invalid mount {text!r}: {field!r} is not a field, or stands twice")
        fields[name] = value
    return fields


def _bind(fields: dict[str, str], folder: str, text: str) -> BindMount:
    source = fields.pop("source", "")
    if not source:
        raise InvalidNotation(f"invalid mount {text!r}: a bind needs a source")
    fields.pop("consistency", None)
    propagation = fields.pop("bind-propagation", Propagation.RPRIVATE.value)
    if propagation not in set(Propagation):
        raise InvalidNotation(
            f"invalid mount {text!r}: the propagation {propagation!r} is not one of {_known()}"
        )
    recursive = fields.pop("bind-recursive", "enabled")
    if recursive not in ("enabled", "disabled", "writable", "readonly"):
        raise InvalidNotation(f"invalid mount {text!r}: bind-recursive is enabled or disabled")
    return BindMount(
        source=os.path.normpath(os.path.join(folder, source)),
        target=absolute_path(fields.pop("target", ""), text),
        read_only=_truth(fields, "readonly", text),
        recursive=not _truth(fields, "bind-nonrecursive", text) and recursive != "disabled",
        propagation=Propagation(propagation),
    )


def _known() -> str:
    return _words(one.value for one in Propagation)


def _memory(fields: dict[str, str], _folder: str, text: str) -> TmpfsMount:
    size, mode = fields.pop("tmpfs-size", ""), fields.pop("tmpfs-mode", "")
    if fields.get("source"):
        raise InvalidNotation(f"invalid mount {text!r}: a tmpfs has no source")
    return TmpfsMount(
        target=absolute_path(fields.pop("target", ""), text),
        size=parse_size(size) if size else None,
        mode=_mode(mode, text) if mode else 0o1777,
        read_only=_truth(fields, "readonly", text),
    )


def _volume(fields: dict[str, str], _folder: str, text: str) -> VolumeMount:
    if name := fields.pop("source", ""):
        raise NamedVolume(f"volumes with a name, as {name!r}, are not there yet; use type=bind for a folder")
    return VolumeMount(
        target=absolute_path(fields.pop("target", ""), text),
        read_only=_truth(fields, "readonly", text),
        copy=not _truth(fields, "volume-nocopy", text),
    )


def _truth(fields: dict[str, str], key: str, text: str) -> bool:
    if key not in fields:
        return False
    value = fields.pop(key).lower()
    if value not in _TRUTHS:
        raise InvalidNotation(f"invalid mount {text!r}: {key} is true or false, not {value!r}")
    return _TRUTHS[value]


def _mode(text: str, whole: str) -> int:
    if not _OCTAL.match(text):
        raise InvalidNotation(f"invalid tmpfs {whole!r}: the mode {text!r} is not octal, as 1777")
    return int(text, 8)


def _words(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
