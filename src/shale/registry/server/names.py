"""Reading names out of a request: repositories, tags, digests, upload ids (distribution-spec, "Pull").

Everything here comes from a stranger. What these functions return has been accepted by a grammar; nothing
else goes further into the server.
"""

from __future__ import annotations

import re
from typing import Final

from shale.errors import Invalid
from shale.oci.digest import Digest
from shale.oci.reference import Reference

__all__ = ["InvalidRepository", "InvalidTag", "parse_digest", "parse_reference", "parse_repository"]

_SOMEWHERE: Final = "localhost"
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")


class InvalidRepository(Invalid):
    """A text is not the name of a repository."""


class InvalidTag(Invalid):
    """A text is neither a tag nor a digest."""


def parse_repository(text: str) -> str:
    """A repository's name, unchanged, when it is one of at most 255 characters.

    Raises:
        InvalidRepository: it is not.
    """
    try:
        reference = Reference.parse(f"{_SOMEWHERE}/{text}")
    except Invalid as error:
        raise _not_a_repository(text) from error
    # A colon or an at sign would have been read as a tag or a digest, and not as part of the name.
    if reference.repository != text or reference.tag is not None or reference.digest is not None:
        raise _not_a_repository(text)
    return text


def _not_a_repository(text: str) -> InvalidRepository:
    return InvalidRepository(
        f"invalid repository {text[:300]!r}: up to 255 lower-case letters and digits, separated by "
        "'.', '_', '__', '-' and '/'"
    )


def parse_digest(text: str) -> Digest:
    """A digest out of a path or a query.

    Raises:
        InvalidDigest: it is not one that this server keeps.
    """
    return Digest.parse(text)


def parse_reference(text: str) -> Digest | str:
    """What names a manifest within its repository: a digest, or else a tag.

    Raises:
        InvalidDigest: it has a colon, so it should be a digest, and is none.
        InvalidTag: it is not a tag.
    """
    if ":" in text:
        return Digest.parse(text)
    if not _TAG.match(text):
        raise InvalidTag(
            f"invalid tag {text[:140]!r}: up to 128 letters, digits, '_', '.' and '-', "
            "not beginning with '.' or '-'"
        )
    return text
