"""The verbs of `Containers` about files: what a container changed, and getting it in and out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shale.engine.rows import ContainerRows
from shale.oci.reference import InvalidReference, Reference

if TYPE_CHECKING:
    from shale.container.files.copying import Copied, FileCopier
    from shale.container.view import Views
    from shale.image.written import Made
    from shale.layer.diff import Change
    from shale.registry.client.cancel import Cancellation

__all__ = ["FileVerbs"]


class FileVerbs(ContainerRows):
    """Diff, commit, cp and export; what `Containers` inherits."""

    def diff(self, name: str) -> Sequence[Change]:
        """What a container changed, running or not, in the order of the paths.

        Args:
            name: name or id of a container.

        Raises:
            ContainerNotFound, AmbiguousContainer: no such container, or several.
            BeingRemoved: it is being taken away.
            ShaleError: its image cannot be mounted.
        """
        from shale.container.changes import changes_of  # noqa: PLC0415 - not for those who only list

        with self._views().changed(self.rows.find(name)) as changed:
            return list(changes_of(changed))

    def commit(
        self,
        name: str,
        reference: str | None = None,
        *,
        changes: Sequence[str] = (),
        author: str | None = None,
        message: str | None = None,
        pause: bool = True,
        cancel: Cancellation | None = None,
    ) -> Made:
        """Make an image of what a container changed; the layers of its own image are a part of it, unchanged.

        Args:
            name: name or id of a container.
            reference: `repository[:tag]` of the new image.
            changes: instructions in Dockerfile syntax: `CMD ["sh"]`.
            author: of the image.
            message: for its history.
            pause: whether a running container is held still meanwhile.
            cancel: stops it from another thread.

        Raises:
            ContainerNotFound, AmbiguousContainer: no such container, or several.
            Invalid: the reference or a change is malformed.
            Exhausted: the disk is full; nothing of the image is kept.
            ShaleError: its own image cannot be read.
        """
        from shale.container.commit import Committer, CommitWishes  # noqa: PLC0415 - as above
        from shale.engine.created import created  # noqa: PLC0415 - as above

        wishes = CommitWishes(
            created=created(self._parts.settings.environ),
            author=author,
            comment=message,
            changes=changes,
            reference=_tag(reference) if reference else None,
            pause=pause,
        )
        committer = Committer(self._parts.store, self._views(), _check(cancel))
        return committer.commit(self.rows.find(name), wishes)

    def copy_from(
        self,
        name: str,
        path: str,
        to: str | Path | BinaryIO,
        *,
        archive: bool = False,
        follow: bool = False,
        cancel: Cancellation | None = None,
    ) -> Copied:
        """Copy a file or folder out of a container, running or not, with the rules of `docker cp`.

        Args:
            name: name or id of a container.
            path: in the container; as text `FOLDER/.` means what is in the folder.
            to: a path of this machine, or a stream that gets a tar archive.
            archive: keep owners; without it all belongs to the caller, and has no set-id bits.
            follow: copy what a link leads to.
            cancel: stops it from another thread.

        Raises:
            ContainerNotFound, AmbiguousContainer: no such container, or several.
            NotFound: no such path.
            Conflict: what is at the destination is in the way.
            ShaleError: the disk, or the container's tree.
        """
        from shale.container.files.copying import CopyOptions  # noqa: PLC0415 - as above

        options = CopyOptions(archive=archive, follow=follow)
        record, copier = self.rows.find(name), self._copier(cancel)
        if isinstance(to, str | Path):
            return copier.out(record, name, path, os.fspath(to), options)
        return copier.read(record, name, path, to, options)

    def copy_to(
        self,
        name: str,
        source: str | Path | BinaryIO,
        path: str,
        *,
        follow: bool = False,
        cancel: Cancellation | None = None,
    ) -> Copied:
        """Copy into a container, running or not, with the rules of `docker cp`: owners are kept.

        Args:
            name: name or id of a container.
            source: a path of this machine (as text `FOLDER/.` means what is in the folder), or a stream with a
                tar archive, plain or compressed.
            path: in the container; for a stream a folder that is there.
            follow: copy what a link leads to.
            cancel: stops it from another thread.

        Raises:
            ShaleError: as `copy_from`.
        """
        from shale.container.files.copying import CopyOptions  # noqa: PLC0415 - as above

        record, copier = self.rows.find(name), self._copier(cancel)
        if isinstance(source, str | Path):
            return copier.into(record, name, os.fspath(source), path, CopyOptions(follow=follow))
        return copier.write(record, name, path, source)

    def export(self, name: str, to: Path | BinaryIO, *, cancel: Cancellation | None = None) -> None:
        """Write the whole tree of a container as a tar archive; what is mounted in it does not belong to it.

        Args:
            name: name or id of a container.
            to: a file (it appears whole or not at all), or a stream.
            cancel: stops it from another thread.

        Raises:
            ContainerNotFound, AmbiguousContainer: no such container, or several.
            ShaleError: the disk, or the container's tree.
        """
        from shale.container.files.export import export  # noqa: PLC0415 - as above
        from shale.image.archive.outfile import whole_file  # noqa: PLC0415 - as above

        record, views = self.rows.find(name), self._views()
        if isinstance(to, Path):
            with whole_file(to) as stream:
                export(views, record, stream, _check(cancel))
            return
        export(views, record, to, _check(cancel))

    def _copier(self, cancel: Cancellation | None) -> FileCopier:
        from shale.container.files.copying import FileCopier  # noqa: PLC0415 - as above

        return FileCopier(self._views(), os.getcwd(), _check(cancel))

    def _views(self) -> Views:
        from shale.container.view import Views  # noqa: PLC0415 - as above
        from shale.engine.runner import fill_volume, image_roots  # noqa: PLC0415 - as above

        return Views(self.rows, image_roots(self._parts), fill_volume)


def _check(cancel: Cancellation | None) -> Callable[[], None]:
    return (lambda: None) if cancel is None else cancel.check


def _tag(name: str) -> Reference:
    reference = Reference.parse(name).with_default_tag()
    if reference.digest is not None:
        raise InvalidReference(f"cannot commit to a digest: {name}; it is known when the image is made")
    return reference
