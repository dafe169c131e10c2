from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from shale.linux.process import (
    Completed,
    OutputTooLong,
    ProgramDenied,
    ProgramNotFound,
    ProgramTimedOut,
    find_program,
    run_bounded,
)

ENV = {"PATH": os.environ["PATH"]}


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def run(code: str, stdin: bytes = b"", timeout: float = 60.0, limit: int = 1 << 20) -> Completed:
    return run_bounded(python(code), stdin=stdin, timeout=timeout, output_limit=limit, env=ENV)


def test_gives_input_and_takes_both_outputs_and_the_status() -> None:
    done = run(
        "import sys; d=sys.stdin.read(); print(d.upper()); print('oh', file=sys.stderr); sys.exit(3)", b"ab"
    )
    assert (done.status, done.output, done.errors) == (3, b"AB\n", b"oh\n")


def test_more_input_than_a_pipe_holds_goes_both_ways_at_once() -> None:
    sent = os.urandom(600_000)
    done = run("import sys,shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)", sent)
    assert done.output == sent


def test_a_program_need_not_read_its_input() -> None:
    assert run("print('done')", b"x" * 500_000).output == b"done\n"


def test_a_signal_is_a_negative_status() -> None:
    assert run("import os; os.kill(os.getpid(), 9)").status == -9


def test_too_much_output_stops_the_program() -> None:
    with pytest.raises(OutputTooLong, match="more than 1000 bytes"):
        run("while True: print('x' * 100)", limit=1000)


def test_a_late_program_is_killed_with_its_children(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {told}; wait"
    with pytest.raises(ProgramTimedOut):
        run_bounded(["/bin/sh", "-c", script], stdin=b"", timeout=2.0, output_limit=100, env=ENV)
    # A kill takes effect when the kernel gets to it.
    while _lives(int(told.read_text())):
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_what_stays_in_the_background_is_not_waited_for() -> None:
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid(); time.sleep(20); os._exit(0)\n"
        "print('answer')\n"
    )
    assert run(code, timeout=15.0).output == b"answer\n"


def test_no_descriptor_and_no_variable_goes_along(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        code = "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:4], os.environ.get('HOME'))"
        shown = run(code).output.decode()
    finally:
        os.close(handle)
    # The fourth is the listing's own.
    assert shown.startswith("[0, 1, 2, 3]")
    assert shown.endswith("None\n")


def test_a_program_in_a_relative_folder_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker-credential-evil"
    program.write_text("#!/bin/sh\necho evil\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in (".", "", "./", ":."):
        with pytest.raises(ProgramNotFound, match="not on PATH"):
            find_program("docker-credential-evil", {"PATH": path})
    assert find_program("docker-credential-evil", {"PATH": f".:{tmp_path}"}) == str(program)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a\0b"])
def test_a_path_is_not_the_name_of_a_program(name: str) -> None:
    with pytest.raises(ProgramNotFound):
        find_program(name, ENV)


def test_a_program_that_cannot_be_started_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fnot a program")
    broken.chmod(0o755)
    with pytest.raises(ProgramDenied, match="cannot be started"):
        run_bounded([str(broken)], stdin=b"", timeout=5, output_limit=10, env=ENV)
    with pytest.raises(ProgramNotFound):
        run_bounded([str(tmp_path / "absent")], stdin=b"", timeout=5, output_limit=10, env=ENV)


def test_output_is_not_in_the_repr() -> None:
    assert "secret" not in repr(run("print('secret')"))
