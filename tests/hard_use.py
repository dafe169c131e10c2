"""A program for a container: does to the files of its image whatever a program can do to files.

It is run inside, as text, by the image's own Python; so it stands alone.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import stat
import sys
from pathlib import Path

PUNCH_A_HOLE = 0x01 | 0x02


def standard_library() -> Path:
    """Where this Python has its modules."""
    return Path(os.__file__).parent


def written(modules: list[Path]) -> None:
    """Bytes: appended, in the middle, by maps of memory, holes, other lengths; kept open from before."""
    before = modules[0].open("rb")
    old = before.read()
    with modules[0].open("ab") as file:
        file.write(b"# more")
    assert modules[0].read_bytes() == old + b"# more"
    before.close()
    with modules[1].open("r+b") as known, mmap.mmap(known.fileno(), 0) as shared:
        shared[:8] = b"# mapped"
        shared.flush()
    assert modules[1].read_bytes()[:8] == b"# mapped"
    with modules[2].open("r+b") as known, mmap.mmap(known.fileno(), 0, access=mmap.ACCESS_COPY) as private:
        private[:8] = b"# unseen"
    assert modules[2].read_bytes()[:8] != b"# unseen"
    os.truncate(modules[3], 10)
    with modules[4].open("wb") as emptied:
        emptied.truncate(1 << 20)
    with modules[5].open("r+b") as holed:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.fallocate(holed.fileno(), PUNCH_A_HOLE, ctypes.c_long(0), ctypes.c_long(100))
        os.pwrite(holed.fileno(), b"# in the middle", 200)
        os.fsync(holed.fileno())
    with modules[6].open("r+b") as target, modules[7].open("rb") as source:
        os.sendfile(target.fileno(), source.fileno(), 0, 64)


def dressed(modules: list[Path]) -> None:
    """What is said of files: mode, owner, times, attributes."""
    for file in modules:
        os.chown(file, 1234, 5678)
        file.chmod(0o4777)
        os.utime(file, ns=(1, 2))
        os.setxattr(file, "user.mark", b"seen")
    assert stat.S_IMODE(modules[0].stat().st_mode) == 0o4777
    shutil.chown("/usr", 77, 78)


def named(modules: list[Path]) -> None:
    """Names: more of them, other ones, what one stands for replaced by another."""
    os.link(modules[0], "/hard")
    with open("/hard", "ab") as file:
        file.write(b"through another name")
    assert modules[0].read_bytes().endswith(b"through another name")
    os.link(modules[1], modules[1].with_suffix(".link"))
    modules[1].unlink()
    modules[2].rename("/renamed")
    Path("/renamed").replace(modules[3])
    modules[4].unlink()
    modules[4].symlink_to("/etc/passwd")
    modules[5].unlink()
    modules[5].mkdir()
    os.mkfifo(modules[5] / "fifo")


def moved() -> None:
    """Folders of lower layers: moved, removed, emptied, made anew, one in another's place."""
    library = standard_library()
    shutil.move(library / "json", "/json")
    shutil.move("/json", library / "json2")
    shutil.rmtree(library / "email")
    (library / "email").mkdir()
    (library / "email/__init__.py").write_text("new = 1\n")
    shutil.rmtree("/usr/share")
    Path("/usr/share").symlink_to("/etc")
    shutil.rmtree("/var/lib/dpkg")
    Path("/var/lib/dpkg").write_text("a file where a folder was")
    Path("/etc/passwd").unlink()


def main() -> None:
    """All of it, and the root itself."""
    modules = sorted(path for path in standard_library().glob("*.py") if path.stat().st_size > 4096)
    assert len(modules) > 60
    written(modules[:8])
    dressed(modules[10:20])
    named(modules[20:26])
    moved()
    os.chmod("/", 0o700)
    Path("/new").write_bytes(b"x" * 100_000)
    with os.fdopen(os.open("/", os.O_TMPFILE | os.O_RDWR, 0o600), "wb") as file:
        file.write(b"nameless")
    sys.stdout.write("used\n")


main()
