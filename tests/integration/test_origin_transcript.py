"""The document that shale began with: its image commands, in order, with the same output."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_hub import HOST, DockerHub, docker_hub
from peers.ground import Ground
from peers.layout import LayoutWriter
from peers.process import run, tool
from shared_vectors import VECTORS
from transcript import Exchange, blocks, exchanges, normalise, screen

ORIGIN = VECTORS.parent / "origin" / "container-images.md"
PROMPT = r"edwardhe@\S+ DockerDevelopmentCourse % ?"
SHALE = str(Path(sys.executable).with_name("shale"))
SESSIONS = [
    (number, block)
    for number, block in enumerate(blocks(ORIGIN.read_text(encoding="utf-8"), "zsh"))
    if "docker" in block
]


@pytest.fixture(scope="session")
def hub(peer_ground: Ground) -> Iterator[DockerHub]:
    """Docker Hub with three tags of nginx: two of one image, and one that differs in its manifest only."""
    with docker_hub(peer_ground) as running:
        folder = peer_ground.fresh("nginx")
        layout = folder / "layout"
        layout.mkdir()
        _write_nginx(LayoutWriter(layout, peer_ground.env), folder)
        for tag in ("latest", "mainline", "1.27.1"):
            copy = [tool("skopeo", "skopeo"), "--insecure-policy", "copy", "--format", "v2s2", "--quiet"]
            to = ["--dest-cert-dir", str(running.certificates)]
            source = f"oci:{layout}:{'old' if tag == '1.27.1' else 'new'}"
            run(
                [*running.prefix, *copy, *to, source, f"docker://{HOST}/library/nginx:{tag}"],
                env=peer_ground.env,
            )
        yield running


def _write_nginx(writer: LayoutWriter, folder: Path) -> None:
    layers = []
    for number in range(7):
        path = folder / f"layer{number}.tar"
        content = folder / "content"
        content.write_bytes(os.urandom(30_000 * (7 - number)))
        with tarfile.open(path, "w") as archive:
            archive.add(content, f"usr/share/nginx/part{number}")
        layers.append(writer.layer(path, f"/bin/sh -c #(nop) COPY file:part{number} in / "))
    command = ["nginx", "-g", "daemon off;"]
    steps: list[dict[str, object]] = [
        {"created": "2024-10-02T17:55:35Z", "created_by": layer.created_by} for layer in layers
    ]
    last = '/bin/sh -c #(nop)  CMD ["nginx" "-g" "daemon off;"]'
    steps.append({"created": "2024-10-02T17:55:35Z", "created_by": last, "empty_layer": True})
    config = {
        "created": "2024-10-02T17:55:35Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": command},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": steps,
    }
    described = writer.json(config, "application/vnd.oci.image.config.v1+json")
    writer.tags["new"] = writer.manifest(described, [layer.content for layer in layers])
    writer.tags["old"] = writer.manifest(
        described, [layer.content for layer in layers], annotations={"version": "1.27.1"}
    )
    writer.finish()


class Terminal:
    """A person at a terminal with an empty store."""

    def __init__(self, hub: DockerHub, home: Path) -> None:
        certificates = home / ".config" / "containers" / "certs.d" / HOST
        certificates.mkdir(parents=True)
        (certificates / "ca.crt").write_bytes((hub.certificates / "ca.crt").read_bytes())
        self._hub = hub
        self._env = {"PATH": os.environ["PATH"], "HOME": str(home), "SHALE_ROOT": str(home / "store")}

    def type(self, command: str) -> list[str]:
        """Type a command of docker's as one of shale's; what the screen shows at the end."""
        words = re.sub(r"^docker\b", SHALE, command)
        master, slave = pty.openpty()
        env = {**self._env, "TERM": "xterm", "COLUMNS": "200"}
        shell = ["sh", "-c", words]
        with subprocess.Popen([*self._hub.prefix, *shell], stdout=slave, stderr=slave, env=env) as process:
            os.close(slave)
            output = _read_all(master)
        assert process.returncode == 0, output
        return screen(output)


def _read_all(master: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux answers EIO when the last writer has closed its side
            part = b""
        if not part:
            os.close(master)
            return b"".join(parts).decode()
        parts.append(part)


@pytest.fixture
def terminal(hub: DockerHub, tmp_path: Path) -> Terminal:
    return Terminal(hub, tmp_path)


@pytest.mark.parametrize(("number", "session"), SESSIONS)
def test_the_session_reads_the_same(number: int, session: str, terminal: Terminal) -> None:
    steps = list(exchanges(session, PROMPT))
    assert steps, "the document has changed"
    if not any(step.command.startswith("docker pull") for step in steps):
        terminal.type("docker pull nginx")
    for step in steps:
        shown = terminal.type(step.command)
        if "--help" in step.command:
            _compare_help(step, shown)
        elif "history" in step.command:
            _compare_history(step, shown)
        elif "inspect" in step.command:
            _compare_inspect(step, shown)
        else:
            assert normalise(shown) == normalise(_expected(step)), step.command


def _expected(step: Exchange) -> list[str]:
    """The document's answer, without docker's advertisement of another product after a pull."""
    lines = list(step.answer)
    for index, line in enumerate(lines):
        if line.startswith("What's next:"):
            return lines[:index]
    return lines


def _compare_help(step: Exchange, shown: list[str]) -> None:
    """Every line of docker's help is there, except where the width of the terminal breaks an explanation."""
    ours = " ".join(normalise(shown))
    for line in normalise(step.answer):
        assert line.replace("docker ", "shale ") in ours or "docs.docker.com" in line, line


def _compare_history(step: Exchange, shown: list[str]) -> None:
    """The document shows the first step only, an older docker's columns, and cuts two characters later."""
    heading, first = normalise(step.answer)
    ours = normalise(shown)
    assert ours[0] == f"{heading} COMMENT"
    (command, size), (our_command, our_size) = first.split("…"), ours[1].split("…")
    assert (command.startswith(our_command), len(command) - len(our_command)) == (True, 2)
    assert our_size == size
    assert len(ours) == 1 + 8
    assert all(line.startswith("<missing>") for line in ours[2:])


def _compare_inspect(step: Exchange, shown: list[str]) -> None:
    """The document leaves most out: what it shows is there, in its order."""
    (image,) = json.loads("\n".join(shown))
    named = re.findall(r'^        "(\w+)":', "\n".join(step.answer), re.MULTILINE)
    assert [field for field in image if field in named] == named
    assert image["RepoTags"] == ["nginx:latest"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image["Id"])
    assert image["Size"] == sum(30_000 * (7 - number) for number in range(7))
