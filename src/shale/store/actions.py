"""What a repair did, and the two ports through which it gets what the store cannot make itself."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from shale.oci.digest import Digest
from shale.store.content import LayerRecord, Source

__all__ = ["Action", "Deed", "Fetch", "Measure", "Wanted"]


class Deed(Enum):
    """What was done about one finding; the values are for a person."""

    FETCHED = "fetched again"
    RECORDED = "recorded again from its bytes"
    MEASURED = "measured again"
    REMOVED = "removed"
    SET_ASIDE = "moved to the folder damaged"
    RESCUED = "taken over from the damaged database"
    REBUILT = "made anew from the blobs"
    NOT_HEALED = "could not be healed"


class Action(msgspec.Struct, frozen=True):
    """One thing that a repair did, or could not do.

    Attributes:
        deed: what.
        subject: to what: a digest, a name, a key.
        detail: how, or why not, for a person; may be empty.
    """

    deed: Deed
    subject: str
    detail: str = ""

    @property
    def text(self) -> str:
        """One line for a person."""
        return f"{self.subject}: {self.deed.value}" + (f" ({self.detail})" if self.detail else "")


class Wanted(msgspec.Struct, frozen=True):
    """A blob that the store lost.

    Attributes:
        digest: which.
        size: its bytes, where known.
        is_document: whether registries serve it as a manifest, not as a blob.
        sources: repositories that may have it, the most likely first; never empty.
    """

    digest: Digest
    size: int | None
    is_document: bool
    sources: tuple[Source, ...]


Fetch = Callable[[Wanted], None]
"""Brings a blob through `store.ingests`, under `ingest_key(digest)`, and commits it; raises if it cannot."""
Measure = Callable[[Digest], LayerRecord]
"""Inflates a stored layer and measures it; raises if it cannot."""
