"""Terminals: a pair for a container, their size, and the raw mode of the one that a person sits at.

Specification: termios(3), ioctl_tty(2), pty(7).
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

__all__ = ["Size", "open_terminal", "raw_mode", "set_size", "size_of"]


class Size(NamedTuple):
    """The size of a terminal, in characters."""

    rows: int
    columns: int


def open_terminal(size: Size | None = None) -> tuple[int, int]:
    """A new terminal.

    Returns:
        The end of whoever plays the person, and the end of the program; the caller closes both.
    """
    person, program = os.openpty()
    if size is not None:
        set_size(program, size)
    return person, program


def size_of(terminal: int) -> Size | None:
    """The size of a terminal; None where a descriptor is none, or does not know."""
    try:
        packed = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return None
    rows, columns, _, _ = struct.unpack("HHHH", packed)
    return Size(rows, columns) if rows and columns else None


def set_size(terminal: int, size: Size) -> None:
    """Change the size of a terminal; the kernel tells the programs on it."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))


@contextmanager
def raw_mode(terminal: int) -> Iterator[None]:
    """Pass every key on as it is, ctrl-c too, and put the terminal back afterwards."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal, termios.TCSANOW)
    try:
        yield
    finally:
        with suppress(termios.error):  # it may have been hung up
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
