"""A program that runs while we wait: with descriptors of the caller's for its streams.

It is in a session of its own: what a terminal sends to the programs in front (Ctrl-C) reaches us alone, and
goes on from here exactly once. It may read and write that terminal all the same, which is not the one that
controls it (credentials(7), "Sessions and process groups").
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from shale.linux.process import ProgramDenied, ProgramNotFound

__all__ = ["Foreground"]


class Foreground:
    """One program, started when this is made."""

    def __init__(
        self, argv: Sequence[str], *, stdin: int, stdout: int, stderr: int, env: Mapping[str, str]
    ) -> None:
        """Start it; of our descriptors it gets these three alone.

        Args:
            argv: the program by absolute path, and its arguments.
            stdin: what it reads; stays the caller's, as the other two.
            stdout: what it writes to.
            stderr: what it complains to.
            env: its whole environment.

        Raises:
            ProgramNotFound: there is no such program.
            ProgramDenied: it cannot be started.
        """
        try:
            self._process = subprocess.Popen(
                argv, stdin=stdin, stdout=stdout, stderr=stderr, env=dict(env), close_fds=True,
                start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise ProgramNotFound(f"the program {argv[0]} is not there, or its interpreter is not") from error
        except OSError as error:
            raise ProgramDenied(f"the program {argv[0]} cannot be started: {error.strerror}") from error

    def signal(self, number: int) -> None:
        """Send it a signal; none where it has ended."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end, while signal handlers run: its exit status, negative for a signal that ended it."""
        return self._process.wait()
