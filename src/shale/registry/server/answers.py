"""Answers: the headers that all of them carry, and the one place where errors become statuses.

Specification: distribution-spec "Error Codes"; RFC 9110 section 13 (conditions).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from shale.errors import (
    AlreadyExists,
    Cancelled,
    Conflict,
    Corrupt,
    Denied,
    Exhausted,
    Invalid,
    NotFound,
    ShaleError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from shale.linux.durable import DiskFull, NoPermission
from shale.oci.digest import Digest, InvalidDigest
from shale.oci.document import InvalidDocument
from shale.oci.manifest import SchemaOne
from shale.registry.protocol import DOCKER_CONTENT_DIGEST, ErrorCode, ErrorDetail, InvalidRange, encode_errors
from shale.registry.server.names import InvalidRepository, InvalidTag
from shale.registry.server.routes import NoSuchPath
from shale.registry.server.storage import (
    BlobUnknown,
    ManifestBlobUnknown,
    ManifestUnknown,
    RepositoryUnknown,
    TooManyUploads,
    UploadBusy,
    UploadUnknown,
)
from shale.store.blobs import BlobDamaged, BlobNotFound
from shale.store.ingest import DigestMismatch, SizeMismatch

__all__ = ["JSON", "TooLarge", "content_headers", "empty", "error_answer", "is_unchanged", "standard_headers"]

JSON: Final = "application/json"


class TooLarge(Exhausted):
    """A body is larger than what is accepted."""


_STATUSES: Final[Mapping[type[ShaleError], tuple[int, ErrorCode]]] = {
    # Specific errors: their codes are the specification's.
    NoSuchPath: (404, ErrorCode.UNSUPPORTED),
    InvalidRepository: (400, ErrorCode.NAME_INVALID),
    InvalidTag: (400, ErrorCode.TAG_INVALID),
    InvalidDigest: (400, ErrorCode.DIGEST_INVALID),
    InvalidRange: (416, ErrorCode.RANGE_INVALID),
    InvalidDocument: (400, ErrorCode.MANIFEST_INVALID),
    SchemaOne: (400, ErrorCode.MANIFEST_INVALID),
    DigestMismatch: (400, ErrorCode.DIGEST_INVALID),
    SizeMismatch: (400, ErrorCode.SIZE_INVALID),
    RepositoryUnknown: (404, ErrorCode.NAME_UNKNOWN),
    BlobUnknown: (404, ErrorCode.BLOB_UNKNOWN),
    BlobNotFound: (404, ErrorCode.BLOB_UNKNOWN),
    ManifestUnknown: (404, ErrorCode.MANIFEST_UNKNOWN),
    ManifestBlobUnknown: (404, ErrorCode.MANIFEST_BLOB_UNKNOWN),
    UploadUnknown: (404, ErrorCode.BLOB_UPLOAD_UNKNOWN),
    UploadBusy: (409, ErrorCode.BLOB_UPLOAD_INVALID),
    TooManyUploads: (429, ErrorCode.TOOMANYREQUESTS),
    TooLarge: (413, ErrorCode.SIZE_INVALID),
    DiskFull: (507, ErrorCode.UNKNOWN),
    NoPermission: (500, ErrorCode.UNKNOWN),
    BlobDamaged: (500, ErrorCode.UNKNOWN),
    # Kinds: what no line above knows.
    NotFound: (404, ErrorCode.UNKNOWN),
    AlreadyExists: (409, ErrorCode.UNKNOWN),
    Conflict: (409, ErrorCode.UNKNOWN),
    Invalid: (400, ErrorCode.UNSUPPORTED),
    Unauthorized: (401, ErrorCode.UNAUTHORIZED),
    Denied: (403, ErrorCode.DENIED),
    Unavailable: (503, ErrorCode.UNKNOWN),
    Exhausted: (413, ErrorCode.SIZE_INVALID),
    Unsupported: (405, ErrorCode.UNSUPPORTED),
    Corrupt: (500, ErrorCode.UNKNOWN),
    Cancelled: (503, ErrorCode.UNKNOWN),
    ShaleError: (500, ErrorCode.UNKNOWN),
}


def standard_headers() -> dict[str, str]:
    """What every answer carries; `nosniff`, since all content comes from strangers."""
    return {
        "Docker-Distribution-Api-Version": "registry/2.0",
        "X-Content-Type-Options": "nosniff",
        "Server": "shale",
    }


def content_headers(digest: Digest) -> dict[str, str]:
    """What an answer about immutable content carries."""
    return {**standard_headers(), DOCKER_CONTENT_DIGEST: str(digest), "ETag": f'"{digest}"'}


def empty(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer without a body."""
    return web.Response(status=status, headers={**standard_headers(), **(headers or {})})


def error_answer(error: ShaleError, headers: Mapping[str, str] | None = None) -> web.Response:
    """The answer that an error becomes."""
    status, code = next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
    details = [ErrorDetail(code.value, error.message)]
    if isinstance(error, ManifestBlobUnknown):
        words = "content unknown to this repository"
        details = [ErrorDetail(code.value, words, {"digest": str(digest)}) for digest in error.missing[:100]]
    sent = {**standard_headers(), **(headers or {})}
    if status in (429, 503):
        sent["Retry-After"] = "1"
    return web.Response(status=status, body=encode_errors(*details), content_type=JSON, headers=sent)


def is_unchanged(request: web.BaseRequest, digest: Digest) -> bool:
    """Whether the client has this content already (`If-None-Match`, RFC 9110 section 13.1.2)."""
    header = request.headers.get("If-None-Match", "")
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or f'"{digest}"' in tags
