"""Where the peers of one test session live: a folder with a short path, and a mark on every process.

The mark is an environment variable that children inherit, even those that become daemons: whatever carries it
was started by this session, so it may be ended, and must not be there when the session is over.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from peers.process import run, tool

MARK = "SHALE_TEST_SESSION"


class Ground:
    """A folder for peers' state, and the environment in which they run.

    The folder lies directly in the temporary folder, because the path of a unix socket has 107 bytes at most.
    """

    def __init__(self, temporary: Path, surroundings: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shale-", dir=temporary)).resolve()
        self._mark = uuid.uuid4().hex
        self.env = MappingProxyType(self._environment(surroundings))

    def _environment(self, surroundings: Mapping[str, str]) -> dict[str, str]:
        """Nothing of the user's: no home, no credentials, no proxy, no daemon of theirs."""
        folders = {"HOME": "home", "XDG_RUNTIME_DIR": "run", "DOCKER_CONFIG": "docker", "TMPDIR": "tmp"}
        env = {name: str(self.room(room)) for name, room in folders.items()}
        self.room("run").chmod(0o700)
        env["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
        env["LANG"] = "C.UTF-8"
        env.update(
            {name: surroundings[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in surroundings}
        )
        env[MARK] = self._mark
        return env

    def room(self, name: str) -> Path:
        """The folder of that name on this ground, made when it is not there."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def fresh(self, prefix: str) -> Path:
        """A new folder on this ground."""
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.folder))

    def processes(self) -> dict[int, str]:
        """Every living process of this session's peers: process id and command line."""
        mark = f"{MARK}={self._mark}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                    found[int(entry.name)] = b" ".join(words).decode(errors="replace")
            except OSError:  # it has just ended, or it is another user's
                continue
        return found

    def mounts(self) -> list[Path]:
        """Every mount below the folder, the deepest first."""
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
        points = [Path(line.split()[4].replace("\\040", " ")) for line in lines]
        return sorted((point for point in points if point.is_relative_to(self.folder)), reverse=True)

    def _settled(self, seconds: float) -> tuple[dict[int, str], list[Path]]:
        """What is left of processes and mounts, after the time that ended peers need to be gone."""
        deadline = time.monotonic() + seconds
        while (self.processes() or self.mounts()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.processes(), self.mounts()

    def clear(self, *, patience: float = 5) -> list[str]:
        """End, unmount and delete everything; answer with what was left after `patience` seconds."""
        processes, mounts = self._settled(patience)
        for pid in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for point in mounts:
            run([tool("umount", "mount"), "--lazy", str(point)], env=self.env, check=False)
        if not self.mounts():  # never delete through a mount
            shutil.rmtree(self.folder)
        return [f"process {pid}: {words}" for pid, words in processes.items()] + [
            f"mount {at}" for at in mounts
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self.clear()
        if left:
            raise AssertionError("the peers left this behind:\n" + "\n".join(left))
