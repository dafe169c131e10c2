"""Which program runs containers here: the first of a list that runs a tiny one, exactly as ours are run.

A version number does not tell: crun 1.8 refuses machines with hybrid control groups, where runc works. So it is
tried, once for each boot, user and file of a program, and the answer remembered in the store's root
(`runtime.json`); a failure is tried again whenever nothing else passed.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from shale.errors import NotFound, ShaleError, Unsupported
from shale.linux.boot import boot_id
from shale.linux.durable import disk_errors, write_file
from shale.linux.installing import how_to_install
from shale.linux.mount import in_private_mounts
from shale.linux.process import ProgramNotFound, find_program, run_bounded
from shale.oci.config import Execution
from shale.oci.document import InvalidDocument, encode_document, read_document
from shale.runtime.bundle import BundleRequest, prepare_bundle
from shale.runtime.crun_runc import OciRuntime, Program
from shale.runtime.driver import Running, Streams
from shale.runtime.host import Host, examine_host
from shale.runtime.tinyprogram import EXIT_CODE, tiny_program
from shale.runtime.wishes import RunWishes

__all__ = [
    "NoRuntime",
    "RuntimesRefused",
    "Selection",
    "Verdict",
    "remembered",
    "select_runtime",
    "try_runtime",
]

_NAMES: Final = ("crun", "runc", "youki")
_MEMORY: Final = "runtime.json"
_MOST_MEMORY: Final = 256 * 1024
_SECONDS: Final = 20.0
_VERSION: Final = re.compile(r"version:? v?([0-9][^\s]*)")


class NoRuntime(NotFound):
    """None of the programs is installed; how to install one is in the message."""


class RuntimesRefused(Unsupported):
    """Programs are installed, and none of them runs a container here; why, is in the message."""


class Verdict(msgspec.Struct, frozen=True):
    """What came out of a test.

    Attributes:
        name: of the program.
        path: where it is.
        version: what it says it is.
        identity: boot, user and file that this holds for.
        reason: why it was refused; empty where it passed.
    """

    name: str
    path: str
    version: str
    identity: str
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether it runs containers here."""
        return not self.reason

    @property
    def sentence(self) -> str:
        """Why it was refused, for a person."""
        return f"{self.name} {self.version}: {self.reason}"


class Selection(msgspec.Struct, frozen=True):
    """The program that is used, and what was wrong with those before it in the list."""

    driver: OciRuntime
    refused: tuple[Verdict, ...]


def select_runtime(root: Path, environ: Mapping[str, str]) -> Selection:
    """Find the program that runs containers.

    Args:
        root: of the store; remembers, and has room for the test.
        environ: whose PATH is searched.

    Raises:
        NoRuntime: none is installed.
        RuntimesRefused: none passes.
        DiskFull, NoPermission, StorageFailure: the test has no room.
    """
    known = {one.identity: one for one in remembered(root)}
    verdicts: list[Verdict] = []
    for program in _installed(environ):
        identity = _identity(program.path)
        verdict = known.get(identity)
        if verdict is None:
            verdict = try_runtime(program, root, environ, identity)
            _remember(root, [*verdicts, verdict])
        verdicts.append(verdict)
        if verdict.passed:
            chosen = Program(verdict.name, verdict.path, verdict.version)
            return Selection(OciRuntime(chosen, environ), tuple(verdicts[:-1]))
    _remember(root, [])
    if not verdicts:
        raise NoRuntime(
            f"no program that runs containers is on PATH ({', '.join(_NAMES)}); {how_to_install('runc')}"
        )
    reasons = "; ".join(one.sentence for one in verdicts)
    others = [name for name in _NAMES if name not in {one.name for one in verdicts}]
    advice = f"; {how_to_install(others[-1] if 'runc' not in others else 'runc')}" if others else ""
    raise RuntimesRefused(f"no program that is installed runs containers here: {reasons}{advice}")


def try_runtime(program: Program, root: Path, environ: Mapping[str, str], identity: str) -> Verdict:
    """Run a tiny container with a program.

    Args:
        program: its version is found out.
        root: of the store.
        environ: whose PATH it gets.
        identity: kept in the verdict.
    """
    version, reason = "", ""
    try:
        version = _version(program, environ)
        _run_tiny(OciRuntime(program, environ), root, environ)
    except ShaleError as error:
        reason = error.message
    return Verdict(program.name, program.path, version, identity, reason)


def _installed(environ: Mapping[str, str]) -> Iterator[Program]:
    for name in _NAMES:
        with suppress(ProgramNotFound):
            yield Program(name, find_program(name, environ), "")


def _identity(path: str) -> str:
    status = os.stat(path)
    return f"{boot_id()} {os.geteuid()} {path} {status.st_mtime_ns} {status.st_size}"


def _version(program: Program, environ: Mapping[str, str]) -> str:
    done = run_bounded(
        [program.path, "--version"], stdin=b"", timeout=_SECONDS, output_limit=_MOST_MEMORY, env=environ
    )
    found = _VERSION.search(done.output.decode("utf-8", "replace"))
    return found[1] if found else ""


def _run_tiny(driver: OciRuntime, root: Path, environ: Mapping[str, str]) -> None:
    """Run one container to its end, and compare its exit code.

    Raises:
        ShaleError: it did not run.
    """
    host = examine_host()
    container = os.urandom(32).hex()
    with _room(root, host) as folder:
        request = BundleRequest(container, folder, Execution(cmd=("/run",)), RunWishes(), environ, _no_volumes)
        state = folder / "runtime"
        with open(os.devnull, "r+b") as null:
            number = null.fileno()

            def start() -> Running:
                prepare_bundle(request, host)
                return driver.run(state, container, folder, folder / "pid", Streams(number, number, number))

            try:
                running = in_private_mounts(start)
                watchdog = threading.Timer(_SECONDS, running.signal, [signal.SIGKILL])
                watchdog.start()
                try:
                    code = running.wait()
                finally:
                    watchdog.cancel()
            finally:
                driver.delete(state, container)
    if code != EXIT_CODE:
        raise Unsupported(f"a test container ended with {code} instead of {EXIT_CODE}")


@contextmanager
def _room(root: Path, host: Host) -> Iterator[Path]:
    """A folder for the test below the store's root, with the tiny program in its root file system."""
    import shutil  # noqa: PLC0415 - as above

    folder = root / f".runtime-test-{os.urandom(4).hex()}"
    try:
        with disk_errors(f"making {folder}"):
            (folder / "rootfs").mkdir(parents=True)
            folder.chmod(0o700)
            (folder / "rootfs").chmod(0o755)
            program = folder / "rootfs" / "run"
            program.write_bytes(tiny_program(host.architecture))
            program.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _no_volumes(source: int, target: int) -> None:  # noqa: ARG001 - as `BundleRequest.fill`
    raise AssertionError("the test container has no volumes")


def remembered(root: Path) -> list[Verdict]:
    """What tests have found so far, in the order of the list; nothing where none was made.

    Args:
        root: of the store.
    """
    try:
        with open(root / _MEMORY, "rb") as file:
            return read_document(file.read(_MOST_MEMORY + 1), list[Verdict], what=_MEMORY, limit=_MOST_MEMORY)
    except (OSError, InvalidDocument):
        # A note that is gone or damaged costs one test.
        return []


def _remember(root: Path, verdicts: list[Verdict]) -> None:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with disk_errors(f"writing {_MEMORY}"):
            write_file(folder, _MEMORY, encode_document(verdicts), durable=False)
    finally:
        os.close(folder)
