"""The verbs of `Containers` that bring them into being and to life; apart from those that only look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Unpack

from shale.engine.endverbs import EndVerbs
from shale.engine.runoptions import ContainerOptions, RunOptions, StreamOptions

if TYPE_CHECKING:
    from shale.engine.container import Container
    from shale.engine.started import RunResult, Started

__all__ = ["RunVerbs"]


class RunVerbs(EndVerbs):
    """Create, run, start; what `Containers` inherits."""

    def create(self, image: str, *command: str, **options: Unpack[ContainerOptions]) -> Container:
        """Make a container, and start nothing.

        Args:
            image: a name or an id; pulled where it is not here.
            command: what to run instead of the image's own command.
            options: see `ContainerOptions`.

        Raises:
            InvalidName, NameInUse: the name.
            NoCommand: neither the image nor the caller says what to run.
            ShaleError: as `Images.pull`.
        """
        from shale.engine.container import Container  # noqa: PLC0415 - not for lists

        self.tidied()
        runner = self.runner()
        return Container(self, runner.lifecycle.create(runner.record(image, command, options)).id)

    def run(self, image: str, *command: str, **options: Unpack[RunOptions]) -> RunResult:
        """Make a container, run it to its end, and where nothing else is said remove it.

        Args:
            image: as `create`.
            command: as `create`.
            options: see `RunOptions`.

        Raises:
            CommandNotFound, CommandDenied: the command is not in the image, or cannot be run.
            StartFailed: it could not be started.
            OutputTooLong: it wrote more than is kept, and was ended.
            ShaleError: as `create`.
        """
        from shale.engine.started import Started, wants_terminal  # noqa: PLC0415 - not for lists

        self.tidied()
        runner = self.runner()
        options.setdefault("remove", True)
        record = runner.record(image, command, options)
        tty = wants_terminal(record)
        with Started(lambda plumbing: runner.lifecycle.run(record, plumbing), options, tty=tty) as started:
            return started.wait()

    def start(self, text: str, **streams: Unpack[StreamOptions]) -> Started:
        """Start a container that was created or has ended; it lives at most as long as this program.

        Args:
            text: the container.
            streams: see `StreamOptions`.

        Raises:
            AlreadyRunning: it runs.
            StartFailed: as `run`.
            ContainerNotFound, AmbiguousContainer: as `find`.
        """
        from shale.engine.started import Started, wants_terminal  # noqa: PLC0415 - not for lists

        runner = self.runner()
        tty = wants_terminal(self.find(text))
        return Started(lambda plumbing: runner.lifecycle.start(text, plumbing), streams, tty=tty)

    @contextmanager
    def temporary(self, image: str, *command: str, **options: Unpack[ContainerOptions]) -> Iterator[Container]:
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
