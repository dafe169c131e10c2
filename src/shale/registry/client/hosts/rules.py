"""Which `[[registry]]` table speaks of an image, and where the image is then."""

from __future__ import annotations

from collections.abc import Iterable

from shale.errors import Unsupported
from shale.oci.reference import Reference
from shale.registry.client.addresses import split_host
from shale.registry.client.hosts.document import Registry

__all__ = ["UnsupportedLocation", "choose", "relocate"]


class UnsupportedLocation(Unsupported):
    """A location would change an image's tag or digest, or lead to no name at all."""


def choose(registries: Iterable[Registry], reference: Reference) -> Registry | None:
    """The table with the longest prefix that matches; None where no table speaks of this image."""
    matching = [table for table in registries if _matched(table.prefix, reference) is not None]
    return max(matching, key=lambda table: len(table.prefix), default=None)


def relocate(reference: Reference, prefix: str, location: str) -> tuple[str, str]:
    """Host and path of an image after a location took the place of a prefix that matches it.

    Raises:
        UnsupportedLocation: what comes out is not a name, or has another tag.
    """
    if not location:
        return reference.registry, reference.repository
    matched = _matched(prefix, reference)
    assert matched is not None
    moved = location + str(reference)[matched:]
    suffix = str(reference)[len(reference.name) :]
    host, slash, path = moved.removesuffix(suffix).partition("/")
    if not slash or not path or not moved.endswith(suffix) or ":" in path or "@" in path:
        raise UnsupportedLocation(
            f"registries.conf moves {reference} to {moved!r}, which is not a name with the same tag; "
            f"correct the location of {prefix}"
        )
    return host, path


def _matched(prefix: str, reference: Reference) -> int | None:
    """How much of the reference's text the prefix stands for; None where it does not match."""
    text = str(reference)
    if prefix.startswith("*."):
        host, _ = split_host(reference.registry)
        # The port stays: `*.example.com` moves a.example.com:5000 to the location's host with that port.
        return len(host) if host.endswith(prefix[1:].lower()) else None
    if not text.startswith(prefix):
        return None
    rest = text[len(prefix) :]
    # In `example.com:5000/app` the colon begins a port: another registry than example.com.
    separators = ("/", ":", "@") if "/" in prefix else ("/",)
    return len(prefix) if not rest or rest.startswith(separators) else None
