"""Containers run by the real runc, from a folder: what they see, what they may do, how they end."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_ground import Box, leftovers, make_root
from shale.oci.config import Execution
from shale.runtime.crun_runc import OciRuntime, Program
from shale.runtime.driver import CommandNotFound, Streams
from shale.runtime.wishes import (
    BindMount,
    DeviceWish,
    Network,
    ResourceLimit,
    RunWishes,
    TmpfsMount,
    VolumeMount,
)

pytestmark = pytest.mark.peer


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    folder = tmp_path / "container"
    make_root(folder / "rootfs")
    box = Box(OciRuntime(Program("runc", "/usr/sbin/runc", ""), os.environ), folder)
    yield box
    assert leftovers(box) == []


@pytest.mark.parametrize("code", [0, 1, 7, 125, 126, 127, 255])
def test_exit_codes_are_the_container_s(box: Box, code: int) -> None:
    ended = box.run("sh", "-c", f"echo out; echo err >&2; exit {code}")
    assert (ended.code, ended.out, ended.err) == (code, "out\n", "err\n")


def test_a_signal_that_ends_it_is_told(box: Box) -> None:
    assert box.run("sh", "-c", "sh -c 'kill -TERM $$'; exit $?").code == 143
    # The first process of a PID namespace is only ended from outside; an out-of-memory kill would look so.
    assert box.run("sh", "-c", "ulimit -t 1; while :; do :; done").code == 137


def test_input_and_environment(box: Box) -> None:
    box.image = Execution(env=("A=image", "B=image", "JUNK", "=x"), entrypoint=("sh", "-c"), cmd=("false",))
    ended = box.run("cat; env", wishes=RunWishes(env=("B=wish", "C=x\ny", "HOSTNAME")), stdin=b"given\n")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == "given"
    assert {"A=image", "B=wish", "HOME=/root", "C=x", "y"} <= set(lines)
    assert not any(line.startswith(("HOSTNAME=", "JUNK", "NOTIFY_SOCKET=")) for line in lines)


def test_a_command_that_is_not_there_never_began(box: Box) -> None:
    with pytest.raises(CommandNotFound, match="nope"):
        box.run("nope")
    assert not box.pid_file.exists()


def status(box: Box, wishes: RunWishes | None = None) -> dict[str, str]:
    ended = box.run("cat", "/proc/self/status", wishes=wishes)
    assert ended.code == 0, ended.err
    return {key: value.strip() for key, _, value in (line.partition(":") for line in ended.out.splitlines())}


def test_the_first_process_is_held_back(box: Box) -> None:
    facts = status(box)
    expected = sum(1 << bit for bit in (0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31))
    for name in ("CapBnd", "CapPrm", "CapEff"):
        assert int(facts[name], 16) == expected
    assert facts["CapInh"] == facts["CapAmb"] == "0000000000000000"
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    assert facts["Umask"] == "0022"


def test_a_user_has_no_capabilities_but_its_groups(box: Box) -> None:
    facts = status(box, RunWishes(user="web"))
    assert facts["Uid"].split() == ["33"] * 4
    assert facts["Groups"].split() == ["6", "33"]
    assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0


def test_wishes_loosen_one_thing_each(box: Box) -> None:
    assert status(box, RunWishes(no_new_privileges=False))["NoNewPrivs"] == "0"
    assert status(box, RunWishes(seccomp="unconfined"))["Seccomp"] == "0"
    assert int(status(box, RunWishes(cap_drop=("ALL",), cap_add=("net_raw",)))["CapEff"], 16) == 1 << 13
    own = Path("/proc/self/status").read_text()
    everything = re.search(r"CapBnd:\s*(\w+)", own)
    assert everything
    facts = status(box, RunWishes(privileged=True))
    assert (facts["CapEff"], facts["Seccomp"], facts["NoNewPrivs"]) == (everything[1], "0", "0")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("mount -t tmpfs none /tmp", "denied|permitted"),
        ("unshare -m true", "permitted"),
        ("unshare -U true", "permitted"),
        ("mknod /tmp/disk b 8 0", "permitted"),
        ("echo 1 > /proc/sys/vm/overcommit_memory", "Read-only"),
        ("echo 1 > /proc/irq/default_smp_affinity", "Read-only"),
        ("touch /sys/fs/cgroup/x", "Read-only"),
        ("mkdir /sys/fs/cgroup/pids/x", "Read-only"),
        ("mkdir /sys/fs/cgroup/memory/x", "Read-only"),
    ],
)
def test_what_a_container_may_not_do(box: Box, command: str, message: str) -> None:
    ended = box.run("sh", "-c", command)
    assert ended.code != 0
    assert re.search(message, ended.err), ended.err


def test_what_is_masked_is_empty(box: Box) -> None:
    script = "cd /proc; wc -c < interrupts; wc -c < keys; wc -c < timer_list; ls /sys/firmware"
    ended = box.run("sh", "-c", script)
    assert ended.out.split() == ["0", "0", "0"], ended.err


def test_namespaces_are_its_own(box: Box) -> None:
    def seen(wishes: RunWishes) -> dict[str, str]:
        script = "cd /proc/self/ns; for n in *; do echo $n $(readlink $n); done"
        ended = box.run("sh", "-c", script, wishes=wishes)
        return dict(line.split(" ", 1) for line in ended.out.splitlines())

    own = {name: os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")}
    shared = {name for name, value in seen(RunWishes()).items() if own[name] == value}
    assert shared == {"user", "time", "time_for_children"}
    with_network = seen(RunWishes(network=Network.HOST))
    assert with_network["net"] == own["net"]


def test_no_mount_leads_back(box: Box) -> None:
    ended = box.run("cat", "/proc/self/mountinfo")
    assert ended.code == 0
    assert "shared:" not in ended.out
    tops = [line.split() for line in ended.out.splitlines() if line.split()[4] == "/"]
    assert len(tops) == 1


def test_the_network_of_none_has_a_loopback_that_works(box: Box) -> None:
    script = (
        "cat /proc/net/dev | tail -n +3 | wc -l; cat /proc/sys/net/ipv4/ping_group_range;"
        "nc -l -p 80 & "
        "for i in 1 2 3 4 5 6 7 8 9; do grep ':0050 .* 0A ' /proc/net/tcp* && exit 0; sleep 0.3; done; exit 9"
    )
    ended = box.run("sh", "-c", script, wishes=RunWishes(user="1000"))
    assert ended.code == 0, ended.err
    assert ended.out.split()[:3] == ["1", "0", "2147483647"]


def test_names_of_hosts(box: Box) -> None:
    wishes = RunWishes(
        hostname="db", domainname="example", extra_hosts=(("cache", "10.0.0.7"),), dns=("9.9.9.9",)
    )  # fmt: skip
    ended = box.run("sh", "-c", "hostname; cat /etc/hostname /etc/resolv.conf /etc/hosts", wishes=wishes)
    assert ended.out.startswith("db\ndb\nnameserver 9.9.9.9\n127.0.0.1\tlocalhost\n")
    assert "10.0.0.7\tcache\n127.0.0.1\tdb.example db\n" in ended.out
    assert box.run("hostname").out == box.id[:12] + "\n"
    assert box.run("hostname", wishes=RunWishes(network=Network.HOST)).out == os.uname().nodename + "\n"


def test_limits(box: Box) -> None:
    wishes = RunWishes(pids_limit=64, ulimits=(ResourceLimit(name="fsize", soft=4096, hard=8192),))
    script = "ulimit -Sn; ulimit -c; ulimit -Hf; cat /sys/fs/cgroup/pids/pids.max"
    ended = box.run("sh", "-c", script, wishes=wishes)
    assert ended.out.split() == ["1024", "0", "16", "64"], ended.err
    assert box.run("cat", "/sys/fs/cgroup/pids/pids.max").out == "2048\n"


def test_a_root_that_cannot_be_written(box: Box) -> None:
    wishes = RunWishes(read_only=True, mounts=(TmpfsMount(target="/tmp"), VolumeMount(target="/var/www")))
    ended = box.run("sh", "-c", "touch /tmp/a /var/www/b /dev/shm/c && touch /d", wishes=wishes)
    assert ended.code == 1
    assert "/d: Read-only" in ended.err


@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
def test_nor_can_the_files_that_are_ours(box: Box, name: str) -> None:
    ended = box.run("sh", "-c", f"echo more >> /etc/{name}", wishes=RunWishes(read_only=True))
    assert ended.code == 1
    assert f"/etc/{name}: Read-only" in ended.err
    assert box.run("sh", "-c", f"echo more >> /etc/{name}").code == 0


def test_device_nodes_in_a_volume_have_no_effect(box: Box) -> None:
    wishes = RunWishes(mounts=(VolumeMount(target="/var/www"),), cap_add=("MKNOD",))
    ended = box.run("sh", "-c", "mknod /var/www/null c 1 3 && cat /var/www/null", wishes=wishes)
    assert (ended.code, ended.err) == (1, "cat: can't open '/var/www/null': Permission denied\n")


def test_folders_of_the_host(box: Box, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host/file").write_text("from outside")
    wishes = RunWishes(
        mounts=(
            BindMount(source=str(tmp_path / "host"), target="/data"),
            BindMount(source=str(tmp_path / "host"), target="/locked", read_only=True),
            BindMount(source=str(tmp_path / "host/file"), target="/etc/new/file"),
            BindMount(source=str(tmp_path / "made"), target="/made", create=True),
        )
    )
    script = "cat /data/file /etc/new/file; echo in > /data/inside; touch /made/x; echo no > /locked/no"
    ended = box.run("sh", "-c", script, wishes=wishes)
    assert ended.code == 1
    assert ended.out == "from outsidefrom outside"
    assert "/locked/no: Read-only" in ended.err
    assert (tmp_path / "host/inside").read_text() == "in\n"
    assert (tmp_path / "made/x").exists()
    assert set(ended.prepared.made) >= {"/proc", "/dev", "/sys", "/data", "/locked", "/made", "/etc/new"}
    assert (box.root / "etc/new/file").read_text() == ""


def test_tmpfs_takes_what_it_is_told(box: Box) -> None:
    wishes = RunWishes(
        mounts=(TmpfsMount(target="/scratch", size=65536, mode=0o700, options=("exec",)),
                TmpfsMount(target="/dev/own", size=4096, read_only=True))
    )  # fmt: skip
    ended = box.run("grep", "-E", " /(scratch|dev/own) ", "/proc/self/mounts", wishes=wishes)
    scratch, own = sorted(ended.out.splitlines(), key=lambda line: "own" in line)
    assert "size=64k" in scratch
    assert "nosuid,nodev" in scratch
    assert "noexec" not in scratch
    assert " ro" in own


def test_no_descriptor_of_the_host_is_open(box: Box) -> None:
    """CVE-2024-21626: the first process has its three streams, which are the runtime's pipes, and no more."""
    ended = box.run("sh", "-c", "ls /proc/1/fd; cd /proc/1/fd; for fd in *; do readlink $fd; done")
    assert ended.out.split()[:3] == ["0", "1", "2"]
    opened = set(ended.out.split()[3:]) - {"3", "10"}
    assert all(one.startswith("pipe:") for one in opened), opened


def test_devices(box: Box) -> None:
    assert box.run("ls", "/dev").out.split() == [
        "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout",
        "tty", "urandom", "zero",
    ]  # fmt: skip
    wishes = RunWishes(devices=(DeviceWish(source="/dev/loop-control", target="/dev/mine", permissions="r"),))
    ended = box.run("sh", "-c", "stat -c %t:%T /dev/mine; cat < /dev/mine; echo x > /dev/mine", wishes=wishes)
    assert ended.out.splitlines()[0] == "a:ed"
    assert "can't create /dev/mine" in ended.err
    # A node of a device that was not asked for can be made with the capability, and not be opened.
    wishes = RunWishes(cap_add=("mknod",))
    ended = box.run("sh", "-c", "mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg", wishes=wishes)
    assert "Operation not permitted" in ended.err


def test_where_it_begins(box: Box) -> None:
    box.image = Execution(working_dir="srv/app", user="web")
    (box.root / "srv").symlink_to("/var")
    ended = box.run("sh", "-c", "pwd; id -un")
    assert ended.out == "/var/app\nweb\n"
    assert (box.root / "var/app").is_dir()
    assert box.run("pwd", wishes=RunWishes(workdir="/sys")).out == "/sys\n"


def test_an_init_reaps_and_passes_signals_on(box: Box) -> None:
    ended = box.run("sh", "-c", "cat /proc/1/comm; kill -TERM $$", wishes=RunWishes(init=True))
    assert ended.out.strip() in ("init", "catatonit", "docker-init", "tini-static", "dumb-init")
    assert ended.code == 143


def test_a_terminal(box: Box) -> None:
    """A container's terminal is its own; the one that it is shown on says when its size changes."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 11, 33, 0, 0))
    # The runtime tells the terminal its size when the container runs already, which is news of it too.
    script = (
        "until [ \"$(stty size 2>/dev/null)\" = '11 33' ]; do sleep 0.01; done; "
        "trap 'stty size; exit 5' WINCH; "
        "tty; stty size; echo err >&2; while :; do sleep 0.05; done"
    )
    try:
        wishes = RunWishes(args=("sh", "-c", script), tty=True)
        running, _ = box.start(wishes, Streams(theirs, theirs, theirs))
        assert read_until(ours, "err") == "/dev/pts/0\r\n11 33\r\nerr\r\n"
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("4H", 22, 44, 0, 0))
        running.signal(signal.SIGWINCH)
        assert running.wait() == 5
        assert read_until(ours, "44") == "22 44\r\n"
    finally:
        os.close(theirs)
        os.close(ours)
        box.driver.delete(box.state, box.id)


def test_what_is_typed(box: Box) -> None:
    ours, theirs = os.openpty()
    try:
        script = "trap 'exit 4' INT; read line; echo got $line; while :; do sleep 0.05; done"
        wishes = RunWishes(args=("sh", "-c", script), tty=True, interactive=True)
        running, _ = box.start(wishes, Streams(theirs, theirs, theirs))
        os.write(ours, b"words\n")
        assert "got words" in read_until(ours, "got words")
        os.write(ours, b"\x03")
        assert running.wait() == 4
    finally:
        os.close(theirs)
        os.close(ours)
        box.driver.delete(box.state, box.id)


def read_until(terminal: int, word: str) -> str:
    """What a terminal shows, up to the end of the line with a word."""
    shown = ""
    while not (word in shown and shown.endswith("\n")):
        ready, _, _ = select.select([terminal], [], [], 20)
        assert ready, shown
        shown += os.read(terminal, 4096).decode()
    return shown
