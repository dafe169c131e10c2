"""Every error that shale raises, by kind.

A kind says what a caller can do about it; a specific class stands beside the code that raises it and
inherits from its kind. A message is lower case, names the subject, and says what to do.

    ShaleError
    |-- NotFound       the thing asked for is not there
    |-- AlreadyExists  a thing of that name is there already
    |-- Conflict       the thing is in use, or changed meanwhile
    |-- Invalid        the input is malformed: a name, a flag, a document, an archive
    |-- Unauthorized   credentials are missing or were not accepted
    |-- Denied         credentials are good, but this is not allowed
    |-- Unavailable    the other side does not answer, or not now: trying later may help
    |-- Exhausted      a limit was reached: the disk is full, a document is too large
    |-- Unsupported    well-formed, but nothing here can do it
    |-- Corrupt        bytes are not what their digest or size says
    `-- Cancelled      the caller or the user stopped it
"""

from __future__ import annotations

__all__ = [
    "AlreadyExists",
    "Cancelled",
    "Conflict",
    "Corrupt",
    "Denied",
    "Exhausted",
    "Invalid",
    "NotFound",
    "ShaleError",
    "Unauthorized",
    "Unavailable",
    "Unsupported",
]


class ShaleError(Exception):
    """The root of all errors of shale; catch it to catch them all."""

    @property
    def message(self) -> str:
        """The sentence to show to a person."""
        return str(self.args[0]) if self.args else type(self).__name__


class NotFound(ShaleError):
    """The thing asked for is not there."""


class AlreadyExists(ShaleError):
    """A thing of that name is there already."""


class Conflict(ShaleError):
    """The thing is in use, or changed meanwhile."""


class Invalid(ShaleError):
    """The input is malformed."""


class Unauthorized(ShaleError):
    """Credentials are missing or were not accepted."""


class Denied(ShaleError):
    """Credentials are good, but this is not allowed."""


class Unavailable(ShaleError):
    """The other side does not answer, or not now; trying later may help."""


class Exhausted(ShaleError):
    """A limit was reached: the disk is full, a document is too large."""


class Unsupported(ShaleError):
    """Well-formed, but nothing here can do it."""


class Corrupt(ShaleError):
    """Bytes are not what their digest or size says."""


class Cancelled(ShaleError):
    """The caller or the user stopped it."""
