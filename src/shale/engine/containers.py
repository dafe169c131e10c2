"""Containers, for Python programs: what `shale container ...` does, with typed results and no output."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shale.container.listing import (
    LIST_FILTERS,
    ContainerFilters,
    ContainerSummary,
    ContainerUsage,
    changed_bytes,
    summarise,
)
from shale.container.states import State
from shale.engine.container_files import FileVerbs
from shale.engine.runverbs import RunVerbs
from shale.image.filters import parse_filters
from shale.oci.digest import Digest

if TYPE_CHECKING:
    from shale.engine.container import Container

__all__ = ["Containers"]


class Containers(RunVerbs, FileVerbs):
    """The containers of one engine's store. Safe to use from threads."""

    def list(
        self, *, all_states: bool = False, filters: Sequence[str] = (), newest: int | None = None
    ) -> Sequence[ContainerSummary]:
        """Containers, the latest created first.

        Args:
            all_states: those that do not run, too.
            filters: `status=...`, `name=PATTERN`, `id=PATTERN`, `label=...`, `ancestor=IMAGE`, `exited=CODE`,
                `before=NAME`, `since=NAME`.
            newest: only so many, in whatever state.

        Raises:
            InvalidFilter: a filter is malformed.
            ContainerNotFound, ImageNotFound: a filter names what is not here.
        """
        chosen = ContainerFilters(
            parse_filters(filters, LIST_FILTERS), find=self.rows.find, descendants=self._descendants
        )
        every = all_states or chosen.wants_all_states or newest is not None
        records = [one for one in self.tidied() if (every or one.state is State.RUNNING) and chosen.accept(one)]
        return summarise(self._store, records if newest is None else records[:newest])

    def get(self, text: str) -> Container:
        """A handle on one container; errors as `find`."""
        from shale.engine.container import Container  # noqa: PLC0415 - not for lists

        return Container(self, self.find(text).id)

    def usage(self) -> Sequence[ContainerUsage]:
        """The room that each container takes."""
        return [
            ContainerUsage(one.id, one.state is State.RUNNING, changed_bytes(self.rows, one.id))
            for one in self.tidied()
        ]

    def changed_bytes(self, text: str) -> int:
        """Bytes of the files that a container has made or changed; errors as `find`."""
        return changed_bytes(self.rows, self.find(text).id)

    def inspect(self, text: str, *, size: bool = False) -> Mapping[str, Any]:
        """Everything about one container, as `docker inspect` shows it; errors as `find`.

        Args:
            text: the container.
            size: whether the bytes are added up that it has changed.
        """
        from shale.container.inspect import inspect_container  # noqa: PLC0415 - not for lists

        (summary,) = summarise(self._store, [self.find(text)])
        key = summary.record.id
        bytes_changed = changed_bytes(self.rows, key) if size else None
        return inspect_container(summary, self.rows.folders.path(key), bytes_changed)

    def _descendants(self, text: str) -> Collection[Digest]:
        """The manifests of an image, and of those here whose layers begin with its."""
        from shale.engine.ancestry import descendants  # noqa: PLC0415 - only for that filter

        return descendants(self._store, text, self._parts.settings.host)
