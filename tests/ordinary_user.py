"""An ordinary user of this machine, for tests that run as root: no privilege, a home, perhaps ranges of ids.

Nothing of the machine is changed: what the user needs to see (a line in /etc/subuid, the interpreter in a
folder that is closed to others) is mounted where only the user's own processes see it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shale.linux.mount import attach, bind, clone, in_private_mounts

NOBODY = 65534
SOURCE = Path(__file__).resolve().parents[1] / "src"


@dataclass(frozen=True)
class OrdinaryUser:
    """The user `nobody`, with a folder.

    Attributes:
        home: belongs to the user; everything that the user may write is in it.
        ranges: the user's line in /etc/subuid and /etc/subgid; empty for none.
        scene: called as root in the mount namespace of the user's processes, before one starts.
    """

    home: Path
    ranges: str
    scene: Callable[[], None]

    @property
    def env(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                "PYTHONPATH": f"{SOURCE}:{Path(__file__).parent}"}  # fmt: skip

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program as the user."""
        with self.started(argv, env=env) as process:
            out, err = process.communicate(stdin, timeout=120)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def python(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run a Python program as the user."""
        return self.run([sys.executable, "-c", program, *arguments])

    def shale(
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the command as the user."""
        return self.run([sys.executable, "-m", "shale", *arguments], env=env, stdin=stdin)

    @contextmanager
    def started(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A program of the user's while it runs."""
        dropped = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *argv]

        def start() -> subprocess.Popen[bytes]:
            self._show_ranges()
            self.scene()
            _open_the_way(Path(sys.executable).resolve())
            return subprocess.Popen(
                dropped, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.home,
                env=self.env | dict(env or {}),
            )  # fmt: skip

        with in_private_mounts(start) as process:
            try:
                yield process
            finally:
                process.kill()

    def _show_ranges(self) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="shale-subid-") as file:
            file.write(self.ranges)
            file.flush()
            os.chmod(file.name, 0o644)
            for place in ("/etc/subuid", "/etc/subgid"):
                bind(file.name, place)


def _open_the_way(program: Path) -> None:
    """Let everybody reach a program although a folder above it is closed."""
    closed = [folder for folder in reversed(program.parents) if not folder.stat().st_mode & 0o001]
    if not closed:
        return
    top = closed[0]
    kept = program.parents[1]
    copy = clone(str(kept))
    try:
        # A file system of its own over the closed folder, with nothing in it but the way.
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", str(top)], check=True)
        kept.mkdir(parents=True)
        attach(copy, str(kept))
    finally:
        os.close(copy)


@contextmanager
def ordinary_user(
    ranges: str = "nobody:300000:65536\n", scene: Callable[[], None] = lambda: None
) -> Iterator[OrdinaryUser]:
    """A user with a home, until the end; what is in it goes, whoever owns it."""
    home = Path(tempfile.mkdtemp(prefix="shale-user-"))
    os.chown(home, NOBODY, NOBODY)
    try:
        yield OrdinaryUser(home, ranges, scene)
    finally:
        shutil.rmtree(home)
