"""A stand-in for Docker Hub: docker-registry under Hub's own names, on loopback, in a network of its own.

A process holds a network and a mount namespace in which Hub's host names mean 127.0.0.1. Whatever is run
`inside` speaks https to `registry-1.docker.io` as it would anywhere, and cannot reach any other machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.authority import make_authority
from peers.ground import Ground
from peers.process import Daemon, Outcome, run, tool

HOST = "registry-1.docker.io"
_HOLD = 'ip link set lo up && mount --bind "$1" /etc/hosts && touch "$2" && exec sleep 600'


@dataclass(frozen=True, slots=True)
class DockerHub:
    """The stand-in, while it runs."""

    holder: Daemon
    env: Mapping[str, str]
    certificates: Path

    @property
    def prefix(self) -> list[str]:
        """What stands before a command line that is to run inside."""
        return [tool("nsenter", "util-linux"), "--target", str(self.holder.pid), "--mount", "--net", "--"]

    def run(self, command: Sequence[str], **more: str) -> Outcome:
        """Run a command inside; it may fail."""
        return run([*self.prefix, *command], env={**self.env, **more}, check=False)


@contextmanager
def docker_hub(ground: Ground) -> Iterator[DockerHub]:
    """Run the stand-in."""
    folder = ground.fresh("hub")
    hosts, ready = folder / "hosts", folder / "ready"
    hosts.write_text(f"127.0.0.1 localhost {HOST}\n", encoding="ascii")
    shell = [tool("sh", "dash"), "-c", _HOLD, "hold", str(hosts), str(ready)]
    unshare = [tool("unshare", "util-linux"), "--mount", "--net", "--"]
    holder = Daemon([*unshare, *shell], env=ground.env, log=folder / "holder.log")
    try:
        holder.wait_until(lambda: ready.exists() or None)
        authority = make_authority(ground)
        hub = DockerHub(holder, ground.env, authority.folder)
        pair = authority.issue(folder, HOST)
        config = folder / "config.json"
        config.write_text(
            json.dumps(
                {
                    "version": 0.1,
                    "log": {"level": "info"},
                    "storage": {"filesystem": {"rootdirectory": str(folder / "content")}},
                    "http": {
                        "addr": "127.0.0.1:443",
                        "tls": {"certificate": str(pair.certificate), "key": str(pair.key)},
                    },
                }
            ),
            encoding="utf-8",
        )
        program = tool("docker-registry", "docker-registry")
        registry = Daemon([*hub.prefix, program, "serve", str(config)], env=ground.env, log=folder / "log")
        try:
            registry.wait_until(lambda: "listening on" in registry.log or None)
            yield hub
        finally:
            registry.stop()
    finally:
        holder.stop()
