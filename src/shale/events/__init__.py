"""Progress of long work, as typed values.

Whoever does long work is given a `Listener` and calls it with one of these; the command line draws them,
a Python caller may do as it likes. A listener may be called from any thread, must return quickly, and must
not raise. Events are facts in the past tense of the work; nothing reads them back to decide.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

__all__ = ["Event", "LayerProgress", "LayerState", "Listener", "Notice", "RetryScheduled", "silent"]


class LayerState(Enum):
    """Where one blob of a transfer stands; the values are the words that people know from docker."""

    PULLING = "Pulling fs layer"
    WAITING = "Waiting"
    DOWNLOADING = "Downloading"
    VERIFYING = "Verifying Checksum"
    DOWNLOADED = "Download complete"
    PULLED = "Pull complete"
    EXISTS = "Already exists"
    PREPARING = "Preparing"
    PUSHING = "Pushing"
    PUSHED = "Pushed"
    REMOTE_EXISTS = "Layer already exists"
    MOUNTED = "Mounted from"


class LayerProgress(msgspec.Struct, frozen=True):
    """One blob of a pull or a push came to a state, or moved on within it.

    Attributes:
        blob: the 12-digit short form under which people see the blob.
        state: where it stands now.
        done: bytes so far, where the state moves bytes.
        total: bytes in all, where known.
        origin: for MOUNTED, the repository it was mounted from.
    """

    blob: str
    state: LayerState
    done: int = 0
    total: int | None = None
    origin: str = ""


class Notice(msgspec.Struct, frozen=True):
    """One line for a person, in the order of the work, for example `latest: Pulling from library/nginx`."""

    text: str


class RetryScheduled(msgspec.Struct, frozen=True):
    """A request failed in a way that may pass, and will be tried again.

    Attributes:
        subject: what is being transferred.
        reason: why it failed.
        attempt: the number of the attempt that failed, from 1.
        delay: seconds until the next one.
    """

    subject: str
    reason: str
    attempt: int
    delay: float


Event = LayerProgress | Notice | RetryScheduled
Listener = Callable[[Event], None]


def silent(event: Event, /) -> None:
    """The listener of those who do not listen."""
