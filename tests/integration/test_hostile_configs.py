"""Images whose config, or whose tree, wants more than a container may have (threats.tsv "config", "runtime").

Each ends in a clear error or in a container that is as tame as others; a canary beside the container's folder
shows that nothing outside was touched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from container_ground import Box, leftovers, make_root
from shale.errors import ShaleError
from shale.oci.config import Execution, parse_config
from shale.runtime.bundle import InvalidFolder, read_prepared
from shale.runtime.crun_runc import OciRuntime, Program
from shale.runtime.firstprocess import InvalidProcess
from shale.runtime.inside import InvalidPlace
from shale.runtime.mounting import InvalidMount, SourceMissing
from shale.runtime.users import AccountsTooLong, InvalidUser, UnknownUser
from shale.runtime.volumes import InvalidVolume
from shale.runtime.wishes import BindMount, RunWishes, TmpfsMount, VolumeMount

pytestmark = pytest.mark.peer


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    folder = tmp_path / "container"
    make_root(folder / "rootfs")
    (tmp_path / "canary").mkdir()
    (tmp_path / "canary/file").write_text("untouched")
    box = Box(OciRuntime(Program("runc", "/usr/sbin/runc", ""), os.environ), folder)
    before = facts(tmp_path)
    yield box
    assert facts(tmp_path) == before
    assert leftovers(box) == []


def facts(folder: Path) -> dict[str, tuple[int, ...]]:
    """All that is beside the container's folder."""
    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.rglob("*")):
        if "container" not in path.relative_to(folder).parts:
            status = path.lstat()
            found[str(path)] = (
                status.st_mode,
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
                status.st_uid,
            )
    return found


def config(**fields: Any) -> Execution:
    """Execution parameters as they come from a registry: as JSON."""
    image = parse_config(json.dumps({"architecture": "amd64", "os": "linux", "config": fields}).encode())
    assert image.config is not None
    return image.config


@pytest.mark.parametrize(
    "user", ["2147483648", "4294967296", "4294967295:0", "0:9999999999", "1000:1000:0", "\t0"]
)
def test_a_user_out_of_range_is_not_root(box: Box, user: str) -> None:
    box.image = config(User=user, Cmd=["id"])
    with pytest.raises(InvalidUser):
        box.prepare(RunWishes())


def test_a_number_is_a_number_though_a_user_is_called_so(box: Box) -> None:
    with open(box.root / "etc/passwd", "a") as file:
        file.write("1234:x:0:0::/:/bin/sh\n")
    box.image = config(User="1234:55")
    assert box.run("id", "-u").out == "1234\n"
    assert box.run("id", "-G").out == "55\n"
    with open(box.root / "etc/group", "a") as file:
        file.write("55:x:0:\n")
    with pytest.raises(InvalidUser, match="number of another"):
        box.prepare(RunWishes(args=("id",)))


def test_a_group_is_never_lost(box: Box) -> None:
    box.image = config(User="web")
    assert set(box.run("id", "-G").out.split()) == {"33", "6"}


def test_accounts_without_end(box: Box) -> None:
    with open(box.root / "etc/group", "wb") as file:
        file.truncate(100 * 1024 * 1024)
    box.image = config(User="web")
    with pytest.raises(AccountsTooLong):
        box.prepare(RunWishes(args=("id",)))


@pytest.mark.parametrize("name", ["passwd", "group"])
def test_accounts_that_are_no_file(box: Box, name: str, tmp_path: Path) -> None:
    (box.root / "etc" / name).unlink()
    os.mkfifo(box.root / "etc" / name)
    with pytest.raises(InvalidUser):
        box.prepare(RunWishes(args=("id",)))
    (box.root / "etc" / name).unlink()
    (tmp_path / "canary").chmod(0o755)
    # Followed as the container would follow it: there is no such file inside.
    (box.root / "etc" / name).symlink_to(tmp_path / "canary/file")
    box.image = config(User="web" if name == "passwd" else "0:web")
    with pytest.raises(UnknownUser):
        box.prepare(RunWishes(args=("id",)))


def test_labels_reach_no_runtime(box: Box) -> None:
    box.image = config(
        Labels={
            "run.oci.handler": "evil",
            "org.criu.config": "/etc/passwd",
            "io.containers.trace-syscall": "of:/tmp/x",
            "cdi.k8s.io/x": "vendor.com/gpu=all",
        },
        Cmd=["true"],
        OnBuild=["RUN evil"],
        Healthcheck={"Test": ["CMD", "evil"]},
        StopSignal="SIGEVIL",
        ExposedPorts={"99999/evil": {}, "../x": {}},
    )
    assert box.run().code == 0
    document = json.loads((box.folder / "config.json").read_bytes())
    assert not {"annotations", "hooks"} & set(document)
    assert "evil" not in json.dumps(document)


@pytest.mark.parametrize(
    "folder", ["/proc/self/fd/7", "/proc/self/fd/../../1/root", "/dev/fd/7", "/proc/1/cwd", "/dev/pts/x"]
)
def test_a_working_folder_is_no_descriptor_of_the_runtime(box: Box, folder: str) -> None:
    box.image = config(WorkingDir=folder)
    with pytest.raises(InvalidFolder):
        box.prepare(RunWishes(args=("pwd",)))


@pytest.mark.parametrize("target", ["/proc/self/fd/7", "../proc/self/fd", "/dev/fd/8"])
def test_a_working_folder_does_not_get_there_by_a_link(box: Box, target: str) -> None:
    (box.root / "srv").symlink_to(target)
    box.image = config(WorkingDir="/srv")
    with pytest.raises(InvalidPlace):
        box.prepare(RunWishes(args=("pwd",)))


def test_a_working_folder_stays_inside(box: Box, tmp_path: Path) -> None:
    (box.root / "out").symlink_to(tmp_path / "canary")
    box.image = config(WorkingDir="/out/../out/new")
    ended = box.run("pwd")
    assert ended.out == f"{tmp_path}/canary/new\n"
    assert (box.root / str(tmp_path / "canary/new")[1:]).is_dir()


@pytest.mark.parametrize("name", ["proc", "sys", "dev"])
@pytest.mark.parametrize("target", ["/", "/tmp", "../canary", "nowhere"])
def test_a_folder_of_the_kernel_that_leads_elsewhere(box: Box, name: str, target: str) -> None:
    (box.root / name).symlink_to(target)
    with pytest.raises(InvalidPlace, match=f"/{name} is not a folder"):
        box.prepare(RunWishes(args=("true",)))


def test_links_in_etc_are_followed_inside(box: Box, tmp_path: Path) -> None:
    (box.root / "etc/hosts").symlink_to(tmp_path / "canary/file")
    (box.root / "etc/hostname").symlink_to("../../../../../../canary/name")
    (box.root / "etc/resolv.conf").symlink_to("/run/stub/resolv.conf")
    ended = box.run("cat", "/etc/hosts", "/etc/hostname")
    assert ended.code == 0
    assert "localhost" in ended.out
    assert box.id[:12] in ended.out
    assert (box.root / "run/stub/resolv.conf").read_bytes() == b""
    assert "/run/stub/resolv.conf" in ended.prepared.made


@pytest.mark.parametrize("target", ["/proc/self/environ", "/dev/null", "/sys/x"])
def test_links_in_etc_do_not_lead_to_the_kernel(box: Box, target: str) -> None:
    (box.root / "etc/hosts").symlink_to(target)
    with pytest.raises(InvalidPlace):
        box.prepare(RunWishes(args=("true",)))


def test_a_whole_etc_that_is_a_link(box: Box, tmp_path: Path) -> None:
    (box.root / "etc").rename(box.root / "real")
    (box.root / "etc").symlink_to(tmp_path / "canary")
    ended = box.run("cat", "/etc/hostname")
    assert ended.out == box.id[:12] + "\n"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["/"], InvalidVolume),
        (["/a/.."], InvalidVolume),
        (["/proc/x"], InvalidMount),
        (["/dev"], InvalidMount),
        (["/sys/kernel"], InvalidMount),
        ([f"/v{number}" for number in range(300)], InvalidVolume),
        (["/a\0b"], ShaleError),
        (["/" + "a" * 300], InvalidPlace),
    ],
)
def test_volumes_that_cannot_be(box: Box, names: list[str], expected: type[ShaleError]) -> None:
    box.image = config(Volumes={name: {} for name in names})
    with pytest.raises(expected):
        box.prepare(RunWishes(args=("true",)))


def test_volumes_stay_inside(box: Box, tmp_path: Path) -> None:
    (box.root / "evil").symlink_to(tmp_path / "canary")
    box.image = config(Volumes={"/../../x": {}, "evil": {}, "data": {}})
    assert box.run("sh", "-c", "touch /x/a /data/b /evil/c").code == 0
    assert {path.name for path in (box.folder / "volumes").glob("*/*")} == {"a", "b", "c"}


def test_a_volume_does_not_copy_from_outside(box: Box, tmp_path: Path) -> None:
    copied = []
    box.fill = lambda source, target: copied.append(sorted(os.listdir(source)))
    (box.root / "data").symlink_to(tmp_path / "canary")
    box.image = config(Volumes={"/data": {}})
    assert box.run("true").code == 0
    assert copied == [[]]


def test_volumes_live_through_a_second_start(box: Box) -> None:
    box.image = config(Volumes={"/data": {}})
    box.run("sh", "-c", "echo kept > /data/file")
    assert box.run("cat", "/data/file").out == "kept\n"


@pytest.mark.parametrize("field", ["Cmd", "Entrypoint", "Env"])
def test_words_that_the_kernel_does_not_take(box: Box, field: str) -> None:
    for word in ("A=a\0b", "A=" + "x" * 10_000_000)[: 1 if field == "Env" else 2]:
        box.image = Execution(cmd=("true",)) if field == "Env" else Execution()
        values = {"Cmd": {"cmd": (word,)}, "Entrypoint": {"entrypoint": (word,)}, "Env": {"env": (word,)}}[
            field
        ]
        box.image = Execution(**({"cmd": ("true",)} | values))  # type: ignore[arg-type]
        with pytest.raises(InvalidProcess):
            box.prepare(RunWishes())


def test_a_variable_with_a_newline_is_one_variable(box: Box) -> None:
    box.image = config(Env=["A=1\nLD_PRELOAD=/evil.so", "B", "=C", "NOTIFY_SOCKET"])
    ended = box.run("sh", "-c", 'echo "[$A]"; cat /proc/self/environ')
    assert ended.out.startswith("[1\nLD_PRELOAD=/evil.so]\n")
    assert b"\0LD_PRELOAD" not in ended.out.encode()


@pytest.mark.parametrize("target", ["/", "//", "/x/..", "/proc", "/dev", "/sys"])
def test_mounts_over_everything(box: Box, target: str) -> None:
    for wish in (
        BindMount(source="/tmp", target=target),
        TmpfsMount(target=target),
        VolumeMount(target=target),
    ):
        with pytest.raises(InvalidMount):
            box.prepare(RunWishes(args=("true",), mounts=(wish,)))


def test_two_mounts_at_one_place(box: Box) -> None:
    mounts = (TmpfsMount(target="/a/b/../b"), BindMount(source="/tmp", target="/a/b/"))
    with pytest.raises(InvalidMount, match="duplicate mount point: /a/b"):
        box.prepare(RunWishes(args=("true",), mounts=mounts))


def test_a_mount_whose_way_leads_out_of_another_mount(box: Box, tmp_path: Path) -> None:
    """CVE-2021-30465: what one container can write holds a link where the next one mounts."""
    (tmp_path / "container/shared").mkdir()
    (tmp_path / "container/shared/inner").symlink_to(tmp_path / "canary")
    mounts = (
        BindMount(source=str(tmp_path / "container/shared"), target="/shared"),
        TmpfsMount(target="/shared/inner", size=4096),
    )
    ended = box.run("grep", "canary", "/proc/self/mounts", wishes=RunWishes(mounts=mounts))
    assert f"tmpfs {tmp_path}/canary tmpfs" in ended.out


def test_a_source_that_is_not_there(box: Box) -> None:
    with pytest.raises(SourceMissing, match="bind source path does not exist: /nowhere/x"):
        box.prepare(RunWishes(args=("true",), mounts=(BindMount(source="/nowhere/x", target="/x"),)))


def test_tmpfs_options_are_not_passed_on_unread(box: Box) -> None:
    for option in ("bind", "size=1,exec", "mpol=x", "uid", "huge=always"):
        with pytest.raises(InvalidMount):
            box.prepare(RunWishes(args=("true",), mounts=(TmpfsMount(target="/t", options=(option,)),)))


def test_what_was_made_is_written_down(box: Box) -> None:
    prepared = box.prepare(RunWishes(args=("true",), mounts=(TmpfsMount(target="/new/place"),)))
    folder = os.open(box.folder, os.O_PATH)
    try:
        assert read_prepared(folder) == prepared
    finally:
        os.close(folder)
    assert {"/new", "/new/place", "/etc/hosts", "/proc"} <= set(prepared.made)
    assert prepared.cgroup == f"/shale-{box.id}"
