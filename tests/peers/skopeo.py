"""skopeo and umoci, which know images but have no store of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from peers.ground import Ground
from peers.process import Outcome, run, tool


@dataclass(frozen=True, slots=True)
class Skopeo:
    """The skopeo command; any image may be copied, whoever signed it."""

    ground: Ground

    def __call__(
        self, *args: str, stdin: str | None = None, timeout: float = 300, check: bool = True
    ) -> Outcome:
        """`skopeo ARGS`; `timeout` in seconds."""
        command = [tool("skopeo", "skopeo"), "--insecure-policy", *args]
        return run(command, env=self.ground.env, stdin=stdin, timeout=timeout, check=check)

    def copy(self, source: str, destination: str, *options: str) -> Outcome:
        """`skopeo copy` between two names in its notation, with all platforms and the exact manifests."""
        trust = ("--src-tls-verify=false", "--dest-tls-verify=false")
        return self("copy", "--quiet", "--all", "--preserve-digests", *trust, *options, source, destination)

    def inspect(self, name: str, *options: str) -> Any:
        """`skopeo inspect` of a name in its notation: the decoded JSON."""
        return json.loads(self("inspect", "--tls-verify=false", *options, name).stdout)


@dataclass(frozen=True, slots=True)
class Umoci:
    """The umoci command, which unpacks OCI layouts."""

    ground: Ground

    def __call__(self, *args: str, timeout: float = 300, check: bool = True) -> Outcome:
        """`umoci ARGS`; `timeout` in seconds."""
        return run([tool("umoci", "umoci"), *args], env=self.ground.env, timeout=timeout, check=check)
