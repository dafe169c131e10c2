"""Debian's Docker engine with a private data folder, on a unix socket, and the docker command for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from peers.ground import Ground
from peers.process import Daemon, Outcome, run, tool


@dataclass(frozen=True, slots=True)
class DockerEngine:
    """A Docker engine that answers."""

    ground: Ground
    socket: Path
    daemon: Daemon

    def __call__(
        self, *args: str, stdin: str | None = None, timeout: float = 300, check: bool = True
    ) -> Outcome:
        """`docker ARGS` on this engine; `timeout` in seconds."""
        command = [tool("docker", "docker.io"), "--host", f"unix://{self.socket}", *args]
        return run(command, env=self.ground.env, stdin=stdin, timeout=timeout, check=check)

    def forget(self) -> None:
        """Remove every image, so that the next pull fetches again."""
        images = self("image", "ls", "--all", "--quiet", "--no-trunc").stdout.split()
        if images:
            self("image", "rm", "--force", *sorted(set(images)))


@contextmanager
def serve_dockerd(ground: Ground) -> Iterator[DockerEngine]:
    """Run an engine that touches neither the network's set-up nor anything outside its folder."""
    program = tool("dockerd", "docker.io")
    if os.geteuid() != 0:
        pytest.fail("dockerd needs root: run the check as root", pytrace=False)
    folder = ground.fresh("dockerd")
    socket = folder / "s"
    config = folder / "daemon.json"
    config.write_text("{}", encoding="ascii")  # not the machine's /etc/docker/daemon.json
    command = [program, "--config-file", str(config), "--host", f"unix://{socket}"]
    command += ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    command += ["--pidfile", str(folder / "pid"), "--group", str(os.getgid())]
    command += [
        "--bridge",
        "none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--ip-masq=false",
    ]
    command += ["--insecure-registry", "127.0.0.0/8"]
    daemon = Daemon(command, env=ground.env, log=folder / "log")
    engine = DockerEngine(ground, socket, daemon)
    try:
        daemon.wait_until(lambda: engine("version", check=False).code == 0 or None)
        yield engine
    finally:
        daemon.stop()
