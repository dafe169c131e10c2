"""Images of containers, beside docker's: the same diff and config, and they run in docker and podman."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from peers.dockerd import DockerEngine
from peers.layout import LayoutImage
from peers.podman import Podman
from shale.container.changes import shown
from shale.engine.engine import Engine
from shale.image.archive.outfile import whole_file
from shale.runtime.wishes import RunWishes, VolumeMount

WORK = (
    "mkdir -p /a/b/c; echo x > /a/b/c/f; chmod 4711 /a/b/c/f; chown 12:34 /a; echo hi >> /etc/passwd; "
    "rm /bin/wget; rm -r /tmp; mkdir /tmp; ln /a/b/c/f /z; ln -s nowhere /link; mkfifo /fifo; chmod 700 /root"
)
CHANGES = (
    'CMD ["sh", "-c", "cat /a/b/c/f; echo $HELLO; pwd"]', "ENV HELLO=there", "EXPOSE 80/tcp", "LABEL made=here",
    "WORKDIR /a/b",
)  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path, busybox_image: LayoutImage) -> Iterator[Engine]:
    with Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path), "PATH": os.environ["PATH"]}) as engine:
        engine.images.load(busybox_image.layout)
        engine.images.tag(str(engine.images.list()[0].id), "box:1")
        yield engine


@pytest.fixture
def docker(engine: Engine, dockerd: DockerEngine, tmp_path: Path) -> Iterator[DockerEngine]:
    """Docker, with the same image."""
    load(engine, dockerd, tmp_path / "box.tar", "box:1")
    yield dockerd
    for name in dockerd("ps", "--all", "--quiet").stdout.split():
        dockerd("rm", "--force", "--volumes", name)
    dockerd.forget()


def load(engine: Engine, peer: DockerEngine | Podman, archive: Path, name: str) -> None:
    with whole_file(archive) as stream:
        engine.images.save(name, to=stream)
    peer("load", "--input", str(archive))


def run_here(engine: Engine, wishes: RunWishes, *command: str) -> None:
    container = engine.containers.create("box:1", *command, name="work", wishes=wishes)
    with engine.containers.start(container.id) as started:
        assert started.wait().exit_code == 0


def config_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What both say of how an image is run."""
    names = (
        "Cmd",
        "Entrypoint",
        "Env",
        "ExposedPorts",
        "Labels",
        "User",
        "Volumes",
        "WorkingDir",
        "StopSignal",
    )
    found = {name: document["Config"].get(name) for name in names}
    found["Env"] = sorted(found["Env"])  # docker has the caller's first
    return {name: value for name, value in found.items() if value}


def test_diff_and_config_are_those_of_docker(engine: Engine, docker: DockerEngine) -> None:
    wishes = RunWishes(
        entrypoint=("sh",), env=("A=b", "PATH=/bin"), user="root", workdir="/wd/x", labels={"l": "1"},
        mounts=(VolumeMount(target="/anon"),),
    )  # fmt: skip
    run_here(engine, wishes, "-c", WORK)
    flags = [
        "--entrypoint",
        "sh",
        "-e",
        "A=b",
        "-e",
        "PATH=/bin",
        "--user",
        "root",
        "-w",
        "/wd/x",
        "-l",
        "l=1",
        "-v",
        "/anon",
    ]
    docker("run", "--name", "work", "--network", "none", *flags, "box:1", "-c", WORK)
    assert {shown(one) for one in engine.containers.diff("work")} == set(
        docker("diff", "work").stdout.splitlines()
    )
    engine.containers.commit("work", "made:1", changes=CHANGES, author="me", message="why")
    changes = [word for change in CHANGES for word in ("--change", change)]
    docker("commit", *changes, "--author", "me", "--message", "why", "work", "made:1")
    (theirs,) = json.loads(docker("image", "inspect", "made:1").stdout)
    ours = engine.images.inspect("made:1")
    assert config_of(ours) == config_of(theirs)
    assert (ours["Author"], ours["Comment"]) == (theirs["Author"], theirs["Comment"])
    step = engine.images.history("made:1")[0]
    history = docker(
        "history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Comment}}", "made:1"
    ).stdout.splitlines()
    assert f"{step.created_by}|{step.comment}" == history[0]


def test_a_container_that_changed_nothing_is_committed_as_docker_does(
    engine: Engine, docker: DockerEngine
) -> None:
    run_here(engine, RunWishes(), "true")
    docker("run", "--name", "work", "--network", "none", "box:1", "true")
    assert engine.containers.diff("work") == []
    assert docker("diff", "work").stdout == ""
    engine.containers.commit("work", "made:1")
    docker("commit", "work", "made:1")
    (theirs,) = json.loads(docker("image", "inspect", "made:1").stdout)
    assert engine.images.inspect("made:1")["RootFS"]["Layers"] == theirs["RootFS"]["Layers"]


def test_the_image_runs_in_docker_and_podman(
    engine: Engine, docker: DockerEngine, podman: Podman, tmp_path: Path
) -> None:
    run_here(engine, RunWishes(), "sh", "-c", WORK)
    before = engine.images.get("box:1")
    made = engine.containers.commit("work", "made:1", changes=CHANGES)
    assert [one.digest for one in engine.images.get("made:1").layers[:-1]] == [
        one.digest for one in before.layers
    ]
    look = "stat -c '%A %u %g %n' /a /a/b/c/f /z /link /fifo /root /tmp; ls /bin/wget; tail -n 1 /etc/passwd; "
    look += "[ $(stat -c %i /z) = $(stat -c %i /a/b/c/f) ] && echo linked"
    said = set()
    peers: list[DockerEngine | Podman] = [docker, podman]
    for number, peer in enumerate(peers):
        load(engine, peer, tmp_path / f"{number}.tar", "made:1")
        name = peer("image", "ls", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}").stdout
        assert str(made.id) in name
        assert peer("run", "--rm", "--network", "none", "made:1").stdout == "x\nthere\n/a/b\n"
        said.add(peer("run", "--rm", "--network", "none", "made:1", "sh", "-c", look, check=False).stdout)
    said.add(engine.containers.run("made:1", "sh", "-c", look).stdout.decode())
    assert len(said) == 1, said
    assert said.pop().endswith("\nhi\nlinked\n")
