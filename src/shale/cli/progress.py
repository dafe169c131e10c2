"""Progress as docker shows it: a line for each layer, redrawn on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Final, TextIO

import msgspec

from shale.cli.render.units import human_duration, human_size
from shale.cli.session import Session
from shale.events import Event, LayerProgress, LayerState, Listener, Notice, RetryScheduled, silent

__all__ = ["PlainProgress", "TerminalProgress", "listener_beside", "listener_for"]

_MOVING: Final = (LayerState.DOWNLOADING, LayerState.PUSHING)
_REDRAW: Final = 0.1
"""Seconds between two drawings of a moving bar."""
_BAR: Final = 50


def listener_for(session: Session, *, quiet: bool) -> Listener:
    """What shows the progress: nothing, bars on a terminal, plain lines elsewhere."""
    if quiet:
        return silent
    return TerminalProgress(sys.stdout) if session.is_terminal else PlainProgress(sys.stdout, sys.stderr)


def listener_beside(session: Session, *, quiet: bool) -> Listener:
    """The same on standard error, for commands whose output is something else."""
    if quiet:
        return silent
    watched = sys.stderr.isatty() and session.environ.get("TERM") != "dumb"
    return TerminalProgress(sys.stderr) if watched else PlainProgress(sys.stderr, sys.stderr)


def _words(event: LayerProgress) -> str:
    origin = f" {event.origin}" if event.origin else ""
    return f"{event.blob}: {event.state.value}{origin}"


def _retry(event: RetryScheduled) -> str:
    return f"{event.subject}: {event.reason}; trying again in {event.delay:.0f} s (attempt {event.attempt})"


class PlainProgress:
    """A `Listener` that writes a line whenever a layer comes to another state; for files and pipes."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        """Prepare.

        Args:
            out: gets what docker prints.
            err: gets what went wrong and is tried again.
        """
        self._out = out
        self._err = err
        self._turn = threading.Lock()
        self._states: dict[str, LayerState] = {}

    def __call__(self, event: Event) -> None:
        """Take one event; safe from several threads."""
        with self._turn:
            match event:
                case Notice():
                    self._out.write(event.text + "\n")
                case RetryScheduled():
                    self._err.write(_retry(event) + "\n")
                case LayerProgress():
                    if self._states.get(event.blob) is not event.state and event.state not in _MOVING:
                        self._out.write(_words(event) + "\n")
                    self._states[event.blob] = event.state


class _Bar(msgspec.Struct):
    """One layer on the screen."""

    event: LayerProgress
    began: float
    began_at: int
    drawn: float = 0.0


class TerminalProgress:
    """A `Listener` that keeps one line for each layer and redraws it in place."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare.

        Args:
            out: a terminal.
            clock: seconds.
        """
        self._out = out
        self._clock = clock
        self._turn = threading.Lock()
        self._bars: dict[str, _Bar] = {}
        self._lines = 0

    def __call__(self, event: Event) -> None:
        """Take one event; safe from several threads."""
        with self._turn:
            match event:
                case Notice():
                    self._bars.clear()
                    self._lines = 0
                    self._out.write(event.text + "\n")
                case RetryScheduled():
                    self._print_above(_retry(event))
                case LayerProgress():
                    self._update(event)
            self._out.flush()

    def _print_above(self, text: str) -> None:
        """A line that stays; the layers go on below it."""
        self._bars.clear()
        self._lines = 0
        self._out.write(text + "\n")

    def _update(self, event: LayerProgress) -> None:
        now = self._clock()
        bar = self._bars.get(event.blob)
        if bar is None:
            bar = self._bars[event.blob] = _Bar(event, now, event.done)
            self._lines += 1
            self._out.write(self._text(bar, now) + "\n")
            return
        if bar.event.state is not event.state:
            bar.began, bar.began_at = now, event.done
        elif event.state in _MOVING and now - bar.drawn < _REDRAW:
            bar.event = event
            return
        bar.event, bar.drawn = event, now
        up = self._lines - list(self._bars).index(event.blob)
        self._out.write(f"\x1b[{up}A\x1b[2K\r{self._text(bar, now)}\x1b[{up}B\r")

    def _text(self, bar: _Bar, now: float) -> str:
        event = bar.event
        text = _words(event)
        if event.state in _MOVING and event.total:
            text += (
                f" {_meter(event.done, event.total)}  {human_size(event.done, 3)}/{human_size(event.total, 3)}"
            )
            elapsed = now - bar.began
            if elapsed > 1 and event.done > bar.began_at:
                rate = (event.done - bar.began_at) / elapsed
                left = human_duration((event.total - event.done) / rate).lower()
                text += f"  {human_size(rate, 3)}/s  {left} left"
        import shutil  # noqa: PLC0415 - only where somebody watches

        # A line that wraps would break the counting of lines.
        return text[: shutil.get_terminal_size().columns - 1]


def _meter(done: int, total: int) -> str:
    filled = min(_BAR, done * _BAR // total)
    return "[" + ("=" * filled + ">" * (filled < _BAR)).ljust(_BAR) + "]"
