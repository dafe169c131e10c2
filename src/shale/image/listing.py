"""What images there are: one summary for each root of the store, with its names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from shale.oci.digest import Digest, ImageID
from shale.oci.reference import Reference
from shale.store.catalog import ImageRow, image_rows
from shale.store.store import Store

if TYPE_CHECKING:
    from shale.oci.platform import Platform

__all__ = ["ImageSummary", "PlatformSummary", "list_images", "read_summaries"]


class PlatformSummary(NamedTuple):
    """One platform of an image that is here.

    Attributes:
        platform: as text; empty where it is not known.
        manifest_text: its digest, as text: most lists never look at it.
        id: of its config.
        size: bytes of its files.
        created: RFC 3339, or None.
    """

    platform: str
    manifest_text: str
    id: ImageID
    size: int
    created: str | None

    @property
    def manifest(self) -> Digest:
        """Its digest."""
        return Digest.parse(self.manifest_text)

    @property
    def config(self) -> Digest:
        """The digest of the config: an image id is one."""
        return Digest(self.id.algorithm, self.id.encoded)


class ImageSummary(NamedTuple):
    """An image of the store, as a list shows it.

    Attributes:
        id: of the config of the platform that fits this machine best; for an artifact, its digest.
        target_text: digest of the manifest or index that the names point at, as text.
        platforms: what of it is here, the best for this machine first; empty for an artifact.
        created: when it was built, RFC 3339, or None.
        added: when it came into the store, seconds since the epoch.
        size: bytes of the files of the best platform, as docker counts.
        labels_text: the labels of the best platform, as JSON.
        names: tags that point at it, the oldest first.
        digests: repositories under which its digest is known.
    """

    id: ImageID
    target_text: str
    platforms: tuple[PlatformSummary, ...]
    created: str | None
    added: float
    size: int
    labels_text: str
    names: tuple[Reference, ...]
    digests: tuple[Reference, ...]

    @property
    def target(self) -> Digest:
        """The digest of the manifest or index that the names point at."""
        return Digest.parse(self.target_text)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the best platform; read when they are asked for, which most lists never do."""
        import json  # noqa: PLC0415 - most lists never read labels

        labels: dict[str, str] = json.loads(self.labels_text)
        return labels

    @property
    def is_dangling(self) -> bool:
        """Whether no tag points at it: as in docker, a digest that it is known by does not count."""
        return not self.names


def list_images(store: Store, host: Platform) -> list[ImageSummary]:
    """All images, the latest built first.

    Args:
        store: which.
        host: the platform that counts as this machine's.
    """
    return read_summaries(store, lambda: host)


def read_summaries(store: Store, host: Callable[[], Platform]) -> list[ImageSummary]:
    """The same for a caller that has no other use for a platform: most lists need none.

    Args:
        store: which.
        host: gives the platform that counts as this machine's; asked where an image is for several.
    """
    with store.database.read() as tx:
        rows = image_rows(tx)
        named = tx.rows("SELECT name, digest FROM names ORDER BY since, name")
    names: defaultdict[str, list[Reference]] = defaultdict(list)
    for name, target in named:
        names[target].append(Reference.from_canonical(name))
    by_target: defaultdict[str, list[ImageRow]] = defaultdict(list)
    for row in rows:
        by_target[row.target].append(row)
    images = [_summary(rows, names[target], host) for target, rows in by_target.items()]
    return sorted(images, key=lambda image: (image.created or "", image.target_text), reverse=True)


def _summary(
    rows: Sequence[ImageRow], names: Sequence[Reference], host: Callable[[], Platform]
) -> ImageSummary:
    # Builders put attestations beside the images of an index, as images for the platform unknown/unknown.
    images = [row for row in rows if row.image_id and not (row.platform or "").startswith("unknown")]
    ordered = _best_first(images, host)
    best = ordered[0] if ordered else rows[0]
    platforms = tuple([_platform(row) for row in ordered])
    return ImageSummary(
        id=platforms[0].id if platforms else ImageID.parse(best.target),
        target_text=best.target,
        platforms=platforms,
        created=best.created,
        added=best.added,
        size=best.size or 0,
        labels_text=best.labels or "{}",
        names=tuple([name for name in names if name.tag is not None]),
        digests=tuple([name for name in names if name.tag is None]),
    )


def _platform(row: ImageRow) -> PlatformSummary:
    assert row.image_id is not None
    return PlatformSummary(
        platform=row.platform or "",
        manifest_text=row.manifest,
        id=ImageID.parse(row.image_id),
        size=row.size or 0,
        created=row.created,
    )


def _best_first(rows: Sequence[ImageRow], host: Callable[[], Platform]) -> list[ImageRow]:
    if len(rows) < 2:
        return list(rows)
    from shale.image.fitting import best_offer  # noqa: PLC0415 - most images are for one platform

    here = host()
    best = best_offer(here, ((row.platform or "", row) for row in rows), here)
    rest = [row for row in rows if row is not best]
    return [best, *rest] if best is not None else rest
