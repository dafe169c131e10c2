"""Signalling and awaiting processes that are not our children, without ever meaning another one.

A process id can be used again between a look and a kill(2); a pidfd cannot (pidfd_open(2), Linux 5.3). Where a
sandbox refuses pidfds, the id is used, right after a look at whose it is.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shale.errors import Denied
from shale.linux.boot import ProcessIdentity, is_alive

__all__ = ["NotOurs", "signal_process", "wait_for_end"]

_GLANCE: Final = 0.02
"""Seconds between two looks at a process, where nothing tells of its end."""
_LONGEST: Final = 2**31 - 1
"""Milliseconds that poll(2) can be told to wait: 24 days."""


class NotOurs(Denied):
    """A process may not be signalled by this user."""


def signal_process(process: ProcessIdentity, number: int) -> None:
    """Send a signal to a process.

    Args:
        process: which.
        number: of the signal.

    Raises:
        ProcessLookupError: it has ended, or cannot be seen from here.
        NotOurs: it belongs to somebody else.
    """
    with _opened(process) as handle:
        try:
            if handle is None:
                os.kill(process.pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        except PermissionError as error:
            raise NotOurs(
                f"the process {process.pid} belongs to another user: be root, or in the user's namespace "
                "(shale unshare)"
            ) from error


def wait_for_end(process: ProcessIdentity, timeout: float | None = None) -> bool:
    """Wait until a process has ended; whether it has.

    Args:
        process: which; one that cannot be seen from here counts as ended.
        timeout: seconds; None for ever.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        with _opened(process) as handle:
            if handle is not None:
                poll = select.poll()
                poll.register(handle, select.POLLIN)
                return bool(poll.poll(None if timeout is None else min(timeout * 1000, _LONGEST)))
            while is_alive(process):
                if deadline is not None and time.monotonic() > deadline:
                    return False
                time.sleep(_GLANCE)
    except ProcessLookupError:
        pass
    return True


@contextmanager
def _opened(process: ProcessIdentity) -> Iterator[int | None]:
    """A handle on a living process; None where this machine gives none."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        raise
    except OSError:
        handle = None
    try:
        # After opening: the handle is of whoever had the id by then, and that is who we look at.
        if not is_alive(process):
            raise ProcessLookupError(process.pid)
        yield handle
    finally:
        if handle is not None:
            os.close(handle)
