"""The child process that runs workloads: it imports them once and forks for each run, which is quick.

Started as `python -m faults.zygote` with a plan as JSON on standard input; it writes one JSON line for each
run to standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from faults import shim
from faults.recorder import Recorder

Work = Callable[..., object]
_NEVER = 300.0
"""Seconds; the test's own timeout comes first."""


def _find(name: str) -> Work:
    module, _, function = name.partition(":")
    found: Work = getattr(importlib.import_module(module), function)
    return found


def _kill_at(number: int, calls: TextIO) -> shim.Watch:
    def watch(call: shim.Call, do: Callable[[], Any]) -> Any:
        if call.number == number:
            calls.write(f"{call.name} {call.args!r:.100}")
            calls.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return do()

    return watch


def _fail_at(number: int, error: int, names: tuple[str, ...], calls: TextIO) -> shim.Watch:
    seen = 0

    def watch(call: shim.Call, do: Callable[[], Any]) -> Any:
        nonlocal seen
        seen += call.name in names
        if call.name in names and seen == number:
            calls.write(f"{call.name} {call.args!r:.100}")
            calls.flush()
            raise OSError(error, os.strerror(error))
        return do()

    return watch


class _Run:
    """One run of the workload in a process of its own."""

    def __init__(self, plan: dict[str, Any], folder: Path) -> None:
        self.work = _find(plan["work"])
        self.prepare = _find(plan["prepare"]) if plan["prepare"] else None
        self.args = plan["args"]
        self.folder = folder
        folder.mkdir(parents=True)

    def fork(self, install: Callable[[], None]) -> int:
        """Start; the child's end shows in its status: 0 done, 1 an error (in `error`), or a signal."""
        (self.folder / "said").touch()
        (self.folder / "call").touch()
        (self.folder / "error").touch()
        if pid := os.fork():
            return pid
        code = 1
        try:
            root = self.folder / "root"
            if self.prepare is not None:
                self.prepare(root, *self.args)
            with (self.folder / "said").open("a", encoding="utf-8") as said:

                def say(line: str) -> None:
                    said.write(line + "\n")
                    said.flush()

                (self.folder / "started").symlink_to("now")
                install()
                self.work(root, say, *self.args)
            code = 0
        except BaseException as error:  # noqa: BLE001 - the child ends here whatever happened
            text = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
            (self.folder / "error").write_text(text, encoding="utf-8")
        finally:
            os._exit(code)

    def tell(self, status: int) -> bool:
        """Write the result's line; whether the run was killed."""
        read = {name: (self.folder / name).read_text(encoding="utf-8") for name in ("said", "call", "error")}
        killed = os.WIFSIGNALED(status)
        line = {"root": str(self.folder / "root"), "killed": killed, **read, "said": read["said"].splitlines()}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        return killed


def _each_call(plan: dict[str, Any], folder: Path) -> None:
    """Kill (or fail) at the first call, the second, and so on until a run gets to its end without."""
    for number in range(1, plan["most"] + 1):
        run = _Run(plan, folder / str(number))
        with (run.folder / "call").open("w", encoding="utf-8") as calls:
            if plan["mode"] == "kill":
                watch = _kill_at(number, calls)
            else:
                watch = _fail_at(number, plan["error"], tuple(plan["names"]), calls)
            pid = run.fork(lambda watch=watch: shim.install(watch))  # type: ignore[misc]
            _, status = os.waitpid(pid, 0)
        run.tell(status)
        if not (run.folder / "call").stat().st_size:
            return
    raise RuntimeError(f"the workload makes more than {plan['most']} calls")


def _random_instants(plan: dict[str, Any], folder: Path) -> None:
    """Kill some time after the start, evenly over what an undisturbed run takes."""
    chance = random.Random(plan["seed"])
    longest = 0.0
    for number in range(plan["times"] + 1):
        run = _Run(plan, folder / str(number))
        pid = run.fork(lambda: None)
        while not (run.folder / "started").is_symlink() and not (run.folder / "error").stat().st_size:
            time.sleep(0.0005)
        begin = time.monotonic()
        instant = chance.uniform(0, longest * 1.1) if number else _NEVER
        ended = 0
        while not ended and time.monotonic() - begin < instant:
            ended, status = os.waitpid(pid, os.WNOHANG)
            time.sleep(0.0005)
        if ended:
            # The first run warms the machine up, so later ones tell better how long it takes.
            longest = min(longest or _NEVER, time.monotonic() - begin)
        else:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        run.tell(status)


def _record(plan: dict[str, Any], folder: Path) -> None:
    run = _Run(plan, folder)
    recorder = Recorder(folder / "root", folder / "database")
    (folder / "database").mkdir()

    def install() -> None:
        recorder.begin()
        shim.install(recorder.watch)

    def work(root: Path, say: Callable[[str], None], *args: object) -> None:
        def heard(line: str) -> None:
            recorder.promise(line)
            say(line)

        real(root, heard, *args)
        (folder / "log").write_bytes(pickle.dumps(recorder.log))

    real, run.work = run.work, work
    _, status = os.waitpid(run.fork(install), 0)
    run.tell(status)


def _limited(plan: dict[str, Any], folder: Path) -> None:
    """Run where no file may grow beyond a size (RLIMIT_FSIZE): a full disk for those who are not root."""

    def install() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan["limit"], plan["limit"]))

    run = _Run(plan, folder)
    _, status = os.waitpid(run.fork(install), 0)
    run.tell(status)


def main() -> None:
    """Do the plan."""
    plan = json.load(sys.stdin)
    folder = Path(plan["folder"]) / plan["mode"]
    modes = {"kill": _each_call, "fail": _each_call, "random": _random_instants, "record": _record}
    modes["limit"] = _limited
    modes[plan["mode"]](plan, folder)


if __name__ == "__main__":
    main()
