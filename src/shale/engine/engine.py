"""The composition root: one store, the registries that it talks to, and the verbs over both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from shale.engine.parts import Parts
from shale.engine.settings import Settings, settings_from
from shale.engine.snapshotting import Snapshotting
from shale.linux.outside import outer_user
from shale.store.store import Store, open_store

if TYPE_CHECKING:
    from shale.engine.containers import Containers
    from shale.engine.images import Images

__all__ = ["Engine"]


class Engine:
    """An engine on one store. Use it as a context manager; it is safe to use from threads.

        with shale.Engine.open() as engine:
            image = engine.images.pull("debian:12")

    Attributes:
        settings: where things are.
        store: the parts of the store.
        parts: all of them, for whoever builds further verbs.
    """

    def __init__(self, settings: Settings) -> None:
        """Open an engine.

        Args:
            settings: where things are; `Engine.open` finds them out.

        Raises:
            NoPermission, DiskFull, StorageFailure: the store's folder cannot be used.
            NewerDatabase, DatabaseDamaged, DatabaseBusy: its database cannot.
        """
        self._stack = ExitStack()
        self.settings = settings
        self.store: Store = self._stack.enter_context(open_store(settings.folder))
        self.parts = Parts(settings, self.store, Snapshotting(self.store))

    @classmethod
    def open(cls, root: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """Open an engine where the command line would.

        Args:
            root: the store's folder; by default the one that `shale` uses.
            environ: variables to look at instead of the process's own.

        Raises:
            ShaleError: as the class.
        """
        variables = os.environ if environ is None else environ
        return cls(settings_from(variables, user=outer_user(variables), root=root))

    @property
    def images(self) -> Images:
        """Images: pull, push, list, tag, remove, save, load, and so on."""
        from shale.engine.images import Images  # noqa: PLC0415 - an engine that lists imports no wire

        return Images(self.parts)

    @property
    def containers(self) -> Containers:
        """Containers: run, create, start, list, remove, and so on."""
        from shale.engine.containers import Containers  # noqa: PLC0415 - as above

        return Containers(self.parts)

    def close(self) -> None:
        """Close the store."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
