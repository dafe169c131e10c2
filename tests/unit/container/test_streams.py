from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from shale.container.streams import Plumbing, discard, sink_of
from shale.linux.terminal import Size, size_of


def everything(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 65536):
        pieces.append(piece)
    return b"".join(pieces)


def test_outputs_go_their_ways(tmp_path: Path) -> None:
    out, err = list[bytes](), list[bytes]()
    with Plumbing(None, out.append, err.append) as plumbing:
        assert os.read(plumbing.streams.stdin, 10) == b""
        os.write(plumbing.streams.stdout, b"one")
        os.write(plumbing.streams.stderr, b"two")
    assert (b"".join(out), b"".join(err)) == (b"one", b"two")


def test_nothing_is_lost_of_much(tmp_path: Path) -> None:
    content = os.urandom(700_000)
    source = tmp_path / "source"
    source.write_bytes(content)
    with (
        (tmp_path / "target").open("wb") as target,
        source.open("rb") as file,
        Plumbing(file.fileno(), sink_of(target.fileno()), discard) as plumbing,
    ):
        writing = os.dup(plumbing.streams.stdout)
        reading = os.dup(plumbing.streams.stdin)
        plumbing.release()
        sink_of(writing)(everything(reading))
        os.close(writing)
        os.close(reading)
    assert (tmp_path / "target").read_bytes() == content


def test_a_container_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x" * 1_000_000)
    with (tmp_path / "source").open("rb") as file, Plumbing(file.fileno(), discard, discard):
        pass


def test_input_that_never_comes_holds_nobody_up() -> None:
    reading, writing = os.pipe()
    with Plumbing(reading, discard, discard):
        pass
    os.close(reading)
    os.close(writing)


def test_a_reader_that_has_gone_is_told_to_the_writer() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Plumbing(None, sink_of(writing), discard) as plumbing, pytest.raises(BrokenPipeError):
        sink_of(plumbing.streams.stdout)(b"x" * 1_000_000)
    os.close(writing)


def test_what_a_sink_raises_is_raised_at_the_end() -> None:
    def refuse(_: bytes) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"), Plumbing(None, refuse, discard) as plumbing:
        os.write(plumbing.streams.stdout, b"x")


def test_a_terminal() -> None:
    seen: list[bytes] = []
    reading, writing = os.pipe()
    with Plumbing(reading, seen.append, discard, tty=True, size=Size(20, 70)) as plumbing:
        terminal = plumbing.streams.stdout
        assert os.isatty(terminal)
        assert plumbing.streams == (plumbing.streams.__class__)(terminal, terminal, terminal)
        assert size_of(terminal) == Size(20, 70)
        plumbing.resize(Size(30, 80))
        assert size_of(terminal) == Size(30, 80)
        os.write(writing, b"typed\n")
        assert os.read(terminal, 100) == b"typed\n"
        os.write(terminal, b"shown")
    assert b"shown" in b"".join(seen)
    os.close(reading)
    os.close(writing)
    plumbing.resize(Size(1, 1))


def test_a_sink_waits_for_a_slow_reader() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    thread = threading.Thread(target=sink_of(writing), args=(b"y" * 200_000,))
    thread.start()
    left = 200_000
    while left:
        left -= len(os.read(reading, 65536))
    thread.join()
    os.close(reading)
    os.close(writing)
