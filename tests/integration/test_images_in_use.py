"""Images of real software: nginx answers, as root's and as a user's container; what a container changed is an
image that docker and podman run unchanged.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import shale as library
from ordinary_user import ordinary_user
from peers.dockerd import DockerEngine
from peers.images import Images
from peers.layout import LayoutImage
from peers.podman import Podman
from peers.registry import Registry
from shale.linux.mount import bind

SITE = "server {{ listen 127.0.0.1:{port}; root /var/www/html; }}\n"
PAGE = b"<h1>It works: a page from a layer of its own</h1>\n"
WORDS = {
    "nginx": ("nginx -t 2>&1; cat /var/www/html/index.html", "echo made here > /var/www/html/index.html"),
    "python": (
        "python3 -c 'import json, made; print(json.dumps(made.VALUE))'",
        "cd /usr/lib/python3.*/; echo 'VALUE = [1]' > made.py; rm -r email; mv json other; mv other json",
    ),
    "node": (
        "node -e 'console.log(process.version, require(\"/srv/made\").value)'",
        "echo 'exports.value = 7' > /srv/made.js; chmod 400 /srv/made.js; ln /srv/made.js /srv/again",
    ),
}
"""By image: what shows that it works, and what a container of it changes."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[library.Engine]:
    folder = tmp_path_factory.mktemp("use")
    environ = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    with library.Engine.open(folder / "store", environ=environ) as engine:
        yield engine


def load(engine: library.Engine, image: LayoutImage, name: str) -> None:
    (loaded,) = engine.images.load(image.layout)
    engine.images.tag(str(loaded.target), name)


def test_what_containers_changed_runs_in_docker_and_podman(
    engine: library.Engine, images: Images, docker_registry: Registry, dockerd: DockerEngine, podman: Podman
) -> None:
    for name, (look, change) in WORDS.items():
        load(engine, getattr(images, name)(), name)
        made = f"{docker_registry.host}/made/{name}:1"
        engine.containers.run(name, "sh", "-ec", change, name=f"{name}-changed", remove=False)
        engine.containers.commit(f"{name}-changed", made)
        before, after = ([layer.digest for layer in engine.images.get(one).layers] for one in (name, made))
        assert after[:-1] == before
        engine.images.push(made)
        ours = engine.containers.run(made, "sh", "-ec", f"{look} && echo well")
        assert ours.stdout.endswith(b"well\n"), ours
        for peer in (dockerd, podman):
            peer("pull", "--quiet", made)
            theirs = peer("run", "--rm", "--network", "none", made, "sh", "-ec", f"{look} && echo well")
            assert theirs.stdout.encode() == ours.stdout
    dockerd.forget()


def test_programs_have_the_sockets_that_they_need_and_no_others(engine: library.Engine, images: Images) -> None:
    """CVE-2026-31431: AF_ALG let a program write to pages that it could only read."""
    load(engine, images.python(), "python")
    look = """
import errno, socket
for family, kind in ((38, 5), (40, 1), (2, 1), (1, 1)):
    try:
        socket.socket(family, kind).close()
        print(family)
    except OSError as error:
        print(family, errno.errorcode[error.errno])
"""
    said = engine.containers.run("python", "python3", "-c", look).stdout.decode().splitlines()
    assert said == ["38 EPERM", "40 EPERM", "2", "1"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, process: subprocess.Popen[bytes]) -> bytes:
    """The page at a port, as soon as somebody listens there; fails where the server ends instead."""
    deadline = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.closing(connection), contextlib.suppress(ConnectionRefusedError):
            connection.request("GET", "/")
            return connection.getresponse().read()
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(process: subprocess.Popen[bytes], port: int) -> None:
    """An nginx in the foreground serves the page of its image, and ends when it is asked to."""
    assert get(port, process) == PAGE
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, (out, err)


def served(site: Path) -> tuple[list[str], int]:
    """How to run nginx on a port of its own, by another configuration than the image has."""
    port = free_port()
    site.write_text(SITE.format(port=port))
    site.chmod(0o644)
    mount = f"{site}:/etc/nginx/sites-enabled/default:ro"
    return ["run", "--rm", "--network", "host", "--volume", mount, "nginx"], port


def test_nginx_answers(tmp_path: Path, engine: library.Engine, images: Images) -> None:
    load(engine, images.nginx(), "nginx")
    words, port = served(tmp_path / "site")
    root = str(engine.parts.store.root)
    argv = [sys.executable, "-m", "shale", "--root", root, *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        answers(process, port)
    assert engine.containers.list(all_states=True, filters=["status=running"]) == []


def test_nginx_of_a_user_answers(images: Images) -> None:
    with ordinary_user(scene=lambda: bind(str(images.nginx().layout), "/mnt")) as user:
        loaded = user.shale("load", "--quiet", "--input", "/mnt").stdout.decode().split()[-1]
        assert user.shale("tag", loaded, "nginx").returncode == 0
        words, port = served(user.home / "site")
        with user.started([sys.executable, "-m", "shale", *words]) as process:
            answers(process, port)
