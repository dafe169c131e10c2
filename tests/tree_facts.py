"""What there is to know of every file below a folder, so that two trees can be compared.

Read by descriptors, without following anything; hard links are told by groups of names.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

__all__ = ["Fact", "facts_of", "facts_of_tar", "seconds", "without"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One file.

    Attributes:
        kind: the type bits of its mode.
        mode: the permission bits.
        owner: user and group.
        size: bytes of a regular file.
        mtime: nanoseconds.
        content: digest of a file's bytes, target of a symbolic link, numbers of a device.
        xattrs: extended attributes; none of overlay's own.
        same: every name of the same inode, where there are several.
    """

    kind: int
    mode: int
    owner: tuple[int, int]
    size: int
    mtime: int
    content: str
    xattrs: tuple[tuple[str, bytes], ...]
    same: tuple[str, ...]


def facts_of(root: Path) -> dict[str, Fact]:
    """Every file below a folder, by its path there; the folder itself is `.`."""
    links: dict[tuple[int, int], list[str]] = defaultdict(list)
    statuses = {}
    for name, status in _walk(os.fsencode(root), b""):
        statuses[name] = status
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            links[status.st_dev, status.st_ino].append(name)
    found = {}
    for name, status in statuses.items():
        path = os.path.join(root, name)
        group = links.get((status.st_dev, status.st_ino), [])
        found[name] = Fact(
            kind=stat.S_IFMT(status.st_mode),
            mode=stat.S_IMODE(status.st_mode),
            owner=(status.st_uid, status.st_gid),
            size=status.st_size if stat.S_ISREG(status.st_mode) else 0,
            mtime=status.st_mtime_ns,
            content=_content(path, status),
            xattrs=_xattrs(path),
            same=tuple(sorted(group)) if len(group) > 1 else (),
        )
    return found


def _walk(root: bytes, folder: bytes) -> Iterator[tuple[str, os.stat_result]]:
    path = os.path.join(root, folder)
    yield os.fsdecode(folder) or ".", os.lstat(path)
    for name in sorted(os.listdir(path)):
        inside = os.path.join(folder, name)
        status = os.lstat(os.path.join(root, inside))
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(root, inside)
        else:
            yield os.fsdecode(inside), status


def _content(path: str, status: os.stat_result) -> str:
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return ""


def _xattrs(path: str) -> tuple[tuple[str, bytes], ...]:
    names = os.listxattr(path, follow_symlinks=False)
    return tuple(
        (name, os.getxattr(path, name, follow_symlinks=False))
        for name in sorted(names)
        if not name.startswith(("trusted.overlay.", "user.overlay."))
    )


_KINDS = {
    tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO,
}  # fmt: skip


def facts_of_tar(archive: Path) -> dict[str, Fact]:
    """Every entry of a tar that has each name once, as `docker export` writes it; read by Python's tarfile."""
    groups: dict[str, list[str]] = defaultdict(list)
    found = {}
    with tarfile.open(archive) as tar:
        for entry in tar:
            name = entry.name.strip("/").removeprefix("./") or "."
            target = entry.linkname.strip("/").removeprefix("./") if entry.islnk() else name
            groups[target].append(name)
            if not entry.islnk():
                found[name] = _fact(tar, entry)
    for target, names in groups.items():
        for name in names:
            group = tuple(sorted(names)) if len(names) > 1 else ()
            found[name] = replace(found[target], same=group)
    return found


def _fact(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Fact:
    body = tar.extractfile(entry) if entry.isreg() else None
    content = hashlib.sha256((body or io.BytesIO()).read()).hexdigest() if entry.isreg() else ""
    if entry.issym():
        content = entry.linkname
    elif entry.ischr() or entry.isblk():
        content = f"{entry.devmajor}:{entry.devminor}"
    prefix = "SCHILY.xattr."
    xattrs = [
        (key.removeprefix(prefix), value.encode("utf-8", "surrogateescape"))
        for key, value in entry.pax_headers.items()
        if key.startswith(prefix)
    ]
    return Fact(
        kind=_KINDS.get(entry.type, stat.S_IFREG),
        mode=entry.mode & 0o7777,
        owner=(entry.uid, entry.gid),
        size=entry.size if entry.isreg() else 0,
        mtime=int(entry.mtime * 10**9),
        content=content,
        xattrs=tuple(sorted(xattrs)),
        same=(),
    )


def seconds(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The same with times in whole seconds, for those who keep no more."""
    return {name: replace(fact, mtime=fact.mtime // 10**9) for name, fact in facts.items()}


def without(facts: Mapping[str, Fact], *fields: str) -> dict[str, Fact]:
    """The same without what one side cannot tell: `mtime`, `xattrs`."""
    empty: dict[str, Any] = {"mtime": 0, "xattrs": (), "mode": 0, "owner": (0, 0), "same": ()}
    return {name: replace(fact, **{field: empty[field] for field in fields}) for name, fact in facts.items()}
