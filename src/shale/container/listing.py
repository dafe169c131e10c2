"""What containers there are, as lists show them, and the filters of lists and prunes.

Reads the database and looks at processes; nothing of runtimes, snapshots or registries is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from shale.container.containers import Containers
from shale.container.record import ContainerRecord
from shale.container.states import State
from shale.image.filters import InvalidFilter, has_label, parse_label
from shale.linux.measure import tree_size
from shale.oci.digest import Digest
from shale.oci.reference import InvalidReference, Reference
from shale.store.database import Transaction
from shale.store.store import Store

__all__ = [
    "LIST_FILTERS",
    "PRUNE_FILTERS",
    "ContainerFilters",
    "ContainerSummary",
    "ContainerUsage",
    "changed_bytes",
    "summarise",
]

LIST_FILTERS: Final = ("ancestor", "before", "exited", "id", "label", "label!", "name", "since", "status")
PRUNE_FILTERS: Final = ("label", "label!", "until")
_STATUSES: Final = frozenset({"created", "restarting", "running", "removing", "paused", "exited", "dead"})
"""Docker's words; those that no container of ours can be in are words all the same."""


class ContainerSummary(NamedTuple):
    """One line of a list.

    Attributes:
        record: the container.
        image: the image as it was named; its short id where that name means another image by now.
        image_id: `sha256:...`.
        platform: of the image, `linux/amd64`.
        image_size: bytes of the image's files.
    """

    record: ContainerRecord
    image: str
    image_id: str
    platform: str
    image_size: int


class ContainerUsage(NamedTuple):
    """The room that a container takes.

    Attributes:
        id: of the container.
        running: whether it runs.
        size: bytes of the files that it has made or changed.
    """

    id: str
    running: bool
    size: int


def summarise(store: Store, records: Iterable[ContainerRecord]) -> list[ContainerSummary]:
    """What lists show of containers, beyond their rows."""
    with store.database.read() as tx:
        return [_summary(tx, record) for record in records]


def _summary(tx: Transaction, record: ContainerRecord) -> ContainerSummary:
    row = tx.row(
        "SELECT image_id, platform, content_size FROM manifests WHERE digest = ?", (str(record.manifest),)
    )
    image_id, platform, size = row or ("", "", 0)
    image_id = image_id or str(record.manifest)
    shown = record.image if _still_means(tx, record) else Digest.parse(image_id).short
    return ContainerSummary(record, shown, image_id, platform or "", size or 0)


def _still_means(tx: Transaction, record: ContainerRecord) -> bool:
    """Whether the name that a container's image was given by is still that image's."""
    if re.fullmatch(r"(?:sha256:)?[0-9a-f]{4,64}", record.image):
        return True
    try:
        reference = Reference.parse(record.image).with_default_tag()
    except InvalidReference:
        return True
    if reference.digest is not None:
        return True
    target = tx.row("SELECT digest FROM names WHERE name = ?", (str(reference),))
    if target is None:
        return False
    wanted = str(record.manifest)
    return target[0] == wanted or (
        tx.row("SELECT 1 FROM edges WHERE parent = ? AND child = ?", (target[0], wanted)) is not None
    )


def changed_bytes(containers: Containers, container: str) -> int:
    """Bytes of the files that a container has made or changed."""
    try:
        upper = os.open(
            containers.folders.path(container) / "upper", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        )
    except FileNotFoundError:
        return 0
    try:
        return tree_size(upper)
    finally:
        os.close(upper)


class ContainerFilters:
    """Decides which containers a list or a prune is about.

    Values of one key are alternatives, except labels, which must all fit; keys are all required, as in docker.
    """

    def __init__(
        self,
        filters: Mapping[str, Sequence[str]],
        *,
        find: Callable[[str], ContainerRecord],
        descendants: Callable[[str], Collection[Digest]] = lambda _: (),
        moment: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        """Prepare.

        Args:
            filters: what `parse_filters` made.
            find: the container that `before=` and `since=` name.
            descendants: the manifests of the image that `ancestor=` names, and of those made of it.
            moment: the time that `until=` means, seconds since the epoch.

        Raises:
            InvalidFilter: a value is malformed.
        """
        self._labels = [parse_label(text) for text in filters.get("label", ())]
        self._no_labels = [parse_label(text) for text in filters.get("label!", ())]
        self._statuses = [_status(text) for text in filters.get("status", ())]
        self._codes = [_code(text) for text in filters.get("exited", ())]
        self._names = [_pattern("name", text) for text in filters.get("name", ())]
        self._ids = [_pattern("id", text) for text in filters.get("id", ())]
        self._before = [find(text).created for text in filters.get("before", ())]
        self._since = [find(text).created for text in filters.get("since", ())]
        self._until = [moment(text) for text in filters.get("until", ())]
        self._ancestors = [descendants(text) for text in filters.get("ancestor", ())]

    @property
    def wants_all_states(self) -> bool:
        """Whether the filters say themselves which states are meant, so that stopped containers count too."""
        return bool(self._statuses)

    def accept(self, record: ContainerRecord) -> bool:
        """Whether a container fits."""
        labels = record.spec.labels
        return (
            all(has_label(labels, key, value) for key, value in self._labels)
            and not any(has_label(labels, key, value) for key, value in self._no_labels)
            and (not self._statuses or record.state.value in self._statuses)
            and (not self._codes or (record.state is State.EXITED and record.exit_code in self._codes))
            and (not self._names or _fits(self._names, record.name, "/" + record.name))
            and (not self._ids or _fits(self._ids, record.id))
            and all(record.created < moment for moment in (*self._before, *self._until))
            and all(record.created > moment for moment in self._since)
            and (not self._ancestors or any(record.manifest in one for one in self._ancestors))
        )  # fmt: skip


def _fits(patterns: Sequence[re.Pattern[str]], *texts: str) -> bool:
    return any(pattern.search(text) for pattern in patterns for text in texts)


def _status(text: str) -> str:
    if text not in _STATUSES:
        raise InvalidFilter(f"invalid filter 'status={text}': there are {', '.join(sorted(_STATUSES))}")
    return text


def _code(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidFilter(f"invalid filter 'exited={text}': expected an exit code") from None


def _pattern(key: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidFilter(f"invalid filter '{key}={text}': {error}") from None
