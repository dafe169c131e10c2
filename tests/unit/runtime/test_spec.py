"""The runtime spec: safe unless asked otherwise, and never what an image alone says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from shale.linux.cgroup import Cgroups, Hierarchy, Placement
from shale.linux.idmap import IdRange, IdTable
from shale.runtime.capabilities import ALL, DEFAULT
from shale.runtime.devices import Device
from shale.runtime.host import Host
from shale.runtime.spec import LateMount, Subject, make_spec
from shale.runtime.users import ContainerUser
from shale.runtime.wishes import Network, ResourceLimit, RunWishes

EVERYBODY = IdTable((IdRange(0, 0, 2**32 - 1),))
UNIFIED = Cgroups((Hierarchy("/sys/fs/cgroup", frozenset(), True, "/"),))
SEVERAL = Cgroups((Hierarchy("/sys/fs/cgroup/pids", frozenset({"pids"}), False, "/"),))
HOST = Host(
    architecture="amd64",
    kernel=(6, 1),
    capabilities=frozenset(ALL),
    users=EVERYBODY,
    groups=EVERYBODY,
    cgroups=UNIFIED,
    open_files=1_048_576,
)
RANGES = IdTable((IdRange(0, 1000, 1), IdRange(1, 100000, 65536)))
USER_HOST = replace(HOST, users=RANGES, groups=RANGES)


def subject(wishes: RunWishes | None = None, **changes: Any) -> Subject:
    return replace(
        Subject(
            wishes=wishes or RunWishes(),
            args=["true"],
            env=["A=b"],
            cwd="/srv",
            user=ContainerUser(7, 8, (8, 9), "/"),
            hostname="box",
            capabilities=DEFAULT,
            seccomp={"defaultAction": "SCMP_ACT_ERRNO"},
            placement=Placement("/shale-x", frozenset({"pids", "memory"})),
        ),
        **changes,
    )


def spec(wishes: RunWishes | None = None, host: Host = HOST, **changes: Any) -> dict[str, Any]:
    document = make_spec(subject(wishes, **changes), host)
    json.dumps(document)
    return document


def mounts(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["destination"]: one for one in document["mounts"]}


def test_the_process() -> None:
    process = spec()["process"]
    assert process["user"] == {"uid": 7, "gid": 8, "umask": 18, "additionalGids": [8, 9]}
    assert (process["args"], process["env"], process["cwd"]) == (["true"], ["A=b"], "/srv")
    assert process["noNewPrivileges"] is True
    assert process["terminal"] is False
    assert process["rlimits"] == [
        {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 524288},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
    ]


def test_limits_stay_below_our_own_and_may_be_asked_for() -> None:
    assert spec(host=replace(HOST, open_files=512))["process"]["rlimits"][0] == {
        "type": "RLIMIT_NOFILE", "soft": 512, "hard": 512,
    }  # fmt: skip
    wishes = RunWishes(ulimits=(ResourceLimit(name="core", soft=-1, hard=-1),))
    assert spec(wishes)["process"]["rlimits"][1] == {
        "type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        (RunWishes(no_new_privileges=False), False),
        (RunWishes(no_new_privileges=True, privileged=True), True),
        (RunWishes(privileged=True), False),
    ],
)
def test_new_privileges(wishes: RunWishes, expected: bool) -> None:
    assert spec(wishes)["process"]["noNewPrivileges"] is expected


def test_namespaces() -> None:
    own = {one["type"] for one in spec()["linux"]["namespaces"]}
    assert own == {"pid", "ipc", "uts", "mount", "cgroup", "network"}
    shared = spec(RunWishes(network=Network.HOST))["linux"]
    assert {one["type"] for one in shared["namespaces"]} == own - {"network"}
    assert shared["sysctl"] == {}
    assert not any("path" in one for one in shared["namespaces"])


def test_there_are_no_hooks_and_no_annotations() -> None:
    document = spec(RunWishes(labels={"io.kubernetes.cri-o.hook": "x", "run.oci.keep_original_groups": "1"}))
    assert not {"hooks", "annotations"} & set(document)


def test_file_systems_of_the_kernel() -> None:
    found = mounts(spec())
    assert list(found) == [
        "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup",
    ]  # fmt: skip
    for name in ("/proc", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"):
        assert {"nosuid", "noexec", "nodev"} <= set(found[name]["options"])
    assert "ro" in found["/sys"]["options"]
    assert "ro" in found["/sys/fs/cgroup"]["options"]
    assert "gid=5" in found["/dev/pts"]["options"]
    assert "size=4096" in mounts(spec(RunWishes(shm_size=4096)))["/dev/shm"]["options"]


def test_what_is_masked() -> None:
    linux = spec(host=replace(HOST, throttles=("/sys/devices/system/cpu/cpu0/thermal_throttle",)))["linux"]
    assert {
        "/proc/kcore", "/proc/keys", "/proc/acpi", "/sys/firmware", "/proc/timer_list", "/proc/interrupts",
        "/sys/devices/virtual/powercap", "/sys/devices/system/cpu/cpu0/thermal_throttle",
    } <= set(linux["maskedPaths"])  # fmt: skip
    assert linux["readonlyPaths"] == ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    several = spec(host=replace(HOST, cgroups=SEVERAL))["linux"]
    assert "/sys/fs/cgroup" in several["readonlyPaths"]


def test_resources() -> None:
    linux = spec()["linux"]
    assert linux["cgroupsPath"] == "/shale-x"
    assert linux["resources"]["pids"] == {"limit": 2048}
    rules = linux["resources"]["devices"]
    assert rules[0] == {"allow": False, "access": "rwm"}
    assert {(one["major"], one.get("minor")) for one in rules[1:]} == {
        (1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, None),
    }  # fmt: skip
    assert "pids" not in spec(RunWishes(pids_limit=None))["linux"]["resources"]
    assert "pids" not in spec(placement=Placement("/x", frozenset()))["linux"]["resources"]


def test_a_device_that_was_asked_for() -> None:
    device = Device("/dev/fuse", "c", 10, 229, 0o666, 0, 0, "rw")
    linux = spec(devices=[device])["linux"]
    assert linux["devices"][0]["path"] == "/dev/fuse"
    assert linux["resources"]["devices"][-1] == {
        "allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw",
    }  # fmt: skip


def test_privileged() -> None:
    document = spec(RunWishes(privileged=True), seccomp=None)
    linux = document["linux"]
    assert linux["maskedPaths"] == linux["readonlyPaths"] == []
    assert "seccomp" not in linux
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "ro" not in mounts(document)["/sys"]["options"]


def test_a_user_has_no_devices_group_and_only_the_groups_that_are_mapped() -> None:
    document = spec(host=USER_HOST)
    assert "devices" not in document["linux"]["resources"]
    assert document["linux"]["sysctl"]["net.ipv4.ping_group_range"] == "0 65536"
    assert "gid=5" in mounts(document)["/dev/pts"]["options"]
    alone = IdTable((IdRange(0, 1000, 1),))
    single = spec(host=replace(USER_HOST, users=alone, groups=alone, drops_groups=False))
    assert "gid=5" not in mounts(single)["/dev/pts"]["options"]
    assert single["linux"]["sysctl"]["net.ipv4.ping_group_range"] == "0 0"
    assert "additionalGids" not in single["process"]["user"]


def test_a_user_on_the_host_s_network_sees_its_sysfs_and_cannot_write_it() -> None:
    document = spec(RunWishes(network=Network.HOST), host=USER_HOST)
    sys = mounts(document)["/sys"]
    assert (sys["type"], sys["source"]) == ("bind", "/sys")
    assert {"rbind", "ro", "rro", "nosuid", "noexec", "nodev"} <= set(sys["options"])
    assert "/sys/kernel" in document["linux"]["maskedPaths"]


def test_a_user_has_no_cgroups_where_there_are_several_trees() -> None:
    host = replace(USER_HOST, cgroups=SEVERAL)
    document = spec(host=host, placement=Placement("", frozenset(), "no"))
    assert "/sys/fs/cgroup" not in mounts(document)
    assert "cgroupsPath" not in document["linux"]
    shared = spec(RunWishes(network=Network.HOST), host=host, placement=Placement("", frozenset(), "no"))
    assert "/sys/fs/cgroup" in shared["linux"]["maskedPaths"]


def test_root_and_late_mounts_and_names() -> None:
    late = LateMount("/dev/x", "/host/x", "bind", ("bind", "ro"))
    document = spec(RunWishes(read_only=True, domainname="example", tty=True), late_mounts=[late])
    assert document["root"] == {"path": "rootfs", "readonly": True}
    assert document["mounts"][-1] == {
        "destination": "/dev/x", "type": "bind", "source": "/host/x", "options": ["bind", "ro"],
    }  # fmt: skip
    assert document["hostname"] == "box"
    assert document["linux"]["sysctl"]["kernel.domainname"] == "example"
    assert document["process"]["terminal"] is True


def test_a_kernel_without_a_sysctl_is_not_asked_for_it() -> None:
    assert spec(host=replace(HOST, sysctls=frozenset()))["linux"]["sysctl"] == {}
