"""Copying files between a container and this machine, and as an archive: `shale cp`.

Nothing that a container has is ever run or followed out of its tree, whatever it does meanwhile.

Specification: docs.docker.com "docker container cp".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import BinaryIO

import msgspec

from shale.container.files.copyrules import goal_of, split_entry
from shale.container.files.dressing import Dressing
from shale.container.files.inside import absolute, destination_inside, open_folder, open_source
from shale.container.files.outside import check_output, destination_outside, here, open_goal, open_outside
from shale.container.files.putting import CopyConflict, Putting
from shale.container.files.reading import ReadingRules, is_folder, read_entry
from shale.container.files.tarinto import put_archive
from shale.container.files.transit import Counted, copy_errors, emitter, keeps_capabilities, keeps_plain
from shale.container.record import ContainerRecord
from shale.container.view import Views
from shale.errors import Denied, ShaleError
from shale.layer.writer import TarWriter
from shale.runtime.wishes import decode_wishes

__all__ = ["Copied", "CopyOptions", "FileCopier", "ReadOnly"]


class ReadOnly(Denied):
    """A container's root file system may not be written."""


class CopyOptions(msgspec.Struct, frozen=True):
    """How to copy.

    Attributes:
        archive: keep owners, where they would be the caller's otherwise: on this machine.
        follow: copy what a link that is named leads to, not the link.
    """

    archive: bool = False
    follow: bool = False


class Copied(msgspec.Struct, frozen=True):
    """What was copied.

    Attributes:
        size: bytes, as an archive of it has them; docker counts so.
        place: where it is now.
        notes: what could not be kept, for a person.
    """

    size: int
    place: str
    notes: tuple[str, ...] = ()


class FileCopier:
    """Copies files of the containers of one store."""

    def __init__(self, views: Views, current: str, check: Callable[[], None]) -> None:
        """Prepare.

        Args:
            views: trees of containers.
            current: the folder in which relative paths of this machine begin.
            check: called often; it may raise to stop.
        """
        self._views = views
        self._current = current
        self._check = check

    def out(
        self, record: ContainerRecord, container: str, path: str, destination: str, options: CopyOptions
    ) -> Copied:
        """Copy from a container to this machine.

        Args:
            record: the container.
            container: what the caller calls it, for messages.
            path: in the container, as typed.
            destination: on this machine, as typed.
            options: how.

        Raises:
            NoSuchPath, NotADirectory, NoOutput, NoSuchFolder, CannotCopyFolder, CopyConflict: as the names say.
            DiskFull, NoPermission, StorageFailure: the disk.
            ShaleError: the container's tree cannot be had.
        """
        target = here(destination, self._current)
        check_output(target)
        wanted = absolute(path)
        keeps = keeps_capabilities if options.archive else keeps_plain
        with self._source(record, container, wanted, options) as (handle, rules):
            goal = goal_of(_name(wanted), destination_outside(target), from_folder=is_folder(handle))
            dressing = Dressing(owner=options.archive, keeps=keeps)
            with copy_errors(f"copying to {target}"), open_goal(goal.folder) as into:
                putting = Putting(into, dressing, goal.folder, devices=options.archive)
                with closing(putting):
                    counted = Counted(putting, self._check)
                    read_entry(handle, os.fsencode(goal.name), counted, rules)
                    putting.finish()
        return Copied(counted.size, destination, tuple(dressing.notes))

    def into(
        self, record: ContainerRecord, container: str, source: str, path: str, options: CopyOptions
    ) -> Copied:
        """Copy from this machine to a container; arguments and errors as `out`."""
        origin = here(source, self._current)
        handle = open_outside(origin, follow=options.follow)
        try:
            with self._views.merged(record, mounts=True) as root:
                target = destination_inside(root, absolute(path), container)
                goal = goal_of(_name(origin), target, from_folder=is_folder(handle))
                rules = ReadingRules(lambda _: True, keeps_capabilities)
                with self._putting(record, root, goal.folder, container) as putting:
                    counted = Counted(putting, self._check)
                    read_entry(handle, os.fsencode(goal.name), counted, rules)
        finally:
            os.close(handle)
        return Copied(counted.size, f"{container}:{path}")

    def read(
        self, record: ContainerRecord, container: str, path: str, stream: BinaryIO, options: CopyOptions
    ) -> Copied:
        """Write a file or folder of a container to a stream, as a tar archive; errors as `out`."""
        wanted = absolute(path)
        with self._source(record, container, wanted, options) as (handle, rules):
            writer = TarWriter(emitter(stream))
            counted = Counted(writer, self._check)
            read_entry(handle, os.fsencode(_name(wanted)), counted, rules)
            writer.finish()
        return Copied(counted.size, "-")

    def write(self, record: ContainerRecord, container: str, path: str, stream: BinaryIO) -> Copied:
        """Put the entries of a tar archive, plain or compressed, into a folder of a container.

        Raises:
            CopyConflict: the path is no folder, or something is in the way of an entry.
            InvalidTar, CorruptStream: it is no archive, or damaged.
            ShaleError: as `into`.
        """
        with self._views.merged(record, mounts=True) as root:
            target = destination_inside(root, absolute(path), container)
            if not target.is_folder:
                raise CopyConflict(f'destination "{container}:{path}" must be a directory')
            with self._putting(record, root, target.path, container) as putting:
                size = put_archive(stream, putting, self._check)
        return Copied(size, f"{container}:{path}")

    @contextmanager
    def _source(
        self, record: ContainerRecord, container: str, path: str, options: CopyOptions
    ) -> Iterator[tuple[int, ReadingRules]]:
        with self._views.merged(record, mounts=True) as root:
            handle = open_source(root, path, container, follow=options.follow)
            try:
                yield handle, ReadingRules(_enters(record, root), keeps_capabilities)
            finally:
                os.close(handle)

    @contextmanager
    def _putting(self, record: ContainerRecord, root: int, folder: str, container: str) -> Iterator[Putting]:
        if decode_wishes(record.spec.wishes).read_only:
            raise ReadOnly(f"container rootfs is marked read-only: {container}")
        shown = f"{container}:{folder}"
        into = open_folder(root, folder, container)
        try:
            dressing = Dressing(owner=True, keeps=keeps_capabilities)
            beyond = root, os.fsencode(folder)
            putting = Putting(into, dressing, shown, devices=True, beyond=beyond)
            with copy_errors(f"copying to {shown}"), closing(putting):
                yield putting
                putting.finish()
        finally:
            os.close(into)


def _name(path: str) -> str:
    """What a source is called in an archive of it; the whole tree is its content."""
    name = split_entry(path)[1]
    return name if name != "/" else "."


def _enters(record: ContainerRecord, root: int) -> Callable[[os.stat_result], bool]:
    """Of what is mounted in a container its files are what it asked for; /proc and /dev are not."""
    devices = {os.fstat(root).st_dev}
    targets = [mount.target for mount in decode_wishes(record.spec.wishes).mounts]
    for target in (*targets, *(record.spec.config.get("Volumes") or ())):
        with suppress(ShaleError, OSError):
            place = open_source(root, absolute(target), record.short, follow=True)
            devices.add(os.fstat(place).st_dev)
            os.close(place)
    return lambda status: status.st_dev in devices
