"""One run of a container: mounted, started, watched and put down again, in a thread of its own.

The thread holds the container's lock from before the start until the end is written. Whoever asked for the run
only waits: where they are interrupted, the container is ended, and the thread writes down what became of it.

    created, exited -> (mount, bundle, runtime) -> running -> exited, or with `--rm` removing and gone
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final

from msgspec.structs import replace

from shale.container.containers import Containers
from shale.container.failures import StartFailed, start_failure
from shale.container.folders import HeldFolder, PidNote
from shale.container.launch import launch
from shale.container.ports import Workshop
from shale.container.put_down import PutDown
from shale.container.record import ContainerRecord
from shale.container.states import UNKNOWN_EXIT, State
from shale.container.streams import Plumbing
from shale.errors import ShaleError
from shale.linux.boot import ProcessIdentity, current_process, process_of
from shale.linux.pidfd import signal_process
from shale.runtime.driver import Running, RuntimeFailed

__all__ = ["Supervision"]

_GLANCE: Final = 0.001
"""Seconds before the first look for a pid that the runtime writes; later looks come less often."""
_SLOWEST: Final = 0.02


class Supervision:
    """A container that was started by this program, until its end.

    Attributes:
        id: of the container.
        notes: what could not be as it should, for a person; complete when it has begun.
    """

    def __init__(
        self,
        containers: Containers,
        workshop: Workshop,
        plumbing: Plumbing,
        held: HeldFolder,
        record: ContainerRecord,
        lock: ExitStack,
    ) -> None:
        """Begin; `began` tells when its first process runs.

        Args:
            containers: the rows.
            workshop: what it is started with.
            plumbing: where its streams lead; closed at the end.
            held: the container's folder.
            record: its row, with this process as the one that starts it.
            lock: closed at the end: it holds the lock.
        """
        self.id = record.id
        self.notes: Sequence[str] = ()
        self._containers = containers
        self._workshop = workshop
        self._put_down = PutDown(containers, workshop.driver)
        self._plumbing = plumbing
        self._held = held
        self._record = record
        self._lock = lock
        self._running: Running | None = None
        self._stopped = False
        self._began = threading.Event()
        self._failure: BaseException | None = None
        self._code: int | None = None
        self._thread = threading.Thread(target=self._work, name=f"shale-{record.short}", daemon=True)
        self._thread.start()

    def began(self) -> None:
        """Wait until the first process runs, or has run.

        Raises:
            StartFailed: it never will; the reason is in the row too.
            ShaleError: it could not even be tried.
        """
        try:
            self._began.wait()
        except BaseException:
            self.end()
            raise
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def wait(self) -> int:
        """Wait for the end, until all is written down and put away; the exit code.

        Raises:
            ShaleError: it was lost on the way.
        """
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        assert self._code is not None
        return self._code

    def join(self) -> None:
        """Wait for the end, whatever it was."""
        self._thread.join()

    def signal(self, number: int) -> None:
        """Pass a signal on to the first process; one that comes too early or too late is dropped."""
        if number == signal.SIGKILL:
            self.end()
        elif self._running is not None and self._code is None:
            self._running.signal(number)

    def end(self) -> None:
        """End the container, now or as soon as it begins."""
        self._stopped = True
        process = self._record.process
        # Not through the runtime: it would be the one that is killed.
        if self._record.state is State.RUNNING and process is not None:
            with suppress(ProcessLookupError):
                signal_process(process, signal.SIGKILL)

    def _work(self) -> None:
        with self._lock:
            try:
                with self._plumbing:
                    self._supervise()
            except BaseException as failure:  # noqa: BLE001 - handed to whoever waits
                self._failure = failure
            finally:
                self._began.set()

    def _supervise(self) -> None:
        try:
            self._running, self.notes = launch(self._workshop, self._held, self._record, self._plumbing.streams)
            self._plumbing.release()
            code = self._watch(_End(self._running))
        except ShaleError as error:
            raise self._failed(start_failure(error)) from error
        self._code = code
        self._move(state=State.EXITED, process=None, finished=time.time(), exit_code=code)
        self._put_down.after_run(self._held, self._record)

    def _watch(self, end: _End) -> int:
        """Write down that it runs, and wait for its end."""
        note = self._pid(end)
        if note is None and end.failure is not None:
            raise end.failure
        self._move(
            state=State.RUNNING, process=_identity(note), started=time.time(), finished=None, exit_code=None,
            failure=None,
        )  # fmt: skip
        self._began.set()
        if self._stopped:
            self.end()
        return end.code()

    def _move(self, **changes: Any) -> None:
        self._record = self._containers.move(self._record, replace(self._record, **changes))

    def _pid(self, end: _End) -> PidNote | None:
        """The first process, as soon as the runtime tells; None where it ended without telling."""
        glance = _GLANCE
        while True:
            over = end.is_over(glance)
            note = self._containers.folders.pid_note(self.id)
            if note is not None or over:
                return note
            glance = min(glance * 1.5, _SLOWEST)

    def _failed(self, failure: StartFailed) -> StartFailed:
        """Write down why it did not start; it is what it was before, for another try."""
        if self._record.state is State.RUNNING:
            # It did begin, and the runtime lost it; or the runtime told of a process that never became it.
            code = UNKNOWN_EXIT if type(failure) is StartFailed else failure.exit_code
            self._move(
                state=State.EXITED, process=None, exit_code=code, finished=time.time(), failure=failure.message
            )
        else:
            self._move(process=None, exit_code=failure.exit_code, failure=failure.message)
        self._put_down.after_run(self._held, self._record)
        return failure


class _End:
    """Waits for a runtime in a thread, so that others can wait for something else at the same time."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._code = 0
        self.failure: RuntimeFailed | None = None
        self._thread = threading.Thread(target=self._wait, name="shale-wait", daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        try:
            self._code = self._running.wait()
        except RuntimeFailed as failure:
            self.failure = failure

    def is_over(self, patience: float) -> bool:
        """Whether it has ended, waiting for that a little (seconds)."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    def code(self) -> int:
        """Its exit code, waited for.

        Raises:
            RuntimeFailed: it never began, or was lost.
        """
        self._thread.join()
        if self.failure is not None:
            raise self.failure
        return self._code


def _identity(note: PidNote | None) -> ProcessIdentity:
    """The first process; where it has ended already, one that nobody can be."""
    if note is not None:
        try:
            return process_of(note.pid)
        except ProcessLookupError:
            pass
    return replace(current_process(), started=0)
