"""A tar being written, the same bytes from the same content: no times, no owners, no names of this machine.

Specification: POSIX pax "ustar Interchange Format"; sizes from 8 GiB on as GNU tar and Go write them.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from shale.errors import Unavailable
from shale.linux.durable import disk_errors

__all__ = ["TarStream"]

_BLOCK: Final = 512
_OCTAL_LIMIT: Final = 8**11
_FILE, _FOLDER, _RECORDS = b"0", b"5", b"x"


class TarStream:
    """Entries one after the other to a stream; not for use by two threads at once."""

    def __init__(self, stream: BinaryIO) -> None:
        """Prepare.

        Args:
            stream: gets the bytes; where it can seek, a file under way can be begun anew.
        """
        self._stream = stream
        self._start = 0
        self._left = 0
        self._size = 0

    def folder(self, name: str) -> None:
        """Add a folder; its name ends with a slash."""
        self._put(_header(name.encode(), 0, _FOLDER, 0o755))

    def file(self, name: str, content: bytes) -> None:
        """Add a small file whole."""
        self.begin(name, len(content))
        self.write(content)
        self.end()

    def begin(self, name: str, size: int) -> None:
        """Begin a file of a known size in bytes; its bytes come with `write`."""
        path = name.encode()
        if len(path) > 100:
            record = _record(b"path", path)
            self._put(_header(b"PaxHeaders/" + path[-80:], len(record), _RECORDS, 0o644))
            self._put(record.ljust(-(-len(record) // _BLOCK) * _BLOCK, b"\0"))
        self._put(_header(path[:100], size, _FILE, 0o644))
        self._size = self._left = size
        self._start = self._stream.tell() if self._stream.seekable() else -1

    def write(self, chunk: bytes | memoryview) -> None:
        """Add bytes to the file that was begun; never more than it has."""
        assert len(chunk) <= self._left
        self._left -= len(chunk)
        self._put(chunk)

    def again(self) -> None:
        """Begin the bytes of the current file anew.

        Raises:
            Unavailable: bytes that went into a pipe cannot be taken back.
        """
        if self._left == self._size:
            return
        if self._start < 0:
            raise Unavailable("the transfer was cut, and what went to a pipe cannot be taken back; try again")
        self._stream.seek(self._start)
        self._stream.truncate()
        self._left = self._size

    @property
    def written(self) -> int:
        """Bytes of the current file so far."""
        return self._size - self._left

    def end(self) -> None:
        """End the file that was begun; all its bytes have come."""
        assert self._left == 0
        self._put(bytes(-self._size % _BLOCK))

    def close(self) -> None:
        """End the archive; the stream stays open."""
        self._put(bytes(2 * _BLOCK))
        self._stream.flush()

    def _put(self, content: bytes | memoryview) -> None:
        view = memoryview(content)
        with disk_errors("writing the archive"):
            while view:
                count = self._stream.write(view)
                view = view[count:]


def _header(name: bytes, size: int, kind: bytes, mode: int) -> bytes:
    """One header block: ustar, or with a size in base 256 where eleven octal digits are too few."""
    digits = b"%011o\0" % size if size < _OCTAL_LIMIT else b"\x80" + size.to_bytes(11, "big")
    block = bytearray(_BLOCK)
    block[0 : len(name)] = name
    block[100:124] = b"%07o\0" % mode + b"%07o\0" % 0 * 2
    block[124:136] = digits
    block[136:148] = b"%011o\0" % 0
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\00000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _record(key: bytes, value: bytes) -> bytes:
    """A pax record, which begins with its own length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest
