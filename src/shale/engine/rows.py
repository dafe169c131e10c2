"""What the verbs on containers stand on: the rows of a store's containers, and what runs them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from shale.container.containers import Containers as Rows
from shale.container.folders import Folders
from shale.container.record import ContainerRecord
from shale.engine.parts import Parts
from shale.errors import ShaleError
from shale.linux.outside import require_root

if TYPE_CHECKING:
    from shale.engine.runner import Runner

__all__ = ["ContainerRows"]


class ContainerRows:
    """The containers of one engine's store, as they are; what `Containers` is built on.

    Attributes:
        rows: the containers as the database has them, for whoever builds further verbs.
    """

    def __init__(self, parts: Parts) -> None:
        """Use these parts; `Engine.containers` does it.

        Args:
            parts: of an open engine.
        """
        self._parts = parts
        self._store = parts.store
        self.rows = Rows(parts.store.database, Folders(parts.store.root))

    def find(self, text: str) -> ContainerRecord:
        """One container by its id, its name, or the beginning of its id.

        Raises:
            ContainerNotFound: there is none.
            AmbiguousContainer: that is the beginning of several ids.
        """
        return self.rows.find(text)

    def tidied(self) -> Sequence[ContainerRecord]:
        """Every container, after what killed processes left was cleared away, as far as that can be done."""
        survey = self.rows.survey()
        if survey.abandoned:
            # What this user cannot take away (files of a user namespace) is shown as it is, and left to
            # whoever can.
            with suppress(ShaleError):
                self.runner().put_down.tidy(survey.abandoned)
            survey = self.rows.survey()
        return survey.records

    def runner(self) -> Runner:
        """What needs a runtime and snapshots: they cost more to import than a list of containers takes.

        Raises:
            NotInside: an ordinary user asks outside of a user namespace.
        """
        require_root("makes, runs and removes containers")
        from shale.engine.runner import Runner  # noqa: PLC0415 - see above

        return Runner(self._parts, self.rows)
