"""Debian's containerd with private folders, and its own client `ctr`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.ground import Ground
from peers.process import Daemon, Outcome, run, tool


@dataclass(frozen=True, slots=True)
class Containerd:
    """A containerd that answers."""

    ground: Ground
    socket: Path

    def __call__(self, *args: str, timeout: float = 120, check: bool = True) -> Outcome:
        """`ctr ARGS`; `timeout` in seconds."""
        command = [tool("ctr", "containerd"), "--address", str(self.socket), *args]
        return run(command, env=self.ground.env, timeout=timeout, check=check)


@contextmanager
def serve_containerd(ground: Ground) -> Iterator[Containerd]:
    """Run containerd without the plugins that want a network or a cluster."""
    folder = ground.fresh("containerd")
    socket = folder / "s"
    config = folder / "config.toml"
    config.write_text(
        f"version = 2\nroot = '{folder}/root'\nstate = '{folder}/state'\n"
        "disabled_plugins = ['io.containerd.grpc.v1.cri']\n"
        f"[grpc]\naddress = '{socket}'\n[ttrpc]\naddress = '{folder}/t'\n",
        encoding="utf-8",
    )
    program = tool("containerd", "containerd")
    daemon = Daemon([program, "--config", str(config)], env=ground.env, log=folder / "log")
    peer = Containerd(ground, socket)
    try:
        daemon.wait_until(lambda: peer("version", check=False).code == 0 or None)
        yield peer
    finally:
        daemon.stop()
