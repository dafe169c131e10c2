"""Documents that are run: whoever types what they show, sees what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from peers.process import tool
from shale.oci.platform import host_platform
from transcript import Exchange, exchanges, fenced, normalise

__all__ = ["ROOT", "Reader"]

ROOT = Path(__file__).resolve().parents[1]
_ADDRESS = "127.0.0.1:5000"
_FOLDER = "/home/me/tour"
_PLATFORM = "linux/amd64"
_DIGEST = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b")
_COUNT = re.compile(r"\b\d+(?= bytes\b)|\b\d{6,}\b")


class Reader:
    """Somebody with an empty folder and an empty store, who types everything that a document shows.

    What differs between two machines is allowed for: digests, sizes, ages, the folder, the port, the
    processor. But a digest that the document shows in two places must be one digest in both.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        scripts = Path(sys.executable).parent
        self._env = {
            "PATH": f"{scripts}:{env['PATH']}",
            "HOME": str(folder),
            "SHALE_ROOT": str(folder / "store"),
            "PYTHONPATH": str(ROOT / "src"),
        }
        self._address = "127.0.0.1:0"
        machine = os.uname()
        here = host_platform(machine.machine, machine.sysname)
        self._platform = f"{here.os}/{here.architecture}"
        self._digests: dict[str, str] = {}
        self._servers = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._servers.close()

    def read(self, document: str) -> tuple[int, int]:
        """Run and compare every `console` block, and every `python` block with the `text` block after it.

        Returns:
            How many commands and how many programs there were.
        """
        commands = programs = 0
        answer: list[str] | None = None
        for language, text in fenced(document):
            assert answer is None or language == "text", "a program's output comes right after it"
            if language == "console":
                for step in exchanges(text, r"\$ "):
                    self._type(step)
                    commands += 1
            elif language == "python":
                answer = self._run([sys.executable, "-c", self._here(text)])
                programs += 1
            elif language == "text" and answer is not None:
                self._compare(text.splitlines(), answer, "the program's output")
                answer = None
        assert answer is None, "a program's output comes right after it"
        return commands, programs

    def _type(self, step: Exchange) -> None:
        command = self._here(step.command)
        if command.endswith("&"):
            real = [self._serve(command.removesuffix("&"))]
        else:
            real = self._run([tool("sh", "dash"), "-c", command])
        self._compare(step.answer, real, step.command)

    def _serve(self, command: str) -> str:
        """Start what goes on in the background; the first line that it says, with its address."""
        server = self._servers.enter_context(
            subprocess.Popen(
                [tool("sh", "dash"), "-c", f"exec {command}"],
                env=self._env,
                cwd=self._folder,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        self._servers.callback(server.terminate)
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"127\.0\.0\.1:\d+", line)
        assert found, f"{command}: {line}"
        self._address = found[0]
        return line

    def _run(self, argv: Sequence[str]) -> list[str]:
        done = subprocess.run(
            argv,
            env=self._env,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{argv[-1]} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout.splitlines()

    def _here(self, text: str) -> str:
        """What is written, for this machine."""
        return text.replace(_ADDRESS, self._address)

    def _compare(self, shown: Sequence[str], real: Sequence[str], what: str) -> None:
        expected = [line.replace(_PLATFORM, self._platform) for line in _in_order(shown)]
        found = [line.replace(str(self._folder), _FOLDER) for line in _in_order(real)]
        assert _normalised(found) == _normalised(expected), what
        self._compare_digests(_DIGEST.findall("\n".join(expected)), _DIGEST.findall("\n".join(found)), what)

    def _compare_digests(self, shown: list[str], real: list[str], what: str) -> None:
        assert len(shown) == len(real), what
        for one, other in zip(shown, real, strict=True):
            assert self._digests.setdefault(one[:12], other[:12]) == other[:12], f"{what}: {one} is another one"
        assert len(set(self._digests.values())) == len(self._digests), f"{what}: two digests are one"


def _in_order(lines: Sequence[str]) -> list[str]:
    """Blobs are listed in the order of their digests, which are others each time: take that of their sizes."""
    blobs = [line for line in lines if line.startswith("blob: ")]
    blobs.sort(key=lambda line: int(line.split()[2]))
    return [blobs.pop(0) if line.startswith("blob: ") else line for line in lines]


def _normalised(lines: Sequence[str]) -> list[str]:
    return [_COUNT.sub("COUNT", line) for line in normalise(lines)]
