"""Commands on several images: each is tried, and what went wrong with some does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shale.cli.exit import FAILED, complain
from shale.cli.session import Session
from shale.errors import Cancelled, ShaleError

__all__ = ["report_each", "try_each"]


def try_each(session: Session, names: Iterable[str], action: Callable[[str], None]) -> list[ShaleError]:
    """Do something for each name, going on after an error, as docker does.

    Args:
        session: under `--debug` the first error is raised as it is.
        names: as typed.
        action: prints its own results.

    Returns:
        What went wrong, in order, for the command to report after all results.

    Raises:
        Cancelled: the user stopped it.
    """
    failures: list[ShaleError] = []
    for name in names:
        try:
            action(name)
        except Cancelled:
            raise
        except ShaleError as error:
            if session.debug:
                raise
            failures.append(error)
    return failures


def report_each(session: Session, names: Iterable[str], action: Callable[[str], None]) -> int:
    """Do something for each name, tell what went wrong, and give the exit code; see `try_each`."""
    failures = try_each(session, names, action)
    for failure in failures:
        complain(failure.message)
    return FAILED if failures else 0
