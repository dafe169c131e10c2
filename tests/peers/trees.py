"""The tar files of the test images' layers."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.process import run, tool

MOMENT = 1_709_208_000  # 2024-02-29T12:00:00Z
FOLDERS = 100
FILES_IN_FOLDER = 200
LONG_NAME = "srv/" + "a-name-beyond-what-a-ustar-header-holds/" * 4 + "żółw"


@dataclass(frozen=True, slots=True)
class TarWriter:
    """Adds entries of every type, the same bytes each time."""

    archive: tarfile.TarFile

    def folder(self, name: str, mode: int = 0o755) -> None:
        self._add(name, tarfile.DIRTYPE, mode)

    def file(self, name: str, body: bytes, mode: int = 0o644, **more: object) -> None:
        """A regular file; `more` are further fields of `tarfile.TarInfo`."""
        self._add(name, tarfile.REGTYPE, mode, body, more)

    def link(self, name: str, target: str, mode: int, **more: object) -> None:
        """A hard link. Engines apply its mode and owner to the file itself, so they must be the file's."""
        self._add(name, tarfile.LNKTYPE, mode, more={"linkname": target, **more})

    def symlink(self, name: str, target: str) -> None:
        self._add(name, tarfile.SYMTYPE, 0o777, more={"linkname": target})

    def _add(
        self, name: str, kind: bytes, mode: int, body: bytes = b"", more: Mapping[str, object] | None = None
    ) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.mtime = kind, mode, len(body), MOMENT
        for field, value in (more or {}).items():
            setattr(entry, field, value)
        self.archive.addfile(entry, io.BytesIO(body))


@contextmanager
def writing(path: Path) -> Iterator[TarWriter]:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        yield TarWriter(archive)


def busybox(path: Path, env: Mapping[str, str]) -> None:
    """A small system: Debian's static busybox, and a hard link for each of its applets."""
    program = tool("busybox", "busybox-static")
    applets = run([program, "--list"], env=env).stdout.split()
    with writing(path) as tar:
        for folder in ("bin", "dev", "etc", "proc", "root", "sys", "usr"):
            tar.folder(folder)
        tar.folder("tmp", 0o1777)
        tar.symlink("usr/bin", "../bin")
        tar.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        tar.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
        tar.file("bin/busybox", Path(program).read_bytes(), 0o755)
        for applet in applets:
            if applet != "busybox":
                tar.link(f"bin/{applet}", "bin/busybox", 0o755)


def many_files(path: Path) -> None:
    """20,000 files of up to 2,000 bytes, and one of each thing that tar readers stumble over."""
    chance = random.Random(20_000)
    with writing(path) as tar:
        tar.folder("srv")
        tar.folder("srv/files")
        for folder in range(FOLDERS):
            tar.folder(f"srv/files/{folder:02}")
            for file in range(FILES_IN_FOLDER):
                tar.file(f"srv/files/{folder:02}/{file:03}", chance.randbytes(chance.randrange(2_000)))
        tar.file(LONG_NAME, b"long\n")
        tar.file("srv/owned", b"owned\n", 0o640, uid=1_000, gid=2_000_000_000)
        tar.file("srv/setuid", b"#!/bin/sh\n", 0o4755)
        tar.file("srv/noted", b"noted\n", pax_headers={"SCHILY.xattr.user.note": "an extended attribute"})
        tar.link("srv/hard", "srv/owned", 0o640, uid=1_000, gid=2_000_000_000)
        tar.symlink("srv/soft", "files/00/000")
        tar.symlink("srv/outside", "../../../../etc/passwd")


def removals(path: Path) -> None:
    """Removes a file, a folder, and a folder's earlier content; changes a file; turns one into a folder."""
    with writing(path) as tar:
        tar.file("srv/files/00/.wh.000", b"")
        tar.file("srv/files/.wh.01", b"")
        tar.folder("srv/files/02")
        tar.file("srv/files/02/.wh..wh..opq", b"")
        tar.file("srv/files/02/new", b"after the opaque whiteout\n")
        tar.file("srv/files/03/000", b"changed\n")
        tar.folder("srv/files/03/001")
        tar.file("srv/files/03/001/inside", b"was a file\n")
        tar.file("srv/.wh.hard", b"")


def returns(path: Path) -> None:
    """Brings back two names that the layer below removed."""
    with writing(path) as tar:
        tar.file("srv/files/00/000", b"back\n")
        tar.folder("srv/files/01")
        tar.file("srv/files/01/only", b"alone\n")


def page(path: Path) -> None:
    """What nginx serves in its image, below folders as docker writes them: each described."""
    with writing(path) as tar:
        for folder in ("var", "var/www", "var/www/html"):
            tar.folder(folder)
        tar.file("var/www/html/index.html", b"<h1>It works: a page from a layer of its own</h1>\n")


def difference(old: Path, new: Path, path: Path) -> None:
    """Write what makes `new` of `old`, tars of root file systems, as a layer; it describes its folders too."""
    known = _fingerprints(old)
    left = set(known)
    with tarfile.open(new) as source, tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as target:
        folders: dict[str, tarfile.TarInfo] = {}
        for entry in source:
            left.discard(entry.name)
            if entry.isdir():
                folders[entry.name] = entry
            if known.get(entry.name) == _fingerprint(source, entry):
                continue
            for above in _above(entry.name):
                if above in folders:
                    target.addfile(folders.pop(above))
            folders.pop(entry.name, None)
            target.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
        for name in sorted(left):
            folder, _, base = name.rpartition("/")
            if not any(above in left for above in _above(name)):
                target.addfile(tarfile.TarInfo(f"{folder}/.wh.{base}"))


def _above(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _fingerprints(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {entry.name: _fingerprint(archive, entry) for entry in archive}


def _fingerprint(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    """All that a layer would have to say of an entry."""
    body = archive.extractfile(entry) if entry.isreg() else None
    digest = hashlib.file_digest(body, "sha256").hexdigest() if body else ""  # type: ignore[arg-type]
    facts = (entry.type, entry.mode, entry.uid, entry.gid, entry.mtime, entry.linkname, entry.pax_headers)
    return f"{facts} {entry.devmajor}:{entry.devminor} {digest}"
