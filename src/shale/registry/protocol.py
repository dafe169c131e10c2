"""What both ends of the wire agree on: paths, error codes, ranges, links.

Pure text in and out. Specification: distribution-spec 1.1 "Endpoints", "Error Codes"; RFC 9110 section 14
(ranges), RFC 8288 (links).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

import msgspec

from shale.errors import Invalid
from shale.oci.digest import Digest

__all__ = [
    "ErrorCode",
    "ErrorDetail",
    "InvalidRange",
    "blob_path",
    "encode_errors",
    "format_content_range",
    "manifest_path",
    "next_link",
    "parse_content_range",
    "parse_errors",
    "parse_range",
    "referrers_path",
    "tags_path",
    "uploads_path",
]

DOCKER_CONTENT_DIGEST: Final = "Docker-Content-Digest"
OCI_SUBJECT: Final = "OCI-Subject"
OCI_FILTERS_APPLIED: Final = "OCI-Filters-Applied"

_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")
_LINK = re.compile(r"\s*<([^<>]*)>\s*((?:;[^,]*)?)\s*(?:,|\Z)")


class InvalidRange(Invalid):
    """A range header is malformed or outside the content."""


class ErrorCode(Enum):
    """The codes of distribution-spec "Error Codes", and those that docker's registry adds."""

    BLOB_UNKNOWN = "BLOB_UNKNOWN"
    BLOB_UPLOAD_INVALID = "BLOB_UPLOAD_INVALID"
    BLOB_UPLOAD_UNKNOWN = "BLOB_UPLOAD_UNKNOWN"
    DIGEST_INVALID = "DIGEST_INVALID"
    MANIFEST_BLOB_UNKNOWN = "MANIFEST_BLOB_UNKNOWN"
    MANIFEST_INVALID = "MANIFEST_INVALID"
    MANIFEST_UNKNOWN = "MANIFEST_UNKNOWN"
    NAME_INVALID = "NAME_INVALID"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    SIZE_INVALID = "SIZE_INVALID"
    TAG_INVALID = "TAG_INVALID"
    UNAUTHORIZED = "UNAUTHORIZED"
    DENIED = "DENIED"
    UNSUPPORTED = "UNSUPPORTED"
    TOOMANYREQUESTS = "TOOMANYREQUESTS"
    RANGE_INVALID = "RANGE_INVALID"
    PAGINATION_NUMBER_INVALID = "PAGINATION_NUMBER_INVALID"
    UNKNOWN = "UNKNOWN"


class ErrorDetail(msgspec.Struct, frozen=True):
    """One error of an error body: a code, words for a person, and whatever else the server says."""

    code: str = "UNKNOWN"
    message: str = ""
    detail: Any = msgspec.UNSET


class _ErrorBody(msgspec.Struct, frozen=True):
    errors: tuple[ErrorDetail, ...]


def encode_errors(*errors: ErrorDetail) -> bytes:
    """An error body, as servers send it."""
    return msgspec.json.encode(_ErrorBody(errors))


def parse_errors(body: bytes) -> tuple[ErrorDetail, ...]:
    """The errors in a body; empty where it is not an error body (a proxy's HTML, say)."""
    try:
        return msgspec.json.decode(body, type=_ErrorBody).errors
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ()


def blob_path(repository: str, digest: Digest) -> str:
    """Path of one blob (end-2, end-10)."""
    return f"/v2/{repository}/blobs/{digest}"


def uploads_path(repository: str) -> str:
    """Path at which uploads begin (end-4, end-11)."""
    return f"/v2/{repository}/blobs/uploads/"


def manifest_path(repository: str, reference: Digest | str) -> str:
    """Path of one manifest, by tag or by digest (end-3, end-7, end-9)."""
    return f"/v2/{repository}/manifests/{reference}"


def tags_path(repository: str) -> str:
    """Path of the list of tags (end-8)."""
    return f"/v2/{repository}/tags/list"


def referrers_path(repository: str, digest: Digest, artifact_type: str | None = None) -> str:
    """Path of the referrers of a manifest (end-12)."""
    query = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
    return f"/v2/{repository}/referrers/{digest}{query}"


def parse_range(header: str, size: int) -> tuple[int, int]:
    """The single byte range that a client asks for, as first and last offset, both included.

    Args:
        header: the value of `Range`.
        size: bytes of the content.

    Raises:
        InvalidRange: malformed, several ranges, or nothing of it inside the content (answer 416).
    """
    match = _RANGE.match(header.strip())
    if match is None or not (match[1] or match[2]) or len(header) > 64:
        raise InvalidRange(f"invalid range {header[:64]!r}: expected bytes=FIRST-LAST")
    if not match[1]:
        first, last = max(0, size - int(match[2])), size - 1
    else:
        first, last = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    if first > last or first >= size:
        raise InvalidRange(f"invalid range {header!r}: the content has {size} bytes")
    return first, last


def parse_content_range(header: str) -> tuple[int, int, int | None]:
    """First and last offset (both included) and the total, None where the server does not know it.

    Raises:
        InvalidRange: malformed.
    """
    match = _CONTENT_RANGE.match(header.strip()) if len(header) <= 128 else None
    if match is None or int(match[2]) < int(match[1]):
        raise InvalidRange(f"invalid content range {header[:128]!r}")
    return int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])


def format_content_range(first: int, last: int, total: int) -> str:
    """The value of `Content-Range` in a 206 answer."""
    return f"bytes {first}-{last}/{total}"


def next_link(header: str) -> str | None:
    """The target of `rel="next"` in a Link header, as it stands there; None on the last page."""
    for match in _LINK.finditer(header):
        if re.search(r""";\s*rel\s*=\s*"?next"?\s*(?:;|\Z)""", match[2], re.IGNORECASE):
            return match[1]
    return None
