"""Control groups: what there is, where a container's can be, and taking away what is left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from shale.linux.cgroup import CgroupMode, Cgroups, Hierarchy, parse_cgroups, read_cgroups, remove_cgroup

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:3 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
)
MEMBERSHIP = "5:cpu,cpuacct:/own\n3:pids:/\n1:name=systemd:/user.slice/a:b\n0::/unified\n"


def test_version_2() -> None:
    cgroups = parse_cgroups(V2, "0::/user.slice/x.scope\n")
    assert cgroups.mode is CgroupMode.V2
    assert cgroups.hierarchies == (Hierarchy("/sys/fs/cgroup", frozenset(), True, "/user.slice/x.scope"),)


def test_version_1() -> None:
    cgroups = parse_cgroups(V1, MEMBERSHIP)
    assert cgroups.mode is CgroupMode.V1
    assert [(one.mount, one.controllers, one.own) for one in cgroups.hierarchies] == [
        ("/sys/fs/cgroup/cpu,cpuacct", frozenset({"cpu", "cpuacct"}), "/own"),
        ("/sys/fs/cgroup/pids", frozenset({"pids"}), "/"),
        ("/sys/fs/cgroup/systemd", frozenset({"name=systemd"}), "/user.slice/a:b"),
    ]
    placed = cgroups.place("box", privileged=True)
    assert placed.path == "/box"
    assert {"cpu", "pids"} <= placed.controllers


def test_a_hybrid_and_none() -> None:
    both = V1 + V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
    assert parse_cgroups(both, MEMBERSHIP).mode is CgroupMode.HYBRID
    none = parse_cgroups("", "")
    assert none.mode is CgroupMode.NONE
    assert none.place("box", privileged=True).path == ""


def test_a_user_has_nothing_in_version_1() -> None:
    placed = parse_cgroups(V1, MEMBERSHIP).place("box", privileged=False)
    assert (placed.path, placed.controllers) == ("", frozenset())
    assert "user" in placed.note


def tree(mount: Path, own: str) -> Cgroups:
    """A tree of version 2 that is made of plain files."""
    return Cgroups((Hierarchy(str(mount), frozenset(), True, own),))


def group(folder: Path, controllers: str, *, procs: str = "", below: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").write_text(procs)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(below)


def test_a_user_gets_the_highest_group_that_was_delegated(tmp_path: Path) -> None:
    group(tmp_path / "slice", "cpu io memory pids")
    group(tmp_path / "slice/user", "cpu memory pids")
    group(tmp_path / "slice/user/app", "pids", procs="1\n")
    (tmp_path / "slice/cgroup.procs").unlink()  # so that it cannot be written, for root neither
    placed = tree(tmp_path, "/slice/user/app").place("box", privileged=False)
    assert placed.path == "/slice/user/box"
    assert placed.controllers == {"cpu", "memory", "pids"}
    assert placed.note == ""


def test_a_group_with_processes_gives_only_what_it_hands_on(tmp_path: Path) -> None:
    group(tmp_path / "user", "cpu pids", procs="1\n", below="cpu")
    placed = tree(tmp_path, "/user").place("box", privileged=False)
    assert placed.controllers == {"cpu"}
    assert "pids" in placed.note


def test_nothing_was_delegated(tmp_path: Path) -> None:
    placed = tree(tmp_path, "/").place("box", privileged=False)
    assert placed.path == ""
    assert "delegated" in placed.note


@pytest.fixture
def real() -> Cgroups:
    cgroups = read_cgroups()
    assert cgroups.mode is not CgroupMode.NONE
    return cgroups


def test_what_is_left_is_killed_and_removed(real: Cgroups) -> None:
    path = f"/shale-test-{os.getpid()}"
    for one in real.hierarchies:
        os.makedirs(f"{one.mount}{path}/inner")
    process = subprocess.Popen(["sleep", "1000"])
    try:
        for one in real.hierarchies:
            if "cpuset" not in one.controllers:  # has no processors before somebody gives it some
                Path(f"{one.mount}{path}/inner/cgroup.procs").write_text(str(process.pid))
        remove_cgroup(real, path)
        assert process.wait(10) == -9
    finally:
        process.kill()
        process.wait()
    assert not [one for one in real.hierarchies if os.path.exists(one.mount + path)]
    remove_cgroup(real, path)


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_the_root_is_never_removed(tmp_path: Path, path: str) -> None:
    (tmp_path / "somebody").mkdir()
    remove_cgroup(tree(tmp_path, "/"), path)
    assert (tmp_path / "somebody").is_dir()
