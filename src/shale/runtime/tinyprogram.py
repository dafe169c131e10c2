"""The smallest program there is: it ends with an exit code. For the test of a runtime, written byte by byte.

So the test needs neither a compiler nor a program of the distribution that is static by luck.
Specification: elf(5), syscall(2).
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from shale.errors import Unsupported

__all__ = ["EXIT_CODE", "UnknownProcessor", "tiny_program"]

EXIT_CODE: Final = 42
_ADDRESS: Final = 0x10000
_EXECUTABLE: Final = 2
_LOADED: Final = 1
_READ_AND_RUN: Final = 5


class UnknownProcessor(Unsupported):
    """The instructions of this processor are not known here."""


class _Processor(msgspec.Struct, frozen=True):
    """How a processor's programs look.

    Attributes:
        machine: number of the processor in elf(5).
        code: puts the number of exit(2) and the exit code into registers, and calls the kernel.
        wide: whether addresses have 64 bits.
        big: whether the high byte comes first.
        flags: `e_flags`.
    """

    machine: int
    code: bytes
    wide: bool = True
    big: bool = False
    flags: int = 0


_PROCESSORS: Final = {
    "386": _Processor(3, b"\xb8\x01\0\0\0\xbb\x2a\0\0\0\xcd\x80", wide=False),
    "amd64": _Processor(62, b"\xb8\x3c\0\0\0\xbf\x2a\0\0\0\x0f\x05"),
    "arm": _Processor(40, struct.pack("<3I", 0xE3A07001, 0xE3A0002A, 0xEF000000), wide=False, flags=0x05000000),
    "arm64": _Processor(183, struct.pack("<3I", 0xD2800BA8, 0xD2800540, 0xD4000001)),
    "ppc64le": _Processor(21, struct.pack("<3I", 0x38000001, 0x3860002A, 0x44000002), flags=2),
    "riscv64": _Processor(243, struct.pack("<3I", 0x05D00893, 0x02A00513, 0x00000073)),
    "s390x": _Processor(22, b"\xa7\x19\0\x01\xa7\x29\0\x2a\x0a\x01", big=True),
}
"""By Go's word."""


def tiny_program(architecture: str) -> bytes:
    """A static executable that exits with `EXIT_CODE`.

    Raises:
        UnknownProcessor: for this architecture there is none.
    """
    processor = _PROCESSORS.get(architecture)
    if processor is None:
        raise UnknownProcessor(
            f"a runtime cannot be tested on {architecture}: its instructions are not known here"
        )
    order = ">" if processor.big else "<"
    header, segment = (64, 56) if processor.wide else (52, 32)
    size = header + segment + len(processor.code)
    entry = _ADDRESS + header + segment
    word = "Q" if processor.wide else "I"
    start = struct.pack("4s5B7x", b"\x7fELF", 2 if processor.wide else 1, 2 if processor.big else 1, 1, 0, 0)
    start += struct.pack(
        f"{order}HHI3{word}I6H", _EXECUTABLE, processor.machine, 1, entry, header, 0, processor.flags,
        header, segment, 1, 0, 0, 0,
    )  # fmt: skip
    if processor.wide:
        start += struct.pack(f"{order}2I6Q", _LOADED, _READ_AND_RUN, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    else:
        start += struct.pack(f"{order}8I", _LOADED, 0, _ADDRESS, _ADDRESS, size, size, _READ_AND_RUN, 0x1000)
    return start + processor.code
