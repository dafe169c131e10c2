"""What one layer means, slowly: docs/layers.md as a flat table of paths."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from tar_entries import Entry

Path = tuple[bytes, ...]
OPAQUE = b"trusted.overlay.opaque"
ORIGIN = b"trusted.overlay.origin"


@dataclass(slots=True)
class Item:
    """One inode."""

    kind: int
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    content: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    alone: bool = False
    whiteout: bool = False


KINDS = {b"0": stat.S_IFREG, b"2": stat.S_IFLNK, b"3": stat.S_IFCHR, b"4": stat.S_IFBLK, b"6": stat.S_IFIFO}


class Refused(Exception):
    """No layer can be made of this."""


class Model:
    """One layer. `loose` is as in the port."""

    def __init__(self) -> None:
        self.items: dict[Path, Item] = {(): Item(stat.S_IFDIR, 0o755)}
        self.loose = False
        self.in_the_way = False

    def add(self, entry: Entry) -> None:
        path = cut(entry.name)
        if any(part.startswith(b".wh..wh.") and part != b".wh..wh..opq" for part in path):
            return
        if not path:
            if entry.kind != b"5":
                raise Refused("root")
            self._describe(self.items[()], entry)
            return
        last = path[-1]
        if last.startswith(b".wh."):
            self._hide(path[:-1], b"" if last == b".wh..wh..opq" else last[4:])
            return
        above = self._folder(path[:-1])
        if entry.kind == b"5":
            self._describe(self._make_folder((*above, last)), entry)
        elif entry.kind == b"1":
            self._link((*above, last), cut(entry.link))
        elif entry.kind == b"3" and entry.device == (0, 0):
            self._hide_name((*above, last))
        else:
            self._put((*above, last), item_of(entry))

    def _hide(self, path: Path, name: bytes) -> None:
        if self._resolve(path, make=False) is None and self.in_the_way:
            return
        above = self._folder(path)
        if name:
            self._hide_name((*above, name))
        else:
            self.items[above].xattrs[OPAQUE] = b"y"
            self.loose |= not above

    def _hide_name(self, path: Path) -> None:
        there = self.items.get(path)
        if there is None:
            self.items[path] = Item(stat.S_IFCHR, whiteout=True)
            self.items[path[:-1]].xattrs[ORIGIN] = b""
        elif there.kind == stat.S_IFDIR:
            there.xattrs[OPAQUE] = b"y"

    def _describe(self, item: Item, entry: Entry) -> None:
        marks = {name: value for name, value in item.xattrs.items() if name in (OPAQUE, ORIGIN)}
        item.mode, item.uid, item.gid, item.mtime = entry.mode, entry.uid, entry.gid, entry.mtime
        item.xattrs = {**entry.xattrs, **marks}

    def _link(self, path: Path, target: Path) -> None:
        home = self._resolve(target[:-1], make=False)
        found = None if home is None else self.items.get((*home, target[-1]))
        if found is not None and found.kind == stat.S_IFDIR:
            raise Refused("link to a folder")
        if found is None or found.whiteout:
            self.loose = True
            self._remove(path)
        elif self.items.get(path) is not found:
            self._put(path, found)

    def _put(self, path: Path, item: Item) -> None:
        self._remove(path)
        self.items[path] = item

    def _remove(self, path: Path) -> None:
        self.items = {other: item for other, item in self.items.items() if other[: len(path)] != path}

    def _make_folder(self, path: Path) -> Item:
        there = self.items.get(path)
        if there is not None and there.kind == stat.S_IFDIR:
            return there
        item = Item(stat.S_IFDIR, 0o755, alone=there is not None or self.items[path[:-1]].alone)
        if there is not None:
            item.xattrs[OPAQUE] = b"y"
        self._put(path, item)
        return item

    def _folder(self, path: Path) -> Path:
        found = self._resolve(path, make=True)
        assert found is not None
        return found

    def _resolve(self, path: Path, *, make: bool) -> Path | None:
        here: Path = ()
        rest = list(path)
        links = 0
        while rest:
            part, *rest = rest
            if part == b"..":
                here = here[:-1]
                continue
            child = self.items.get((*here, part))
            if child is not None and child.kind == stat.S_IFLNK:
                links += 1
                if links > 255:
                    raise Refused("circles")
                if child.content.startswith(b"/"):
                    here = ()
                rest = [one for one in child.content.split(b"/") if one not in (b"", b".")] + rest
                continue
            if child is None or child.kind != stat.S_IFDIR:
                if not make:
                    self.in_the_way = child is not None
                    return None
                self.loose |= not self._make_folder((*here, part)).alone
            here = (*here, part)
        return here


def cut(name: bytes) -> Path:
    path: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            path.pop()
        elif part not in (b"", b"."):
            path.append(part)
    return tuple(path)


def item_of(entry: Entry) -> Item:
    kind = KINDS[entry.kind]
    return Item(
        kind,
        0o777 if kind == stat.S_IFLNK else entry.mode,
        entry.uid,
        entry.gid,
        entry.mtime,
        entry.link if kind == stat.S_IFLNK else entry.content,
        entry.device,
        dict(entry.xattrs),
    )


def model_of(entries: Sequence[Entry]) -> Model:
    model = Model()
    for entry in entries:
        model.add(entry)
    return model
