"""Reading JSON documents of the specifications: with limits, and with the path in every error.

msgspec refuses what is not JSON (NaN, a byte order mark, bytes after the end) and names the field that is
wrong; this module adds a bound on size and depth, and the types of `digest`. Of a key that stands twice the
last counts, as with Go's readers; a key in other letters (`Layers`) is unknown, and unknown is skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from shale.errors import Invalid
from shale.oci.digest import ContentHash

__all__ = [
    "MAX_CONFIG",
    "MAX_MANIFEST",
    "InvalidDocument",
    "Listed",
    "encode_document",
    "fill_lists",
    "read_document",
]

MAX_MANIFEST: Final = 4 * 1024 * 1024
"""Bytes: what distribution-spec asks registries to accept ("Pushing Manifests"), and no more."""
MAX_CONFIG: Final = 8 * 1024 * 1024
"""Bytes of an image config; docker's limit is 4 MiB, real ones are a few KiB."""

T = TypeVar("T")

if TYPE_CHECKING:
    Listed = tuple[T, ...]
else:
    Listed = tuple[T, ...] | None
"""A list that must be there, for which Go writes `null` when it is empty; see `fill_lists`."""


def fill_lists(document: msgspec.Struct, *fields: str) -> None:
    """Put an empty list where `null` was read, so that nobody else meets it; for use in `__post_init__`."""
    for field in fields:
        if getattr(document, field) is None:
            msgspec.structs.force_setattr(document, field, ())


class InvalidDocument(Invalid):
    """A JSON document is malformed, too large, or not of the kind that it should be."""


def _decode_hash(expected: type[Any], value: Any) -> Any:
    if isinstance(value, str) and issubclass(expected, ContentHash):
        try:
            return expected.parse(value)
        except Invalid as error:
            raise ValueError(error.message) from error
    raise ValueError(f"expected a string for {expected.__name__}")


def read_document(raw: bytes, kind: type[T], *, what: str, limit: int = MAX_MANIFEST) -> T:
    """Read one JSON document.

    Args:
        raw: the bytes as they came.
        kind: the value to make: a msgspec Struct, or anything that msgspec decodes.
        what: how to call the document in an error, for example `manifest sha256:...`.
        limit: the largest size accepted, in bytes.

    Raises:
        InvalidDocument: too large, not JSON, too deep, or fields of a wrong type.
    """
    if len(raw) > limit:
        raise InvalidDocument(f"{what} is {len(raw)} bytes, more than the {limit} that are accepted")
    try:
        return msgspec.json.decode(raw, type=kind, dec_hook=_decode_hash)
    except RecursionError:
        raise InvalidDocument(f"{what} is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise InvalidDocument(f"{what} is not valid: {error}") from error


def _encode_hash(value: Any) -> Any:
    if isinstance(value, ContentHash):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def encode_document(value: Any) -> bytes:
    """Write a document that we make ourselves (never one that was received): compact, fields in order.

    Raises:
        InvalidDocument: a text in it has no UTF-8, as arguments of a command line may have none.
    """
    try:
        return msgspec.json.encode(value, enc_hook=_encode_hash)
    except UnicodeEncodeError as error:
        raise InvalidDocument(f"{error.object[:140]!r} is not UTF-8 and cannot stand in a document") from None
