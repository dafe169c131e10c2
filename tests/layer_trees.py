"""Layers and trees for tests: entries that tarfile writes, and what a tree on disk looks like."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shale.layer.apply import TreeWriter
from shale.layer.rules import Applied, ApplyRules, Whiteouts

MOMENT = 1_600_000_000
MERGED = ApplyRules(Whiteouts.REMOVE)
OVERLAY = ApplyRules(Whiteouts.TRUSTED)

Attributes = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a layer; names are text with surrogates for bytes that are not UTF-8."""

    name: str
    kind: bytes = tarfile.REGTYPE
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: float = MOMENT
    link: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: Attributes = field(default_factory=dict)

    def header(self) -> tarfile.TarInfo:
        found = tarfile.TarInfo(self.name)
        found.type, found.mode, found.uid, found.gid = self.kind, self.mode, self.uid, self.gid
        found.mtime, found.linkname, found.size = self.mtime, self.link, len(self.content)
        found.devmajor, found.devminor = self.device
        found.pax_headers = {
            f"SCHILY.xattr.{key}": value.decode("utf-8", "surrogateescape")
            for key, value in self.xattrs.items()
        }
        return found


def file(name: str, content: bytes = b"", **more: object) -> Entry:
    return Entry(name, content=content, **more)  # type: ignore[arg-type]


def folder(name: str, mode: int = 0o755, **more: object) -> Entry:
    return Entry(name, tarfile.DIRTYPE, mode=mode, **more)  # type: ignore[arg-type]


def symlink(name: str, target: str, **more: object) -> Entry:
    return Entry(name, tarfile.SYMTYPE, link=target, mode=0o777, **more)  # type: ignore[arg-type]


def hard_link(name: str, target: str, **more: object) -> Entry:
    return Entry(name, tarfile.LNKTYPE, link=target, **more)  # type: ignore[arg-type]


def fifo(name: str, **more: object) -> Entry:
    return Entry(name, tarfile.FIFOTYPE, **more)  # type: ignore[arg-type]


def device(name: str, kind: bytes, major: int, minor: int, **more: object) -> Entry:
    return Entry(name, kind, device=(major, minor), **more)  # type: ignore[arg-type]


def layer(*entries: Entry) -> bytes:
    """The tar of a layer."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for entry in entries:
            tar.addfile(entry.header(), io.BytesIO(entry.content))
    return buffer.getvalue()


@contextmanager
def opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


def apply(root: Path, content: bytes, rules: ApplyRules = MERGED, step: int = 1 << 20) -> Applied:
    """Write a layer in pieces of `step` bytes."""
    with opened(root) as handle, TreeWriter(handle, rules) as writer:
        for at in range(0, len(content), step):
            writer.feed(content[at : at + step])
        return writer.finish()


def apply_all(root: Path, *layers: Sequence[Entry]) -> None:
    """The merged tree of some layers."""
    for entries in layers:
        apply(root, layer(*entries))


@dataclass(frozen=True, slots=True)
class Seen:
    """What one file looks like."""

    kind: str
    mode: int
    owner: tuple[int, int]
    mtime: int
    size: int
    content: str
    device: tuple[int, int]
    xattrs: tuple[tuple[str, bytes], ...]
    first_name: str
    """Of several names of one file the first one: what is linked to what."""


KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def look(root: Path) -> dict[str, Seen]:
    """All of a tree, by path; the root is `.`."""
    found: dict[str, Seen] = {}
    first: dict[tuple[int, int], str] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        name = str(path.relative_to(root))
        status = path.lstat()
        kind = KINDS[stat.S_IFMT(status.st_mode)]
        content = ""
        if kind == "file":
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        elif kind == "symlink":
            content = os.readlink(path)
        number = status.st_rdev if kind in ("char", "block") else 0
        found[name] = Seen(
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            owner=(status.st_uid, status.st_gid),
            mtime=status.st_mtime_ns,
            size=status.st_size if kind == "file" else 0,
            content=content,
            device=(os.major(number), os.minor(number)),
            xattrs=tuple(
                (key, os.getxattr(path, key, follow_symlinks=False))
                for key in sorted(os.listxattr(path, follow_symlinks=False))
            ),
            first_name=first.setdefault((status.st_dev, status.st_ino), name),
        )
    return found


def umoci_unpack(work: Path, *layers: bytes) -> Path:
    """The merged tree as umoci makes it."""

    def umoci(*arguments: str) -> None:
        subprocess.run(["umoci", *arguments], check=True, cwd=work, capture_output=True)

    umoci("init", "--layout", "oci")
    umoci("new", "--image", "oci:x")
    for at, content in enumerate(layers):
        (work / f"{at}.tar").write_bytes(content)
        umoci("raw", "add-layer", "--image", "oci:x", f"{at}.tar")
    umoci("unpack", "--image", "oci:x", "bundle")
    return work / "bundle" / "rootfs"


def kinds(root: Path) -> dict[str, str]:
    """What is in a tree, by path, in one word: whiteouts and opaque folders too."""
    return {name: _word(seen) for name, seen in look(root).items() if name != "."}


def _word(seen: Seen) -> str:
    if seen.kind == "char" and seen.device == (0, 0):
        return "whiteout"
    marks = {key for key, _ in seen.xattrs}
    return "opaque" if marks & {"trusted.overlay.opaque", "user.overlay.opaque"} else seen.kind
