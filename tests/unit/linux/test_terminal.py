from __future__ import annotations

import os
import termios

from shale.linux.terminal import Size, open_terminal, raw_mode, set_size, size_of


def test_a_terminal_has_a_size() -> None:
    person, program = open_terminal(Size(24, 80))
    assert size_of(program) == size_of(person) == Size(24, 80)
    set_size(person, Size(50, 100))
    assert size_of(program) == Size(50, 100)
    os.close(person)
    os.close(program)


def test_what_is_no_terminal_has_none() -> None:
    reading, writing = os.pipe()
    assert size_of(reading) is None
    os.close(reading)
    os.close(writing)
    person, program = open_terminal()
    assert size_of(program) is None
    os.close(person)
    os.close(program)


def test_raw_mode_passes_keys_on_and_is_put_back() -> None:
    person, program = open_terminal()
    before = termios.tcgetattr(program)
    with raw_mode(program):
        os.write(person, b"\x03\r")
        assert os.read(program, 10) == b"\x03\r"
        assert termios.tcgetattr(program) != before
    assert termios.tcgetattr(program) == before
    os.close(person)
    os.close(program)
