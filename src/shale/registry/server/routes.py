"""From a path to what it asks for (distribution-spec, "Endpoints").

A repository's name may hold any number of slashes and even the words of the endpoints, so paths are read from
their end. Names are found here, not checked: `names` does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from shale.errors import NotFound

__all__ = ["Endpoint", "NoSuchPath", "Route", "match"]


class NoSuchPath(NotFound):
    """The path is none of the specification's."""


class Endpoint(Enum):
    """The kinds of path."""

    VERSION = "version"
    CATALOG = "catalog"
    TAGS = "tags"
    MANIFEST = "manifest"
    BLOB = "blob"
    UPLOADS = "uploads"
    UPLOAD = "upload"
    REFERRERS = "referrers"


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for.

    Attributes:
        endpoint: the kind of path.
        repository: the text where the repository's name stands; empty where there is none.
        reference: the text behind it: tag, digest or upload id; empty where there is none.
    """

    endpoint: Endpoint
    repository: str = ""
    reference: str = ""


_PREFIX: Final = "/v2/"
_BY_WORD: Final = {
    "manifests": Endpoint.MANIFEST,
    "blobs": Endpoint.BLOB,
    "referrers": Endpoint.REFERRERS,
}


def match(path: str) -> Route:
    """Find what a path asks for.

    Args:
        path: the path, with percent escapes already decoded.

    Raises:
        NoSuchPath: it is not one of ours.
    """
    if path in ("/v2", _PREFIX):
        return Route(Endpoint.VERSION)
    if not path.startswith(_PREFIX):
        raise NoSuchPath(f"no such path {path[:300]!r}: everything here is below /v2/")
    rest = path[len(_PREFIX) :]
    if rest == "_catalog":
        return Route(Endpoint.CATALOG)
    for ending in ("/blobs/uploads/", "/blobs/uploads"):
        if rest.endswith(ending):
            return Route(Endpoint.UPLOADS, rest[: -len(ending)])
    if rest.endswith("/tags/list"):
        return Route(Endpoint.TAGS, rest[: -len("/tags/list")])
    before, _, reference = rest.rpartition("/")
    if before.endswith("/blobs/uploads"):
        return Route(Endpoint.UPLOAD, before[: -len("/blobs/uploads")], reference)
    repository, _, word = before.rpartition("/")
    if word in _BY_WORD and repository and reference:
        return Route(_BY_WORD[word], repository, reference)
    raise NoSuchPath(f"no such path {path[:300]!r} in distribution-spec 1.1")
