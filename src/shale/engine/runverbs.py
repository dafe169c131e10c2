"""The verbs of `Containers` that bring them into being and to life; apart from those that only look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from shale.engine.policy import Policy
from shale.engine.rows import ContainerRows
from shale.engine.wanted import Wanted
from shale.events import Listener, silent

if TYPE_CHECKING:
    from shale.engine.container import Container
    from shale.engine.started import RunResult, Started
    from shale.runtime.wishes import RunWishes

__all__ = ["MOST_KEPT", "RunVerbs"]

MOST_KEPT: Final = 16 * 1024 * 1024
"""Bytes of each output of a container that are kept in memory at most."""


class RunVerbs(ContainerRows):
    """Create, run, start; what `Containers` inherits."""

    def create(
        self,
        image: str,
        *command: str,
        wishes: RunWishes | None = None,
        name: str = "",
        remove: bool = False,
        platform: str | None = None,
        policy: Policy = Policy.MISSING,
        listener: Listener = silent,
    ) -> Container:
        """Make a container, and start nothing.

        Args:
            image: a name or an id; pulled where it is not here.
            command: what to run instead of the image's own command.
            wishes: everything else that `shale create` has flags for.
            name: of the container; by default a random one.
            remove: whether it goes when its process has ended.
            platform: of the image, by default this machine's.
            policy: when to ask the registry for the image.
            listener: told the progress of a pull.

        Raises:
            InvalidName, NameInUse: the name.
            NoCommand: neither the image nor the caller says what to run.
            ShaleError: as `Images.pull`.
        """
        from shale.engine.container import Container  # noqa: PLC0415 - not for lists

        self.tidied()
        runner = self._runner()
        wanted = Wanted(image, command, wishes, name, remove, platform)
        record = runner.record(wanted, policy, listener)
        return Container(self, runner.lifecycle.create(record).id)

    def run(
        self,
        image: str,
        *command: str,
        wishes: RunWishes | None = None,
        name: str = "",
        remove: bool = True,
        platform: str | None = None,
        policy: Policy = Policy.MISSING,
        stdin: bytes | BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        limit: int = MOST_KEPT,
        listener: Listener = silent,
    ) -> RunResult:
        """Make a container, run it to its end, and by default remove it.

        Args:
            image: as `create`.
            command: as `create`.
            wishes: as `create`.
            name: as `create`.
            remove: false to keep the container.
            platform: as `create`.
            policy: as `create`.
            stdin: what it reads: bytes, or an open file with a descriptor; by default nothing.
            stdout: an open file that gets its standard output; by default that is kept.
            stderr: the same for its standard error.
            limit: bytes of each output that are kept at most.
            listener: as `create`.

        Raises:
            CommandNotFound, CommandDenied: the command is not in the image, or cannot be run.
            StartFailed: it could not be started.
            OutputTooLong: it wrote more than is kept, and was ended.
            ShaleError: as `create`.
        """
        from shale.engine.started import Started, Streams, wants_terminal  # noqa: PLC0415 - not for lists

        self.tidied()
        runner = self._runner()
        wanted = Wanted(image, command, wishes, name, remove, platform)
        record = runner.record(wanted, policy, listener)
        streams = Streams(stdin, stdout, stderr, limit, tty=wants_terminal(record))
        with Started(lambda plumbing: runner.lifecycle.run(record, plumbing), streams) as started:
            return started.wait()

    def start(
        self,
        text: str,
        *,
        stdin: bytes | BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        limit: int = MOST_KEPT,
    ) -> Started:
        """Start a container that was created or has ended; it lives at most as long as this program.

        Args:
            text: the container.
            stdin: as `run`.
            stdout: as `run`.
            stderr: as `run`.
            limit: as `run`.

        Raises:
            AlreadyRunning: it runs.
            StartFailed: as `run`.
            ContainerNotFound, AmbiguousContainer: as `find`.
        """
        from shale.engine.started import Started, Streams, wants_terminal  # noqa: PLC0415 - not for lists

        runner = self._runner()
        streams = Streams(stdin, stdout, stderr, limit, tty=wants_terminal(self.find(text)))
        return Started(lambda plumbing: runner.lifecycle.start(text, lambda _: plumbing), streams)

    @contextmanager
    def temporary(self, image: str, *command: str, **options: Any) -> Iterator[Container]:
        """A container for the length of a block; whatever becomes of it, it is removed afterwards.

        Args:
            image: as `create`.
            command: as `create`.
            options: as `create`.
        """
        container = self.create(image, *command, **options)
        try:
            yield container
        finally:
            container.remove(force=True)

