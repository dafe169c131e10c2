"""The flags of `run` and `create`, one by one, as `RunWishes`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from shale.cli.framework import ProgramCommand
from shale.cli.running.options import container_options
from shale.cli.running.wishes import attached_streams, wishes_from
from shale.errors import Invalid, NotFound, ShaleError, Unsupported
from shale.runtime.wishes import (
    DEFAULT_SHM,
    BindMount,
    DeviceWish,
    Network,
    ResourceLimit,
    RunWishes,
    TmpfsMount,
    VolumeMount,
)


def read(*arguments: str, environ: Mapping[str, str] | None = None) -> RunWishes:
    return wishes_from(flags(*arguments), environ or {})


def flags(*arguments: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    @click.command(cls=ProgramCommand)
    @container_options
    def command(**values: Any) -> None:
        seen.update(values)

    command.main(list(arguments), standalone_mode=False)
    return seen


def test_nothing_asked_for_is_nothing_wished() -> None:
    assert read("app") == RunWishes()
    assert flags("app")["image"] == "app"


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (("-e", "A=b", "--env", "C=d e"), "env", ("A=b", "C=d e")),
        (("-u", "1:2"), "user", "1:2"),
        (("-w", "/srv"), "workdir", "/srv"),
        (("--entrypoint", "sh"), "entrypoint", ("sh",)),
        (("--entrypoint", ""), "entrypoint", ()),
        (("-h", "box"), "hostname", "box"),
        (("--domainname", "x.y"), "domainname", "x.y"),
        (("--network", "host"), "network", Network.HOST),
        (("--net=none",), "network", Network.NONE),
        (("--read-only",), "read_only", True),
        (("--privileged",), "privileged", True),
        (("--init",), "init", True),
        (("--init=false",), "init", False),
        (("-it",), "interactive", True),
        (("-ti",), "tty", True),
        (("--cap-add", "SYS_TIME", "--cap-add=ALL"), "cap_add", ("SYS_TIME", "ALL")),
        (("--cap-drop", "ALL"), "cap_drop", ("ALL",)),
        (("-l", "a=b", "--label", "c"), "labels", {"a": "b", "c": ""}),
        (("--group-add", "audio"), "groups", ("audio",)),
        (("--ulimit", "nofile=10:20"), "ulimits", (ResourceLimit(name="nofile", soft=10, hard=20),)),
        (("--shm-size", "1m"), "shm_size", 1024 * 1024),
        (("--shm-size", "0"), "shm_size", DEFAULT_SHM),
        (("--add-host", "db:10.0.0.1"), "extra_hosts", (("db", "10.0.0.1"),)),
        (("--dns", "1.1.1.1"), "dns", ("1.1.1.1",)),
        (("--dns-search", "x.y"), "dns_search", ("x.y",)),
        (("--dns-opt", "ndots:2"), "dns_options", ("ndots:2",)),
        (("--stop-signal", "QUIT"), "stop_signal", "QUIT"),
        (("--pids-limit", "5"), "pids_limit", 5),
        (("--pids-limit", "-1"), "pids_limit", None),
        (("--pids-limit=0",), "pids_limit", None),
        (("--security-opt", "no-new-privileges"), "no_new_privileges", True),
        (("--security-opt", "no-new-privileges=false"), "no_new_privileges", False),
        (("--security-opt", "no-new-privileges:true"), "no_new_privileges", True),
        (("--security-opt", "seccomp=unconfined"), "seccomp", "unconfined"),
        (("--security-opt", "seccomp=builtin"), "seccomp", None),
        (("--security-opt", "apparmor=unconfined"), "seccomp", None),
        (("--tmpfs", "/t"), "mounts", (TmpfsMount(target="/t"),)),
        (("-v", "/data"), "mounts", (VolumeMount(target="/data"),)),
        (("-v", "/a:/b:ro"), "mounts", (BindMount(source="/a", target="/b", read_only=True, create=True),)),
        (("--mount", "type=bind,src=/a,dst=/b"), "mounts", (BindMount(source="/a", target="/b"),)),
        (("--device", "/dev/fuse"), "devices", (DeviceWish(source="/dev/fuse", target="/dev/fuse"),)),
    ],
)
def test_each_flag(arguments: tuple[str, ...], name: str, value: object) -> None:
    assert getattr(read(*arguments, "app"), name) == value


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("app", "-e", "x"), ("-e", "x")),
        (("app", "sh", "--init=true", "--", "-c"), ("sh", "--init=true", "--", "-c")),
        (("-it", "--name=x", "-uroot", "-w", "/", "app", "-it"), ("-it",)),
        (("--", "app", "x"), ("x",)),
        (("--rm=true", "--tty=false", "-e", "-t", "app"), ()),
    ],
)
def test_what_stands_after_the_image_is_the_containers(
    arguments: tuple[str, ...], command: tuple[str, ...]
) -> None:
    seen = flags(*arguments)
    assert (seen["image"], seen["command"]) == ("app", command)


def test_variables_of_ours_and_of_files(tmp_path: Path) -> None:
    file = tmp_path / "variables"
    file.write_text("\ufeff# comment\n\n  ONE=1 2\nOURS\nMISSING\nTWO==\n")
    environ = {"OURS": "ours", "MINE": "mine"}
    wishes = read("--env-file", str(file), "-e", "MINE", "-e", "GONE", "app", environ=environ)
    assert wishes.env == ("ONE=1 2", "OURS=ours", "TWO==", "MINE=mine", "GONE")


def test_labels_of_files_come_first(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("a=file\nb\n")
    assert read("--label-file", str(tmp_path / "labels"), "-l", "a=flag", "app").labels == {
        "a": "flag",
        "b": "",
    }


def test_a_seccomp_profile_is_read(tmp_path: Path) -> None:
    (tmp_path / "profile").write_text("{}")
    assert read("--security-opt", f"seccomp={tmp_path}/profile", "app").seccomp == "{}"


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (("-w", "srv"), Invalid, "the working directory 'srv' is invalid, it needs to be an absolute path"),
        (("-e", "=x"), Invalid, "invalid environment variable: =x"),
        (("-l", "=x"), Invalid, "invalid label '=x'"),
        (("--env-file", "/no/such"), NotFound, "open /no/such: no such file or directory"),
        (("--env-file", "/"), Invalid, "is a directory"),
        (("--network", "bridge"), Unsupported, "network 'bridge' is not supported yet"),
        (("--dns", "x"), Invalid, "invalid IP address: x"),
        (("--stop-signal", "NOPE"), Invalid, "invalid signal: NOPE"),
        (("--security-opt", "no-new-privileges=yes"), Invalid, "no-new-privileges is true or false"),
        (("--pids-limit", "9223372036854775808"), Invalid, 'for "--pids-limit" flag: value out of range'),
        (("--security-opt", "what=x"), Invalid, 'invalid --security-opt: "what=x"'),
        (("--security-opt", "seccomp=/no/such"), Invalid, "opening seccomp profile .* failed"),
        (("-v", "name:/x"), Unsupported, "volumes with a name"),
        (("--ulimit", "x=1"), Invalid, "invalid ulimit"),
        (("--shm-size", "x"), Invalid, "invalid size"),
    ],
)
def test_flags_that_make_no_sense(arguments: tuple[str, ...], kind: type[ShaleError], said: str) -> None:
    with pytest.raises(kind, match=said):
        read(*arguments, "app")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"=x\n", "no variable name on line '=x'"),
        (b"A B=c\n", "contains whitespaces"),
        (b"A=\xff\n", "line 1 is not UTF-8"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "variables").write_bytes(content)
    with pytest.raises(Invalid, match=said):
        read("--env-file", str(tmp_path / "variables"), "app")


def test_streams_to_attach() -> None:
    assert attached_streams((), interactive=False) == {"stdout", "stderr"}
    assert attached_streams((), interactive=True) == {"stdin", "stdout", "stderr"}
    assert attached_streams(("STDERR",), interactive=True) == {"stderr"}
    with pytest.raises(Invalid, match='invalid argument "fd3" for "-a, --attach" flag'):
        attached_streams(("fd3",), interactive=False)
