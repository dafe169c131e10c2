"""What an operator may choose about a registry server."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ServerOptions"]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Limits and permissions of one server.

    Attributes:
        allow_delete: whether manifests, tags and blobs may be deleted; cancelling an upload always may.
        largest_blob: bytes of one blob that are accepted.
        most_uploads: uploads that may be open in memory at once.
        upload_lifetime: seconds after which an upload that nobody touches is dropped.
        stall: seconds that a body or a reader may stand still before its connection is closed.
        grace: seconds that requests under way get when the server stops.
        threads: how many requests may wait for the disk at once.
    """

    allow_delete: bool = True
    largest_blob: int = 1 << 40
    most_uploads: int = 10_000
    upload_lifetime: float = 86_400.0
    stall: float = 60.0
    grace: float = 5.0
    threads: int = 32
