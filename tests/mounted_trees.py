"""Reading a tree of files by the descriptor of its root, into values that can be compared."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from shale.linux.xattr import get_xattrs


@dataclass(frozen=True, slots=True)
class Found:
    """One file.

    Attributes:
        kind: of its mode: S_IFREG and so on.
        content: hash of a file's bytes, or the target of a symbolic link.
        names: all paths that lead to the same inode, where there are several.
    """

    kind: int
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    device: int
    content: bytes
    xattrs: tuple[tuple[bytes, bytes], ...]
    links: int
    names: tuple[bytes, ...] = field(default=())


def read_tree(root: int) -> dict[bytes, Found]:
    """Everything below a folder, which is itself there under an empty name."""
    top = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=root)
    try:
        walked = dict(_walk(top, b""))
    finally:
        os.close(top)
    inodes: dict[tuple[int, int], list[bytes]] = {}
    for path, (_, identity) in walked.items():
        inodes.setdefault(identity, []).append(path)
    return {path: _with_names(found, inodes[identity]) for path, (found, identity) in sorted(walked.items())}


def _with_names(found: Found, names: list[bytes]) -> Found:
    if len(names) == 1:
        return found
    values = {name: getattr(found, name) for name in found.__slots__}
    return Found(**{**values, "names": tuple(sorted(names))})


def _walk(folder: int, path: bytes) -> Iterator[tuple[bytes, tuple[Found, tuple[int, int]]]]:
    status = os.fstat(folder)
    yield path, (_found(folder, None, status), (status.st_dev, status.st_ino))
    with os.scandir(folder) as entries:
        listed = {os.fsencode(entry.name): entry.inode() for entry in entries}
    for name, inode in listed.items():
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        assert inode == status.st_ino
        below = path + b"/" + name if path else name
        if stat.S_ISDIR(status.st_mode):
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                yield from _walk(handle, below)
            finally:
                os.close(handle)
        else:
            yield below, (_found(folder, name, status), (status.st_dev, status.st_ino))


def _found(folder: int, name: bytes | None, status: os.stat_result) -> Found:
    kind = stat.S_IFMT(status.st_mode)
    content = b""
    if kind == stat.S_IFREG:
        content = _hash(folder, name, status.st_size)
    elif kind == stat.S_IFLNK:
        content = os.readlink(name or b"", dir_fd=folder)
    return Found(
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        0 if kind == stat.S_IFDIR else status.st_size,
        status.st_mtime_ns,
        status.st_rdev,
        content,
        tuple(sorted(get_xattrs(folder, name).items())),
        0 if kind == stat.S_IFDIR else status.st_nlink,
    )


def _hash(folder: int, name: bytes | None, size: int) -> bytes:
    if size > 1 << 30:
        return b"large"
    assert name is not None
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with open(handle, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
