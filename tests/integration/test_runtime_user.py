"""Containers of an ordinary user: a user namespace, the ranges that the user was given, or one id alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ordinary_user import NOBODY, OrdinaryUser, ordinary_user

pytestmark = pytest.mark.peer

GUEST = """
import json, os, sys
from pathlib import Path
from shale.linux.namespaces import enter_user_namespace
note = enter_user_namespace(os.environ).note
from container_ground import Box, leftovers, make_root
from shale.errors import ShaleError
from shale.runtime.crun_runc import OciRuntime, Program
from shale.runtime.wishes import decode_wishes
folder = Path(os.environ["HOME"], "box")
if not folder.exists():
    make_root(folder / "rootfs")
box = Box(OciRuntime(Program(sys.argv[1], sys.argv[2], ""), os.environ), folder)
try:
    ended = box.run(*sys.argv[4:], wishes=decode_wishes(sys.argv[3]))
    answer = {"code": ended.code, "out": ended.out, "err": ended.err, "cgroup": ended.prepared.cgroup}
except ShaleError as error:
    answer = {"error": type(error).__name__, "message": error.message}
print(json.dumps(answer | {"note": note, "left": leftovers(box)}))
"""


def contain(
    user: OrdinaryUser, *args: str, wishes: str = "{}", program: str = "/usr/sbin/runc"
) -> dict[str, Any]:
    """Run a container as the user, and tell what came of it."""
    done = user.run([sys.executable, "-c", GUEST, os.path.basename(program), program, wishes, *args])
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer.pop("left") == []
    return answer


@pytest.fixture(params=["nobody:300000:65536\n", ""], ids=["ranges", "alone"])
def user(request: pytest.FixtureRequest) -> Iterator[OrdinaryUser]:
    with ordinary_user(request.param) as user:
        yield user


@pytest.fixture
def user_with_ranges() -> Iterator[OrdinaryUser]:
    with ordinary_user() as user:
        yield user


def test_a_container_is_as_tame_as_root_s(user: OrdinaryUser) -> None:
    answer = contain(user, "cat", "/proc/self/status", "/proc/self/uid_map")
    assert answer["code"] == 0, answer
    lines = dict(line.split(":", 1) for line in answer["out"].splitlines() if ":" in line)
    assert lines["Uid"].split() == ["0"] * 4
    assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == 0x800405FB
    assert int(lines["CapInh"], 16) == int(lines["CapAmb"], 16) == 0
    assert (lines["NoNewPrivs"].strip(), lines["Seccomp"].strip()) == ("1", "2")
    assert str(NOBODY) in answer["out"].splitlines()[-2 if user.ranges else -1]
    assert ("/etc/subuid" in answer["note"]) is not bool(user.ranges)


def test_files_belong_to_the_user_outside(user: OrdinaryUser) -> None:
    assert contain(user, "sh", "-c", "echo mine > /tmp/file")["code"] == 0
    status = (user.home / "box/rootfs/tmp/file").stat()
    assert (status.st_uid, status.st_gid) == (NOBODY, NOBODY)


def test_other_users_of_an_image(user_with_ranges: OrdinaryUser) -> None:
    script = "touch /tmp/file; id -u; grep Groups /proc/self/status"
    answer = contain(user_with_ranges, "sh", "-c", script, wishes='{"user": "web"}')
    assert answer["out"].split() == ["33", "Groups:", "6", "33"]
    assert (user_with_ranges.home / "box/rootfs/tmp/file").stat().st_uid == 300000 + 32


def test_other_users_do_not_exist_without_ranges() -> None:
    with ordinary_user("") as user:
        answer = contain(user, "true", wishes='{"user": "web"}')
    assert answer["error"] == "InvalidUser"
    assert "no range of ids" in answer["message"]


def test_ids_end_where_the_ranges_end(user_with_ranges: OrdinaryUser) -> None:
    assert contain(user_with_ranges, "id", "-u", wishes='{"user": "65536"}')["out"] == "65536\n"
    answer = contain(user_with_ranges, "true", wishes='{"user": "65537"}')
    assert "end at 65536" in answer["message"]


@pytest.mark.parametrize(
    "command",
    ["mknod /tmp/disk b 8 0", "mount -t tmpfs none /tmp", "unshare -U true", "echo 1 > /proc/sys/vm/swappiness",
     "mkdir /sys/fs/cgroup/pids/x"],
)  # fmt: skip
def test_what_it_may_not_do(user_with_ranges: OrdinaryUser, command: str) -> None:
    assert contain(user_with_ranges, "sh", "-c", command)["code"] != 0


def test_the_host_s_network_and_its_sysfs(user: OrdinaryUser) -> None:
    script = "readlink /proc/self/ns/net; ls /sys/kernel | wc -l; touch /sys/x"
    answer = contain(user, "sh", "-c", script, wishes='{"network": "host"}')
    assert answer["out"].split() == [os.readlink("/proc/self/ns/net"), "0"]
    assert "/sys/x: Read-only" in answer["err"]
    answer = contain(user, "cat", "/proc/self/mountinfo", wishes='{"network": "host"}')
    mounts = [line.split() for line in answer["out"].splitlines()]
    assert [one[4] for one in mounts if one[4].startswith("/sys/") and "rw" in one[5].split(",")] == []


def test_folders_of_the_user(user: OrdinaryUser) -> None:
    (user.home / "data").mkdir()
    os.chown(user.home / "data", NOBODY, NOBODY)
    mount = {"type": "bind", "source": str(user.home / "data"), "target": "/data"}
    wishes = json.dumps({"mounts": [mount, mount | {"target": "/locked", "read_only": True},
                                    {"type": "tmpfs", "target": "/scratch", "size": 4096}]})  # fmt: skip
    answer = contain(user, "sh", "-c", "touch /data/x /scratch/y; touch /locked/z", wishes=wishes)
    assert "/locked/z: Read-only" in answer["err"]
    assert os.listdir(user.home / "data") == ["x"]


def test_a_folder_that_the_user_may_not_read(user_with_ranges: OrdinaryUser) -> None:
    wishes = '{"mounts": [{"type": "bind", "source": "/root/x", "target": "/data"}]}'
    assert contain(user_with_ranges, "true", wishes=wishes)["error"] == "SourceMissing"
    # /etc/shadow is seen by its name, and not read.
    wishes = '{"mounts": [{"type": "bind", "source": "/etc/shadow", "target": "/data"}]}'
    assert "Permission denied" in contain(user_with_ranges, "cat", "/data", wishes=wishes)["err"]


def test_the_unlimited_container_of_a_user_is_no_root_outside(user_with_ranges: OrdinaryUser) -> None:
    answer = contain(user_with_ranges, "sh", "-c", "id -u; cat /dev/kmsg", wishes='{"privileged": true}')
    assert answer["out"].split() == ["0"]
    assert answer["code"] != 0


@contextmanager
def delegated_group() -> Iterator[Path]:
    """A control group of version 2 that was delegated to the user, with this very process in a leaf of it."""
    mount = Path("/sys/fs/cgroup/unified")
    group = mount / f"shale-delegated-{os.getpid()}"
    own = Path("/proc/self/cgroup").read_text().splitlines()[-1].removeprefix("0::")
    (group / "leaf").mkdir(parents=True)
    try:
        for path in (group, group / "leaf"):
            for name in (".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
                os.chown(path / name, NOBODY, NOBODY)
        (group / "leaf/cgroup.procs").write_text(str(os.getpid()))
        yield group
    finally:
        (mount / own[1:] / "cgroup.procs").write_text(str(os.getpid()))
        (group / "leaf").rmdir()
        group.rmdir()


def only_version_2() -> None:
    subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=True)


def test_crun_where_there_is_only_version_2() -> None:
    with ordinary_user(scene=only_version_2) as user:
        answer = contain(user, "sh", "-c", "cat /proc/self/mounts; exit 5", program="/usr/bin/crun")
        assert answer["code"] == 5, answer
        assert "cgroup2 /sys/fs/cgroup cgroup2 ro" in answer["out"]
        assert contain(user, "sh", "-c", "exit 1", program="/usr/bin/crun")["code"] == 1
        assert contain(user, "nope", program="/usr/bin/crun")["error"] == "CommandNotFound"
        assert contain(user, "/etc/passwd", program="/usr/bin/crun")["error"] == "CommandNotExecutable"


@pytest.mark.parametrize("program", ["/usr/bin/crun", "/usr/sbin/runc"])
def test_a_group_that_was_delegated_is_used(program: str) -> None:
    with delegated_group() as group, ordinary_user(scene=only_version_2) as user:
        answer = contain(user, "cat", "/proc/self/cgroup", program=program)
        assert answer["code"] == 0, answer
        assert answer["cgroup"].startswith(f"/{group.name}/shale-")
        assert sorted(path.name for path in group.iterdir() if path.is_dir()) == ["leaf"]


def test_the_command_becomes_root_and_keeps_its_store(user: OrdinaryUser) -> None:
    done = user.shale("unshare", "sh", "-c", "id -u; cat /proc/self/uid_map; exit 7")
    assert done.returncode == 7
    assert done.stdout.split()[:4] == [b"0", b"0", str(NOBODY).encode(), b"1"]
    assert (b"/etc/subuid" in done.stderr) is not bool(user.ranges)
    nested = f"{sys.executable} -m shale system df && {sys.executable} -m shale info | grep Root:"
    done = user.shale("unshare", "sh", "-c", nested)
    assert done.returncode == 0, done.stderr
    assert f" Root: {user.home}/.local/share/shale\n" in done.stdout.decode()
    assert (user.home / ".local/share/shale/shale.db").stat().st_uid == NOBODY


def test_a_claim_to_be_a_user_moves_no_store_of_root() -> None:
    shale = [sys.executable, "-m", "shale", "--help"]
    assert subprocess.run(shale, check=False, capture_output=True).returncode == 0
    with ordinary_user() as user:
        # In a namespace that somebody else made, root is root, whatever the variable says.
        code = "import os; from shale.linux.outside import outer_user; print(outer_user(os.environ))"
        inside = ["unshare", "--user", "--map-root-user", sys.executable, "-c", code]
        assert user.run(inside, env={"SHALE_USER_NAMESPACE": "1234"}).stdout == b"0\n"
        assert user.run(inside).stdout == b"0\n"


@pytest.mark.parametrize(
    ("words", "code"), [(["nope"], 127), (["/etc/passwd"], 126), (["sh", "-c", "kill -TERM $$"], -15)]
)
def test_how_a_command_in_the_namespace_ends(user: OrdinaryUser, words: list[str], code: int) -> None:
    assert user.shale("unshare", *words).returncode == code


def test_ranges_that_the_system_refuses() -> None:
    with ordinary_user("nobody:300000:65536\nnobody:300005:5\n") as user:
        done = user.shale("unshare", "true")
    assert done.returncode == 1
    assert b"/etc/subuid" in done.stderr
    assert b"Traceback" not in done.stderr
