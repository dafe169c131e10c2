"""Short names: `ubi9` where an alias says `registry.access.redhat.com/ubi9`."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["expand_alias"]


def expand_alias(text: str, aliases: Mapping[str, str]) -> str:
    """The text with its name replaced where there is an alias for exactly that name; else the text as it is.

    Tag and digest stay: `ubi9:latest` becomes `registry.access.redhat.com/ubi9:latest`.

    Args:
        text: a reference as a person typed it, not yet parsed: `nginx` may have an alias,
            `docker.io/library/nginx` has none.
        aliases: short name to full name.
    """
    rest, at, digest = text.partition("@")
    # A colon before the last slash belongs to a port; such a text is no short name, and no alias has it.
    folder, slash, last = rest.rpartition("/")
    name, colon, tag = last.partition(":")
    full = aliases.get(folder + slash + name)
    return text if full is None else full + colon + tag + at + digest
