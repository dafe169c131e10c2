"""Names, for Python programs: what they mean, and what they meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from shale.errors import NotFound
from shale.image.listing import ImageSummary
from shale.image.remove import Remover
from shale.image.resolve import ImageNotFound, find_image
from shale.oci.digest import Digest
from shale.oci.platform import Platform
from shale.oci.reference import InvalidReference, Reference
from shale.store.names import LogEntry
from shale.store.store import Store

__all__ = ["NameVerbs"]

T = TypeVar("T")


class NameVerbs:
    """What `Images` inherits: find, tag, untag, reflog, restore."""

    _store: Store
    _host: Platform

    def find(self, name: str) -> ImageSummary:
        """The summary of one image, by name, digest, id or the beginning of an id.

        Raises:
            ImageNotFound, AmbiguousImage, InvalidReference: see `find_image`.
        """
        return find_image(self._store, name, self._host).image

    def _look(self, name: str, look: Callable[[ImageSummary], T]) -> T:
        """Look into what a name means; where that was just removed, into what it means now."""
        while True:
            summary = self.find(name)
            try:
                return look(summary)
            except NotFound:
                if self.find(name).target == summary.target:
                    raise

    def tag(self, source: str, target: str) -> Reference:
        """Give an image another name; the name is taken away from what it pointed at before.

        Args:
            source: a name, digest or id of an image that is here.
            target: the new name; without a tag it gets `latest`.

        Raises:
            ImageNotFound: no such image.
            InvalidReference: the target is no name, or has a digest.
        """
        reference = Reference.parse(target).with_default_tag()
        if reference.digest is not None:
            raise InvalidReference(f"refusing to create a tag with a digest reference: {target}")
        while True:
            found = self.find(source)
            with self._store.leases.hold(f"tag {target}") as lease:
                lease.protect([found.target])
                try:
                    self._point(reference, found.target, f"tag {source} {target}")
                except ImageNotFound:
                    # Another process has removed what we found: the name may mean another image by now.
                    if self.find(source).target == found.target:
                        raise
                else:
                    return reference

    def _point(self, reference: Reference, target: Digest, command: str) -> None:
        """Move a name, unless its target was collected, or half collected, since we found it."""
        with self._store.database.write() as tx:
            if not self._store.content.is_whole(tx, target):
                raise ImageNotFound(str(target))
            self._store.names.move(tx, reference, target, command)

    def untag(self, name: str) -> Reference:
        """Take one tag away and keep the image, even without a name.

        Raises:
            NameNotFound: nothing of that name.
        """
        reference = Reference.parse(name).with_default_tag()
        Remover(self._store, self._host).untag(reference, f"untag {name}")
        return reference

    def reflog(self, name: str | None = None) -> Sequence[LogEntry]:
        """What a name (or every name) pointed at, the latest first."""
        reference = Reference.parse(name).with_default_tag() if name else None
        return self._store.names.log(reference)

    def restore(self, name: str, steps: int) -> Reference:
        """Point a name at what it pointed at before.

        Args:
            name: the name.
            steps: how many moves back; 1 is the one before the current.

        Raises:
            NotFound: the log does not reach so far, or that content is not here any more.
        """
        reference = Reference.parse(name).with_default_tag()
        log = self._store.names.log(reference)
        target = log[steps].target if 0 <= steps < len(log) else None
        if target is None:
            raise NotFound(f"{reference.familiar}@{{{steps}}} is not in the log; see shale reflog {name}")
        with self._store.leases.hold(f"restore {name}") as lease:
            lease.protect([target])
            try:
                self._point(reference, target, f"restore {name}@{{{steps}}}")
            except ImageNotFound:
                raise NotFound(
                    f"{reference.familiar}@{{{steps}}} was {target}, which is gone; pull it again"
                ) from None
        return reference
