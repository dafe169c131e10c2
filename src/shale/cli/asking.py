"""Questions to a person: on standard output, as docker asks, with the answer from standard input."""

from __future__ import annotations

import sys

from shale.cli.session import Session
from shale.errors import Invalid

__all__ = ["ask", "ask_hidden", "confirm", "read_secret"]

_LONGEST = 64 * 1024
"""Bytes of a secret that are read at most."""


def confirm(session: Session, question: str) -> bool:
    """Ask for a yes; everything else, and the end of the input, is a no."""
    session.print(f"{question} [y/N] ", end="")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() == "y"


def ask(session: Session, question: str) -> str:
    """A line that a person types.

    Raises:
        Invalid: standard input is not a terminal, so nobody is there to ask.
    """
    _need_terminal()
    session.print(question, end="")
    sys.stdout.flush()
    return sys.stdin.readline().strip()


def ask_hidden(question: str) -> str:
    """A line that a person types without seeing it.

    Raises:
        Invalid: standard input is not a terminal, so nobody is there to ask.
    """
    _need_terminal()
    import getpass  # noqa: PLC0415 - only where a person is asked

    return getpass.getpass(question)


def read_secret() -> str:
    """A secret that a program gives us on standard input, without the line break at its end.

    Raises:
        Invalid: there is none, or it is longer than any secret.
    """
    text = sys.stdin.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise Invalid(f"standard input has more than {_LONGEST} characters: that is no password")
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise Invalid("standard input has no password; give one, for example with: cat token | shale login ...")
    return secret


def _need_terminal() -> None:
    if not sys.stdin.isatty():
        raise Invalid("cannot ask for credentials: standard input is no terminal; use -u and --password-stdin")
