"""What a check of the store can find: damage, and mere leftovers."""

from __future__ import annotations

from enum import Enum

import msgspec

from shale.oci.digest import Digest

__all__ = ["CheckProgress", "CheckReport", "Damage", "Finding", "Leftover"]


class Damage(Enum):
    """Something that was promised is not there or not right; the values are for a person."""

    DATABASE = "the database is damaged"
    MISSING_BLOB = "a blob that an image needs has no file"
    WRONG_SIZE = "a blob has another size than was recorded"
    WRONG_BYTES = "the bytes of a blob are not those of its digest"
    UNREADABLE_BLOB = "the disk cannot read a blob"
    UNREADABLE_MANIFEST = "a manifest has the right bytes, but they are not a manifest"
    MISSING_CHILD = "a manifest names content that is not in the store"
    DANGLING_NAME = "a name points at nothing"
    DANGLING_ROOT = "a kept image is nothing that the store knows"
    LAYER_FACTS = "what was measured of a layer is missing, or is not what the config says"
    GRAPH = "what is recorded of a manifest is not what the manifest says"
    MOUNTABLE_LAYER = "a mountable layer is not what its layer says"


class Leftover(Enum):
    """Something that a killed process left behind; it takes space and does no harm."""

    UNRECORDED_FILE = "a file of a blob that is not recorded"
    ROW_WITHOUT_FILE = "a recorded blob that nothing needs has no file"
    STALE_ROW = "rows about content that is not in the store"
    DEAD_LEASE = "a lease of a process that is gone"
    ABANDONED_INGEST = "a transfer that nobody continued for a day"
    STALE_LAYER = "a mountable layer that must be made again"
    UNRECORDED_LAYER = "files of a mountable layer that is not recorded"
    UNFINISHED_LAYER = "what is left of a mountable layer that was made or removed"


class Finding(msgspec.Struct, frozen=True):
    """One thing that a check found.

    Attributes:
        kind: what it is.
        subject: what it is about: a digest, a name, a key.
        detail: what exactly, for a person; may be empty.
        digest: the blob that is damaged or missing, where it is about one.
        size: how many bytes that blob should have, where known.
    """

    kind: Damage | Leftover
    subject: str
    detail: str = ""
    digest: Digest | None = None
    size: int | None = None

    @property
    def text(self) -> str:
        """One line for a person."""
        return f"{self.subject}: {self.kind.value}" + (f" ({self.detail})" if self.detail else "")


class CheckProgress(msgspec.Struct, frozen=True):
    """How far a check is, in blobs and in bytes."""

    blobs: int
    blobs_total: int
    bytes: int
    bytes_total: int


class CheckReport(msgspec.Struct, frozen=True):
    """What a check found.

    Attributes:
        damage: what is broken; empty where the store is sound.
        leftovers: what is in the way and harmless.
        blobs: how many blobs were looked at.
        bytes_read: how many of their bytes were read and hashed.
        layers: how many mountable layers were looked at.
    """

    damage: tuple[Finding, ...] = ()
    leftovers: tuple[Finding, ...] = ()
    blobs: int = 0
    bytes_read: int = 0
    layers: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether there is no damage."""
        return not self.damage
