"""Bad disks: small ones, and files with wrong bytes."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["HARMS", "fill", "overwrite", "small_disk"]


@contextmanager
def small_disk(path: Path, *, size: int) -> Iterator[Path]:
    """A file system of `size` bytes in memory at `path`; needs root, as the tests have in CI.

    Raises:
        OSError: this user may not mount.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    path.mkdir(parents=True, exist_ok=True)
    target = os.fsencode(path)
    if libc.mount(b"tmpfs", target, b"tmpfs", 0, f"size={size},mode=0700".encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mounting a small disk at {path}: {os.strerror(ctypes.get_errno())}")
    try:
        yield path
    finally:
        libc.umount2(target, 2)  # MNT_DETACH: a failed test may still hold a file open


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Fill a disk but for some bytes with one file, which is returned: remove it to have room again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        room = os.statvfs(disk)
        left = room.f_bavail * room.f_frsize - leave
        while left > 0:
            try:
                left -= file.write(bytes(min(left, 65536)))
            except OSError:
                break
    return ballast


def overwrite(path: Path, content: bytes) -> None:
    """Put other bytes into a file that may be read-only; the file stays the same inode, as on a bad disk."""
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(0o444)


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "one bit": _flip,
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "zeros": lambda content: bytes(len(content)),
    "longer": lambda content: content + b"\0",
}
"""What a bad disk does to the bytes of a file."""
