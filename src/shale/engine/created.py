"""When an image was made: now, or the moment that a reproducible build asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from shale.errors import Invalid

__all__ = ["created"]


def created(environ: Mapping[str, str]) -> str:
    """Now, or what `SOURCE_DATE_EPOCH` says (reproducible-builds.org), as RFC 3339.

    Raises:
        Invalid: the variable is no number of seconds.
    """
    text = environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return datetime.now(UTC).isoformat().replace("+00:00", "Z")
    try:
        return datetime.fromtimestamp(int(text), UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        raise Invalid(f"SOURCE_DATE_EPOCH={text[:40]} is not a number of seconds since 1970") from None
