"""What people type, read as docker reads it."""

from __future__ import annotations

import pytest

from shale.errors import ShaleError, Unsupported
from shale.runtime.mountnotation import NamedVolume, parse_mount, parse_tmpfs, parse_volume
from shale.runtime.notation import InvalidNotation, parse_device, parse_host, parse_size, parse_ulimit
from shale.runtime.wishes import (
    BindMount,
    DeviceWish,
    MountWish,
    Propagation,
    ResourceLimit,
    TmpfsMount,
    VolumeMount,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a:/b", BindMount(source="/a", target="/b", create=True)),
        ("./a:/b:ro", BindMount(source="/here/a", target="/b", create=True, read_only=True)),
        ("..:/b:Z,rw", BindMount(source="/", target="/b", create=True)),
        ("/a:/b:rslave,ro", BindMount(source="/a", target="/b", create=True, read_only=True,
                                      propagation=Propagation.RSLAVE)),
        ("/data", VolumeMount(target="/data")),
    ],
)  # fmt: skip
def test_volumes(text: str, expected: MountWish) -> None:
    assert parse_volume(text, "/here") == expected


@pytest.mark.parametrize(
    "text", ["", ":", "a", "/a:", ":/a", "/a:b", "/a:/b:", "/a:/b:x", "/a:/b:ro,rw", "/a:/b:ro:z",
             "/a:/b:slave,private", "/a:/b:shared"],
)  # fmt: skip
def test_what_is_no_volume(text: str) -> None:
    with pytest.raises(InvalidNotation):
        parse_volume(text, "/here")


def test_volumes_with_names_are_for_later() -> None:
    with pytest.raises(NamedVolume, match=r"\./data"):
        parse_volume("data:/data", "/here")
    with pytest.raises(NamedVolume):
        parse_mount("source=data,target=/data", "/here")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=bind,source=/a,target=/b", BindMount(source="/a", target="/b")),
        ("type=bind,src=a,dst=/b,readonly", BindMount(source="/here/a", target="/b", read_only=True)),
        ('type=bind,"source=/a,b",destination=/b,ro=false', BindMount(source="/a,b", target="/b")),
        ("type=bind,source=/a,target=/b,bind-recursive=disabled,bind-propagation=slave",
         BindMount(source="/a", target="/b", recursive=False, propagation=Propagation.SLAVE)),
        ("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700",
         TmpfsMount(target="/t", size=1048576, mode=0o700)),
        ("type=volume,target=/v,volume-nocopy", VolumeMount(target="/v", copy=False)),
        ("target=/v,readonly=1", VolumeMount(target="/v", read_only=True)),
    ],
)  # fmt: skip
def test_mounts(text: str, expected: MountWish) -> None:
    assert parse_mount(text, "/here") == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "type=bind", "type=bind,source=/a", "type=bind,source=/a,target=b", "type=nfs,target=/a",
        "type=tmpfs,source=/a,target=/b", "type=tmpfs,target=/b,tmpfs-mode=9", "target=/a,target=/b",
        "type=bind,source=/a,target=/b,size=3", "type=bind,source=/a,target=/b,readonly=maybe",
        'type=bind,"source=/a', "type=bind,source=/a,target=/b,bind-propagation=shared", "target=/a,\n=",
    ],
)  # fmt: skip
def test_what_is_no_mount(text: str) -> None:
    with pytest.raises(InvalidNotation):
        parse_mount(text, "/here")


def test_tmpfs() -> None:
    assert parse_tmpfs("/run") == TmpfsMount(target="/run")
    assert parse_tmpfs("/run:size=64k,mode=755,exec,uid=5,ro") == TmpfsMount(
        target="/run", size=65536, mode=0o755, options=("exec", "uid=5"), read_only=True
    )
    for text in ("run", "/run:size=x", "/run:bind", "/run:uid=root", "/run:mode=abc"):
        with pytest.raises(InvalidNotation):
            parse_tmpfs(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/dev/fuse", DeviceWish(source="/dev/fuse", target="/dev/fuse")),
        ("/dev/fuse:r", DeviceWish(source="/dev/fuse", target="/dev/fuse", permissions="r")),
        ("/dev/sda:/dev/disk:rw", DeviceWish(source="/dev/sda", target="/dev/disk", permissions="rw")),
        ("/dev/sda:/dev/disk", DeviceWish(source="/dev/sda", target="/dev/disk")),
    ],
)
def test_devices(text: str, expected: DeviceWish) -> None:
    assert parse_device(text) == expected


@pytest.mark.parametrize("text", ["", "fuse", "/dev/a:/dev/b:x", "/dev/a:/dev/b:rr", "/a:/b:/c:r", "/dev/a:b"])
def test_what_is_no_device(text: str) -> None:
    with pytest.raises(InvalidNotation):
        parse_device(text)


def test_limits() -> None:
    assert parse_ulimit("nofile=1024") == ResourceLimit(name="nofile", soft=1024, hard=1024)
    assert parse_ulimit("nofile=1024:-1") == ResourceLimit(name="nofile", soft=1024, hard=-1)
    for text in (
        "nofile",
        "nofile=",
        "files=1",
        "nofile=2:1",
        "nofile=-1:1",
        "nofile=1:2:3",
        "nofile=-2",
        "nofile=18446744073709551621",
        "nofile=1:9223372036854775808",
    ):
        with pytest.raises(InvalidNotation):
            parse_ulimit(text)


def test_hosts() -> None:
    assert parse_host("db:10.0.0.5") == ("db", "10.0.0.5")
    assert parse_host("db=fe80::1") == ("db", "fe80::1")
    assert parse_host("db:[::1]") == ("db", "::1")
    with pytest.raises(Unsupported):
        parse_host("here:host-gateway")
    for text in ("", "db", "db:", ":1.2.3.4", "d b:1.2.3.4", "db:1.2.3", "db\n:1.2.3.4"):
        with pytest.raises(InvalidNotation):
            parse_host(text)


def test_sizes() -> None:
    assert [parse_size(text) for text in ("0", "1b", "64k", "64K", "1.5m", "2GiB", "1 g", "1kb")] == [
        0, 1, 65536, 65536, 1572864, 2147483648, 1073741824, 1024,
    ]  # fmt: skip
    assert parse_size("8191p") == 8191 << 50
    for text in (
        "",
        "m",
        "-1",
        "1x",
        "1e3",
        "0x1",
        "\u0661",
        "1_0",
        "8192p",
        "9" * 40,
        "9" * 5000,
        "\n1",
        "1\n",
    ):
        with pytest.raises(ShaleError):
            parse_size(text)
