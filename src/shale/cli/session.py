"""What a command is given: the engine, opened when it is asked for, and where to print."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

import click

from shale.engine.settings import Settings, settings_from
from shale.linux.outside import outer_user

if TYPE_CHECKING:
    from shale.engine.engine import Engine

__all__ = ["Session", "pass_session"]


class Session:
    """One run of the command line."""

    def __init__(self, environ: Mapping[str, str], root: str | None, *, debug: bool, stack: ExitStack) -> None:
        """Prepare; nothing is opened.

        Args:
            environ: the environment.
            root: the store's folder, where `--root` gave it.
            debug: whether errors show where they come from.
            stack: closes what gets opened.
        """
        self.environ = environ
        self.debug = debug
        self._root = root
        self._stack = stack
        self._engine: Engine | None = None

    @property
    def settings(self) -> Settings:
        """Where things are."""
        return settings_from(self.environ, user=outer_user(self.environ), root=self._root)

    @property
    def engine(self) -> Engine:
        """The engine on this session's store; opened at the first use."""
        if self._engine is None:
            from shale.engine.engine import Engine  # noqa: PLC0415 - not for commands without a store

            self._engine = self._stack.enter_context(Engine(self.settings))
        return self._engine

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches: then progress is animated."""
        return sys.stdout.isatty() and self.environ.get("TERM") != "dumb"

    def print(self, text: str = "", *, end: str = "\n") -> None:
        """Write a result to standard output."""
        sys.stdout.write(text + end)

    def warn(self, text: str) -> None:
        """Write a line to standard error."""
        sys.stdout.flush()
        sys.stderr.write(text + "\n")

    @property
    def out(self) -> TextIO:
        """Standard output as text."""
        return sys.stdout


pass_session = click.make_pass_decorator(Session)
