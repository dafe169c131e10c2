"""Layers that try to get out of where they are unpacked, and the tree outside that must not notice.

The shapes are those of containerd's TestBreakouts, of go-archive's and umoci's tests, and of what has been
found in engines since (the CVE numbers stand beside them), written anew.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from layer_trees import Entry, Seen, device, fifo, file, folder, hard_link, look, symlink

OPQ = ".wh..wh..opq"
Layers = Sequence[Sequence[Entry]]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a layer is unpacked, beside a tree that must not change."""

    base: Path

    @property
    def root(self) -> Path:
        """Where layers go."""
        return self.base / "root"

    @property
    def victim(self) -> Path:
        """What they are after."""
        return self.base / "victim"

    def outside(self) -> dict[str, Seen]:
        """All that is not the root, and what of the machine the shapes name."""
        found = {name: seen for name, seen in look(self.base).items() if name.partition("/")[0] != "root"}
        for path in ("/etc/passwd", "/etc/hostname"):
            status = os.lstat(path)
            found[path] = Seen(
                "host", status.st_mode, (status.st_uid, status.st_gid), status.st_mtime_ns, status.st_size, "",
                (0, 0), (), "",
            )  # fmt: skip
        return found


def make_ground(base: Path) -> Ground:
    """An empty root, and files beside it with all that can be lost."""
    ground = Ground(base)
    ground.root.mkdir()
    for name in ("victim", "root-evil"):
        sub = base / name
        sub.mkdir(mode=0o750)
        (sub / "hello").write_bytes(b"hello")
        (sub / "hello").chmod(0o4640)
        (sub / "folder").mkdir()
        (sub / "folder" / "in").write_bytes(b"in")
        (sub / "link").symlink_to("hello")
        os.mkfifo(sub / "fifo")
        os.chown(sub / "folder", 3, 4)
        os.setxattr(sub / "hello", "user.canary", b"sings")
        os.setxattr(sub / "folder", "trusted.canary", b"sings")
        for path in (sub / "hello", sub / "folder" / "in", sub / "folder", sub):
            os.utime(path, ns=(10**18, 10**18 + 5))
    return ground


@contextmanager
def unharmed(ground: Ground) -> Iterator[None]:
    """Fails where anything outside the root is different afterwards, or the root is another."""
    before, root = ground.outside(), ground.root.lstat()
    handles = os.listdir("/proc/self/fd")
    yield
    assert ground.outside() == before
    assert os.path.samestat(ground.root.lstat(), root)
    assert os.listdir("/proc/self/fd") == handles


def shapes(victim: str) -> Mapping[str, Layers]:
    """The shapes, by name.

    Args:
        victim: absolute path of a folder outside, whose name is `victim`, beside the root.
    """
    up = "../victim"
    far = "../" * 30 + victim.strip("/")
    within = {
        "symlink absolute": [symlink("l", victim), file("l/hello", b"x")],
        "symlink absolute new": [symlink("l", victim), file("l/new", b"x")],
        "symlink up": [symlink("l", up), file("l/hello", b"x")],
        "symlink far up": [symlink("l", far), file("l/hello", b"x")],
        "symlink multiple absolute": [symlink("l", "/m"), symlink("m", victim), file("l/hello", b"x")],
        "symlink multiple relative": [symlink("l", "m"), symlink("m", up), file("l/hello", b"x")],
        "symlink to a file, written": [symlink("l", victim + "/hello"), file("l", b"x")],
        "symlink to a file, below": [symlink("l", victim + "/hello"), file("l/x", b"x")],
        "symlink empty file": [symlink("l", up + "/hello"), file("l")],
        "symlink parent folder": [folder("d"), symlink("d/l", "../.."), file("d/l/victim/hello", b"x")],
        "symlink parent, in steps": [
            folder("inner"), symlink("inner/up", ".."), symlink("inner/up/escape", up),
            file("inner/up/escape/new", b"x"),
        ],
        "symlink slash ended": [symlink("l/", victim + "/"), file("l/hello", b"x")],
        "symlink overrides a folder": [folder("d"), file("d/f"), symlink("d", victim), file("d/hello", b"x")],
        "symlink overrides a folder, relative": [folder("d"), symlink("d", up), folder("d/folder", 0o777)],
        "folder overrides a symlink": [symlink("l", victim), folder("l", 0o777, uid=9), file("l/hello")],
        "folder overrides a symlink and a hard link": [
            symlink("l", victim), hard_link("h", "l"), folder("h", 0o777, uid=9), file("h/hello"),
        ],
        "symlink overridden on the path": [
            folder("d"), symlink("d/l", victim), symlink("m", "d/l"), symlink("d/l", up), file("m/hello"),
        ],
        "hard link relative": [hard_link("h", up + "/hello")],
        "hard link absolute": [hard_link("h", victim + "/hello"), file("h", b"x")],
        "hard link down and out": [folder("d"), hard_link("h", "d/../../victim/hello")],
        "hard link far": [hard_link("h", far + "/hello")],
        "hard link through a symlink": [
            symlink("l", victim), hard_link("h", "l/hello"), file("h", b"x", uid=9),
        ],
        "hard link through a relative symlink": [symlink("l", up), hard_link("h", "l/hello", mode=0o777)],
        "hard link to a symlink, written": [
            symlink("l", victim + "/hello"), hard_link("h", "l"), file("h", b"x"),
        ],
        "hard link to a symlink, chmod (CVE-2021-32760)": [
            symlink("l", victim + "/hello"), hard_link("h", "l", mode=0o777, uid=9),
        ],
        "hard link to a symlink, below": [symlink("l", victim), hard_link("h", "l"), file("h/hello", b"x")],
        "hard link to a symlink before its target": [
            symlink("l", "f"), hard_link("h", "l"), file("f", b"x"), file("h", b"y"),
        ],
        "hard link to a name of this process (CVE-2026-50163)": [
            hard_link("h", "hello"), hard_link("i", "./hello"),
        ],
        "whiteout of the root's folder": [file("../.wh.victim")],
        "whiteout of above": [file(".wh..."), file(".wh..")],
        "whiteout up": [folder("d"), file("d/../../.wh.victim")],
        "whiteout of the root": [file("/.wh.")],
        "whiteout with an empty name (CVE-2026-79699)": [folder("victim"), file("victim/.wh.")],
        "whiteout through a symlink": [symlink("l", victim), file("l/.wh.hello"), file("l/.wh.folder")],
        "whiteout of a symlink": [symlink("l", victim), file(".wh.l")],
        "whiteout through a relative symlink": [symlink("l", up), file("l/.wh.hello")],
        "whiteout through a dead symlink": [symlink("l", "../nothing/at/all"), file("l/.wh.hello")],
        "opaque through a symlink": [symlink("l", victim), file(f"l/{OPQ}")],
        "opaque link": [folder("d"), symlink(f"d/{OPQ}", victim), hard_link(OPQ, victim)],
        "opaque of the root": [file(OPQ), folder(OPQ), symlink(f"./{OPQ}", victim)],
        "aufs": [
            symlink(".wh..wh.plnk", victim), file(".wh..wh.plnk/hello", b"x"),
            hard_link("h", ".wh..wh.plnk/hello"),
        ],
        "name up": [file(up + "/hello", b"x")],
        "name absolute": [file(victim + "/hello", b"x"), file("/" + victim + "/new", b"x")],
        "name slash up": [file("/../victim/hello", b"x")],
        "name deep up": [file("a/b/../../../victim/hello", b"x")],
        "name far up": [file(far + "/hello", b"x")],
        "name beside the root": [file("../root-evil/hello", b"x")],
        "dangling symlink, written": [symlink("l", victim + "/new"), file("l", b"x")],
        "dangling symlink, as folder": [symlink("l", victim + "/new"), folder("l"), file("l/x")],
        "implied folders through a symlink": [symlink("l", victim), file("l/made/here", b"x")],
        "attributes through a symlink": [
            symlink("l", victim + "/hello", xattrs={"trusted.canary": b"dead", "user.canary": b"x"}, uid=9),
        ],
        "fifo opened (CVE-2024-9676)": [
            fifo("etc"), file("etc/passwd"), fifo("p"), file("p", b"x"), symlink("q", "p"),
        ],
        "fifo through a symlink": [symlink("l", victim), fifo("l/fifo"), file("l/fifo", b"x")],
        "device through a symlink": [symlink("l", victim), device("l/hello", tarfile.CHRTYPE, 1, 3)],
        "device behind symlinks": [
            device("d", tarfile.CHRTYPE, 1, 3), symlink("d", "/dev/null"), file("d", b"x"),
        ],
        "device beyond numbers": [device("d", tarfile.CHRTYPE, 2_000_000, 2_000_000)],
        "root made a symlink (CVE-2021-29136)": [symlink(".", victim)],
        "root made a symlink, empty name": [symlink("", victim), file("hello", b"x")],
        "root made a symlink, slash": [symlink("/", victim), file("hello", b"x")],
        "root made a file": [file("./", b"x")],
        "root made a hard link": [hard_link(".", victim)],
        "root as target": [hard_link("h", "/"), hard_link("i", ".")],
        "long name": [file("n" * 256), file("n/" * 2000)],
        "long target": [symlink("l", "../" * 1300 + victim.strip("/")), file("l/hello", b"x")],
        "symlinks in circles": [symlink("a", "b"), symlink("b", "a"), file("a/x"), hard_link("c", "a/x")],
        "many symlinks": [
            *(symlink(f"s{at}", f"s{at + 1}") for at in range(300)), symlink("s300", victim), file("s0/x"),
        ],
        "odd names": [file("\x1b[2J"), file("a\nb"), file("\udcff\udcfe"), file("-rf"), file("..."), file(" ")],
        "times": [file("a", mtime=-(2**40)), file("b", mtime=2**50), folder("c", mtime=2**34 + 0.5)],
        "proc": [
            symlink("l", "/proc/self/cwd"), file("l/hello"),
            symlink("m", "/proc/self/root"), file("m/etc/hostname"),
        ],
        "host": [
            symlink("etc", "/etc"), file("etc/passwd", b"x"), symlink("l", "/"), file("l/etc/hostname", b"x"),
        ],
    }  # fmt: skip
    across: dict[str, Layers] = {
        "planted symlink, written": [[symlink("etc", "/")], [file("etc" + victim + "/hello", b"x")]],
        "planted symlink, changed": [
            [symlink("l", victim)],
            [folder("l/folder", 0o777, uid=9, xattrs={"trusted.canary": b"dead"}), hard_link("l/h", "l/hello")],
        ],
        "planted symlink, removed": [
            [symlink("l", victim)],
            [file("l/.wh.hello"), file(f"l/{OPQ}")],
            [file(".wh.l")],
        ],
        "parent replaced by a file": [[folder("d"), file("d/f")], [file("d", b"x")], [file("d/f/g", b"x")]],
        "parent replaced by a symlink": [
            [folder("d"), folder("d/folder"), file("d/hello")],
            [file("d/hello", b"1"), symlink("d", victim), file("d/hello", b"x"), file("d/folder/in", b"x")],
        ],
        "opaque over a symlink": [[folder("d"), symlink("d/l", victim)], [folder("d"), file(f"d/{OPQ}")]],
        "removed tree with symlinks": [
            [folder("d"), symlink("d/l", victim), folder("d/e"), symlink("d/e/l", up), hard_link("d/h", "d/l")],
            [file(".wh.d")],
        ],
        "implied folders through a lower symlink": [[symlink("lib", victim)], [file("lib/new/deep", b"x")]],
        "hard link of a lower symlink": [
            [symlink("l", victim + "/hello")],
            [hard_link("h", "l"), file("h", b"x", uid=9)],
        ],
    }  # fmt: skip
    return {name: [entries] for name, entries in within.items()} | across
