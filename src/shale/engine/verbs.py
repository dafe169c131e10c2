"""The verbs of `Images` that read and write archives; apart from the others, which need none of this."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shale.engine.parts import Parts
from shale.engine.saveformat import SaveFormat
from shale.events import Listener, silent

if TYPE_CHECKING:
    from shale.engine.archives import Archives
    from shale.engine.copies import Copied
    from shale.image.archive.load import Loaded
    from shale.image.written import Made

__all__ = ["ArchiveVerbs"]


class ArchiveVerbs:
    """Save, load, import and copy; what `Images` inherits."""

    def __init__(self, parts: Parts) -> None:
        """Use these parts.

        Args:
            parts: of an open engine.
        """
        self._parts = parts

    def save(
        self,
        *names: str,
        to: Path | BinaryIO,
        format: SaveFormat = SaveFormat.DOCKER_ARCHIVE,  # noqa: A002 - what it is called everywhere
        platform: str | None = None,
        listener: Listener = silent,
    ) -> None:
        """Write images to an archive that docker, podman and skopeo load; see `Archives.save`.

        Args:
            names: names or ids; a repository alone means all its tags.
            to: a file (it appears whole or not at all), a stream, or with `OCI_DIR` a folder.
            format: what to write.
            platform: write only this platform of an index, without the index.
            listener: told the progress.

        Raises:
            ImageNotFound: no such image.
            NotFound: parts of it are not here.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        self._archives(listener).save(names, to, format, platform)

    def load(
        self, source: Path | BinaryIO, *, platform: str | None = None, listener: Listener = silent
    ) -> Sequence[Loaded]:
        """Bring the images of an archive into the store, verified as a pull verifies them.

        Args:
            source: a folder, a file or a stream; docker's form or OCI's, plain or compressed.
            platform: take only this platform of an index.
            listener: told the progress, from several threads.

        Raises:
            NotFound: there is no such file, or the archive lacks some of an image.
            Invalid: it is no archive of images, or malformed.
            Corrupt: its content is not what it says it is; that image gets no name.
        """
        return tuple(self._archives(listener).load(source, platform))

    def import_rootfs(
        self,
        source: BinaryIO,
        name: str | None = None,
        *,
        changes: Sequence[str] = (),
        message: str | None = None,
        platform: str | None = None,
    ) -> Made:
        """Make an image of the tar of a root file system.

        Args:
            source: the tar, plain or compressed.
            name: to give to the image.
            changes: instructions in Dockerfile syntax: `CMD ["sh"]`.
            message: for its history.
            platform: what it is for; by default this machine's.

        Raises:
            Invalid: it is no tar, or a change is malformed.
            Corrupt: it is damaged.
        """
        return self._archives(silent).import_rootfs(source, "-", name, changes, message, platform)

    def copy(
        self, source: str, destination: str, *, platform: str | None = None, listener: Listener = silent
    ) -> Copied:
        """Copy an image between registries, folders and archives, without the store.

        Args:
            source: `docker://NAME`, `oci:FOLDER[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`.
            destination: as the source.
            platform: copy only this platform; by default an index is copied whole.
            listener: told the progress, from several threads.

        Raises:
            ShaleError: as `pull` and `push`.
        """
        from shale.engine.copies import Copies  # noqa: PLC0415 - not for those who only look
        from shale.registry.client.cancel import Cancellation  # noqa: PLC0415 - as above

        return Copies(self._parts.settings, listener, Cancellation()).copy(source, destination, platform)

    def _archives(self, listener: Listener) -> Archives:
        from shale.engine.archives import Archives  # noqa: PLC0415 - not for those who only look
        from shale.registry.client.cancel import Cancellation  # noqa: PLC0415 - as above

        return Archives(self._parts, listener, Cancellation())
