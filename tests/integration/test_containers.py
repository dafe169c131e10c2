"""Containers as people run them: the command in a process of its own, the machine's runtime, a real image."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

import pytest

from peers.layout import LayoutImage
from shale.engine.engine import Engine

pytestmark = pytest.mark.peer
ID = re.compile(r"[0-9a-f]{64}\n\Z")


@dataclass
class Machine:
    """The command line on one store."""

    root: Path
    begun: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "shale", "--root", str(self.root), *arguments]

    def __call__(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self.argv(*arguments), input=stdin, capture_output=True, timeout=60, check=False)

    def ok(self, *arguments: str, stdin: bytes = b"") -> str:
        done = self(*arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout.decode()

    def begin(self, *arguments: str, name: str) -> subprocess.Popen[bytes]:
        """Start a container in the foreground of another process, and wait until it runs."""
        child = subprocess.Popen(
            self.argv("run", "--name", name, *arguments),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.begun.append(child)
        until(lambda: self.state(name) == "running")
        return child

    def state(self, name: str) -> str:
        done = self("inspect", "-f", "{{.State.Status}}", name)
        return done.stdout.decode().strip()

    def names(self) -> list[str]:
        return self.ok("ps", "-a", "--format", "{{.Names}}").split()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def leftovers(root: Path) -> list[str]:
    """Mounts and processes that belong to the containers of a store."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(root) in line]
    return mounts + os.listdir(root / "containers")


@pytest.fixture(scope="module")
def loaded(busybox_image: LayoutImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("containers") / "store"
    with Engine.open(root, {}) as engine:
        (image,) = engine.images.load(busybox_image.layout)
        engine.images.tag(str(image.target), "busybox")
    return root


@pytest.fixture
def machine(loaded: Path) -> Iterator[Machine]:
    machine = Machine(loaded)
    yield machine
    for child in machine.begun:
        child.terminate()
    names = machine.names()
    if names:
        machine("rm", "--force", *names)
    for child in machine.begun:
        child.communicate(timeout=30)
    assert machine.names() == []
    assert leftovers(loaded) == []


def test_streams_are_kept_apart_and_the_exit_code_comes_through(machine: Machine) -> None:
    done = machine("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("nosuch",), 127, 'exec: "nosuch": executable file not found in $PATH'),
        (("/no/such",), 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
        (("/etc",), 126, 'exec: "/etc": is a directory'),
        (("/etc/passwd",), 126, 'exec: "/etc/passwd": permission denied'),
        (("sh", "-c", "exit 255"), 255, None),
    ],
)
def test_exit_codes_of_docker(machine: Machine, command: tuple[str, ...], code: int, said: str | None) -> None:
    done = machine("run", "--rm", "busybox", *command)
    assert done.returncode == code
    wanted = f"shale: {said}\n\nRun 'shale run --help' for more information\n" if said else ""
    assert done.stderr.decode() == wanted


def test_errors_of_ours_are_125(machine: Machine) -> None:
    for arguments, said in (
        (("--pull", "never", "nosuch"), "no such image: nosuch"),
        (("-d", "busybox"), "background are not supported yet"),
        (("--network", "bridge", "busybox"), "there are --network none (the default) and --network host"),
        (("--name", "a b", "busybox"), "invalid container name (a b)"),
        (("-w", "here", "busybox"), "needs to be an absolute path"),
    ):
        done = machine("run", "--rm", *arguments)
        assert done.returncode == 125, done
        assert said in done.stderr.decode()
    assert machine("run").returncode == 1
    assert machine("run", "--nosuch", "busybox").returncode == 125


def test_standard_input_is_closed_unless_it_is_asked_for(machine: Machine) -> None:
    assert machine.ok("run", "--rm", "busybox", "cat", stdin=b"unread") == ""
    assert machine.ok("run", "--rm", "-i", "busybox", "cat", stdin=b"read\n") == "read\n"
    assert len(machine.ok("run", "--rm", "-i", "busybox", "cat", stdin=b"x" * 1_000_000)) == 1_000_000


def test_a_reader_that_goes_away_ends_a_writer(machine: Machine) -> None:
    line = subprocess.list2cmdline(machine.argv("run", "--rm", "busybox", "yes"))
    done = subprocess.run(["sh", "-c", f"{line} | head -1"], capture_output=True, timeout=60, check=True)
    assert done.stdout == b"y\n"


def test_flags_reach_the_container(machine: Machine, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "note").write_text("from outside")
    (tmp_path / "variables").write_text("# a comment\nFROM_FILE=one two\n")
    script = (
        "echo $A $FROM_FILE; pwd; hostname; id -u; cat /in/note; touch /in/x; touch /y; touch /t/z && echo z"
    )
    done = machine(
        "run", "--rm", "-e", "A=b", "--env-file", str(tmp_path / "variables"), "-w", "/tmp", "-h", "box",
        "-u", "1234:5", "-v", f"{shared}:/in:ro", "--read-only", "--tmpfs", "/t:mode=1777",
        "--entrypoint", "sh", "busybox", "-c", script,
    )  # fmt: skip
    assert done.stdout.decode() == "b one two\n/tmp\nbox\n1234\nfrom outsidez\n"
    assert done.stderr.decode().count("Read-only file system") == 2


def test_changes_stay_with_their_container(machine: Machine) -> None:
    for name in ("one", "two"):
        machine.ok(
            "run", "--name", name, "busybox", "sh", "-c", f"cat /own 2>/dev/null; echo {name} >> /own; cat /own"
        )
    assert machine.ok("start", "-a", "one") == "one\none\none\n"
    assert machine.ok("start", "-a", "two") == "two\ntwo\ntwo\n"
    assert machine("run", "--rm", "busybox", "cat", "/own").returncode == 1


def test_create_start_inspect_rename_remove(machine: Machine) -> None:
    key = machine.ok("create", "--name", "one", "-l", "team=blue", "-i", "busybox", "cat")
    assert ID.match(key)
    assert machine.ok("start", "-a", "-i", key[:12].strip(), stdin=b"hello") == "hello"
    (document,) = json.loads(machine.ok("inspect", "one"))
    assert document["Id"] == key.strip()
    assert document["State"]["Status"] == "exited"
    assert document["Config"]["Labels"] == {"team": "blue"}
    assert (
        machine.ok("container", "inspect", "-f", "{{.Name}} {{.Path}} {{.State.ExitCode}}", "one")
        == "/one cat 0\n"
    )
    machine.ok("rename", "one", "other")
    taken = machine("create", "--name", "other", "busybox")
    assert taken.returncode == 1
    assert f'"/other" is already in use by container "{key.strip()}"' in taken.stderr.decode()
    assert machine.ok("rm", "other") == "other\n"
    assert machine("rm", "other").stderr == b"shale: no such container: other\n"
    assert machine("rm", "-f", "other").returncode == 0


def test_a_cidfile(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "id"
    machine.ok("run", "--cidfile", str(file), "--name", "one", "busybox", "true")
    assert file.read_text() + "\n" == machine.ok("ps", "-aq", "--no-trunc")
    again = machine("run", "--rm", "--cidfile", str(file), "busybox", "true")
    assert again.returncode == 125
    assert "container ID file found" in again.stderr.decode()
    assert (
        machine("run", "--rm", "--cidfile", str(tmp_path / "new"), "--pull", "never", "nosuch").returncode
        == 125
    )
    assert not (tmp_path / "new").exists()


def test_signals_are_the_containers(machine: Machine) -> None:
    script = "trap 'echo got; exit 42' TERM; echo ready; while :; do sleep 0.05; done"
    child = machine.begin("busybox", "sh", "-c", script, name="one")
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    child.terminate()
    out, _ = child.communicate(timeout=30)
    assert (child.returncode, out) == (42, b"got\n")


def test_who_insists_ends_a_container_that_does_not_listen(machine: Machine) -> None:
    child = machine.begin("busybox", "sleep", "600", name="one")
    for _ in range(3):
        child.send_signal(signal.SIGINT)
        time.sleep(0.1)
    out, _ = child.communicate(timeout=30)
    assert child.returncode == 137
    assert out == b"shale: got 3 SIGTERM/SIGINTs, ending the container\n"


def test_other_processes_see_wait_for_stop_and_kill_it(machine: Machine) -> None:
    child = machine.begin("busybox", "sleep", "600", name="one")
    assert re.search(r'"sleep 600" .* Up .* one\n', machine.ok("ps"))
    refused = machine("rm", "one")
    assert refused.returncode == 1
    assert "container is running: stop the container before removing or force remove" in refused.stderr.decode()
    with subprocess.Popen(machine.argv("wait", "one"), stdout=subprocess.PIPE) as waiting:
        assert machine.ok("stop", "-t", "0", "one") == "one\n"
        assert waiting.communicate(timeout=30)[0] == b"137\n"
    assert child.wait(30) == 137
    assert machine("kill", "one").stderr.decode().endswith("is not running\n")
    assert re.search(r"Exited \(137\) .* ago", machine.ok("ps", "-a", "--filter", "exited=137"))


def test_device_nodes_of_an_image_have_no_effect(machine: Machine) -> None:
    makes = "mknod /odd c 1 3 && cat /odd"
    assert machine.ok("run", "--name", "maker", "--cap-add", "MKNOD", "busybox", "sh", "-c", makes) == ""
    machine.ok("commit", "maker", "odd")
    try:
        refused = machine("run", "--rm", "odd", "cat", "/odd")
        assert (refused.returncode, refused.stderr) == (1, b"cat: can't open '/odd': Permission denied\n")
        assert machine.ok("run", "--rm", "odd", "sh", "-c", "cat /dev/null > /dev/null") == ""
        assert machine.ok("run", "--rm", "--privileged", "odd", "cat", "/odd") == ""
    finally:
        machine.ok("rmi", "odd")


def on_terminal(machine: Machine, *arguments: str) -> tuple[int, int]:
    """Start the command on a terminal of its own; its process, and the end of whoever types."""
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover - the other process
        argv = machine.argv(*arguments)
        os.execv(argv[0], argv)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 99, 0, 0))
    return process, terminal


def read_until(terminal: int, wanted: bytes) -> bytes:
    seen = b""
    deadline = time.monotonic() + 60
    while wanted not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
    assert wanted in seen, seen
    return seen


def test_a_terminal_with_its_size_its_keys_and_its_mode(machine: Machine) -> None:
    process, terminal = on_terminal(machine, "run", "--rm", "-it", "--name", "one", "busybox", "sh")
    before = termios.tcgetattr(terminal)
    read_until(terminal, b"# ")
    os.write(terminal, b"stty size; tty\r")
    seen = read_until(terminal, b"/dev/pts/0")
    assert b"31 99" in seen
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    os.kill(process, signal.SIGWINCH)
    os.write(terminal, b"sleep 0.3; stty size\r")
    read_until(terminal, b"40 80")
    os.write(terminal, b"sleep 600\r")
    time.sleep(0.3)
    os.write(terminal, b"\x03")
    os.write(terminal, b"echo code $?; exit 5\r")
    read_until(terminal, b"code 130")
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 5
    assert termios.tcgetattr(terminal) == before
    os.close(terminal)


def test_a_terminal_where_the_caller_has_none(machine: Machine) -> None:
    assert (
        machine.ok("run", "--rm", "-t", "busybox", "sh", "-c", "tty; echo err >&2") == "/dev/pts/0\r\nerr\r\n"
    )
    refused = machine("run", "--rm", "-it", "busybox", "true")
    assert "stdin is not a terminal" in refused.stderr.decode()


def test_a_supervisor_that_was_killed(machine: Machine) -> None:
    child = machine.begin("busybox", "sleep", "600", name="one")
    child.kill()
    child.communicate()
    assert machine.state("one") == "running"
    assert re.search(r" Up .* one\n", machine.ok("ps"))
    machine.ok("kill", "one")
    until(lambda: machine.state("one") == "exited")
    assert re.search(r"Exited \(255\) .* ago +one\n", machine.ok("ps", "-a"))


def test_what_a_killed_run_with_rm_left_goes_with_the_next_command(machine: Machine) -> None:
    child = machine.begin("--rm", "busybox", "sleep", "600", name="one")
    child.kill()
    child.communicate()
    assert machine.names() == ["one"]
    machine.ok("kill", "one")
    until(lambda: machine.names() == [])
    assert leftovers(machine.root) == []


def test_a_first_process_that_was_killed(machine: Machine) -> None:
    child = machine.begin("busybox", "sleep", "600", name="one")
    os.kill(int(machine.ok("inspect", "-f", "{{.State.Pid}}", "one")), signal.SIGKILL)
    assert child.wait(30) == 137
    assert machine.state("one") == "exited"


def test_prune_takes_what_does_not_run(machine: Machine) -> None:
    machine.ok("create", "--name", "made", "-l", "keep=1", "busybox")
    machine.ok("run", "--name", "ended", "busybox", "sh", "-c", "head -c 1500 /dev/zero > /file")
    machine.begin("busybox", "sleep", "600", name="running")
    out = machine.ok("container", "prune", "-f", "--filter", "label!=keep")
    assert re.fullmatch(r"Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: 1\.5kB\n", out)
    assert sorted(machine.names()) == ["made", "running"]
    machine.ok("container", "prune", "--force")
    assert machine.names() == ["running"]
    assert machine.ok("container", "prune", "-f") == "Total reclaimed space: 0B\n"


def test_an_image_that_a_container_has_is_kept(machine: Machine) -> None:
    machine.ok("create", "--name", "one", "busybox")
    refused = machine("rmi", "busybox")
    assert refused.returncode == 1
    assert "is using its referenced image" in refused.stderr.decode()
    assert machine.ok("ps", "-a", "--filter", "ancestor=busybox", "--format", "{{.Names}}") == "one\n"
