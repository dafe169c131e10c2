"""What of an engine makes file systems: opened when something asks for it; a list of images needs none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final

from shale.errors import Unsupported
from shale.linux.outside import require_root
from shale.store.store import Store

if TYPE_CHECKING:
    from shale.container.roots import Images
    from shale.image.making import Mountable
    from shale.snapshot.copied import CopiedSnapshots
    from shale.snapshot.correction import Correction
    from shale.snapshot.form import LayerForm
    from shale.snapshot.layers import Layers
    from shale.snapshot.probe import Candidate, Verdict
    from shale.snapshot.snapshots import Snapshots

__all__ = ["NothingMountable", "Snapshotting"]

_NOBODY: Final = "an ordinary user mounts in a user namespace, which shale unshare makes"


class NothingMountable(Unsupported):
    """No form of layers can be mounted by this user on this machine."""


class Snapshotting:
    """The snapshots of one engine's store. Safe to use from threads."""

    def __init__(self, store: Store, candidates: Iterable[Candidate] | None = None) -> None:
        """Prepare; nothing is tried or opened.

        Args:
            store: the engine's.
            candidates: the forms of layers that may be used, the best one first; by default all that may work
                for this user.
        """
        self._store = store
        self._candidates: Iterable[Candidate] = _Candidates() if candidates is None else candidates
        self._turn = Lock()
        self._verdict: Verdict | None = None
        self._snapshots: Snapshots | None = None

    def verdict(self) -> Verdict:
        """Which form of layers works here, and why; found out once for each boot of a machine.

        Raises:
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        with self._turn:
            return self._find_out()

    def snapshots(self) -> Snapshots:
        """The snapshots; the same each time.

        Raises:
            NothingMountable: nothing can be mounted here; the message says why.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        with self._turn:
            if self._snapshots is None:
                self._snapshots = self._open()
            return self._snapshots

    def standing(self) -> Images:
        """What containers stand on: the snapshots, or where nothing can be mounted, copies.

        Raises:
            NotInside: an ordinary user may have neither outside of a user namespace.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        require_root("sees the files of containers")
        if self.verdict().chosen is None:
            return self.copies()
        return self.snapshots()

    def copies(self) -> CopiedSnapshots:
        """Images as whole copies, for containers that were begun so."""
        from shale.snapshot.copied import CopiedSnapshots  # noqa: PLC0415 - see the top

        return CopiedSnapshots(self._store)

    def mountable(self) -> Mountable | None:
        """What makes layers mountable while they are pulled; None where their first use is early enough.

        An ordinary user's pull leaves blobs alone: trees are made inside the user namespace that needs them.
        """
        from shale.image.making import Mountable  # noqa: PLC0415 - see the top
        from shale.oci.platform import host_platform  # noqa: PLC0415 - see the top

        if os.geteuid() != 0:
            return None
        machine = os.uname()
        return Mountable(
            self._store, lambda: self.snapshots().layers, host_platform(machine.machine, machine.sysname)
        )

    def forms(self) -> Mapping[str, LayerForm]:
        """The forms that whoever runs this can read, by name, whether or not they can be mounted here."""
        return {one.form.name: one.form for one in self._candidates}

    def _find_out(self) -> Verdict:
        from shale.snapshot.probe import Verdict, probe  # noqa: PLC0415 - see the top

        if os.geteuid() != 0:
            return Verdict(None, _NOBODY)  # not remembered: inside of a namespace it is another matter
        if self._verdict is None:
            root = os.open(self._store.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._verdict = probe(root, self._candidates)
            finally:
                os.close(root)
        return self._verdict

    def _open(self) -> Snapshots:
        from shale.snapshot.corrections import Corrections  # noqa: PLC0415 - see the top
        from shale.snapshot.layers import Layers  # noqa: PLC0415 - see the top
        from shale.snapshot.overlay import stack_of  # noqa: PLC0415 - see the top
        from shale.snapshot.snapshots import Snapshots  # noqa: PLC0415 - see the top

        verdict = self._find_out()
        if verdict.chosen is None:
            raise NothingMountable(
                f"images cannot be mounted: {verdict.reason}; shale image unpack writes them into a folder"
            )
        layers: Layers = Layers(self._store, verdict.chosen.form)
        corrections = Corrections(self._store, layers, _correct)
        return Snapshots(layers, corrections, partial(stack_of, user=verdict.chosen.user))


class _Candidates:
    """The forms that may work for this user, the best one first; those that nobody gets to are not imported."""

    def __iter__(self) -> Iterator[Candidate]:
        from shale.linux.idmap import read_tables  # noqa: PLC0415 - see the top
        from shale.snapshot.probe import Candidate  # noqa: PLC0415 - see the top

        users, _ = read_tables()
        if users.is_everything:
            from shale.snapshot.erofs.form import ErofsForm  # noqa: PLC0415 - see the top

            yield Candidate(ErofsForm())
        from shale.snapshot.tree import TreeForm  # noqa: PLC0415 - see the top

        if users.is_everything:
            yield Candidate(TreeForm())
        else:  # a user namespace, where layers are marked in another way
            yield Candidate(TreeForm(user=True, keep_owner=users.largest > 0), user=True)


def _correct(tars: Sequence[Callable[[], BinaryIO]], loose: Sequence[bool]) -> Correction | None:
    """See `shale.snapshot.merge.correct`; most chains need no correction, or have it already."""
    from shale.snapshot.merge import correct  # noqa: PLC0415 - see above

    return correct(tars, loose)
