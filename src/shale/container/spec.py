"""What a container should be: fixed when it is created, kept as JSON in its row.

Two views of it: `config` is docker's `Config`, what the image says with the caller's wishes over it (lists,
inspect and commit read that), and `wishes` is what the runtime is asked for, as text that only a start reads.
So a list of containers imports nothing of the runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["ContainerSpec", "decode_spec"]


class ContainerSpec(NamedTuple):
    """What a container should be.

    Attributes:
        config: docker's `Config`: `Hostname`, `User`, `Env`, `Entrypoint`, `Cmd`, `Labels`, ...
        wishes: a `RunWishes` as JSON (`shale.runtime.wishes`).
        remove: whether it goes when its process has ended (`--rm`).
    """

    config: Mapping[str, Any] = MappingProxyType({})
    wishes: str = "{}"
    remove: bool = False

    @property
    def command(self) -> Sequence[str]:
        """What runs in it: entrypoint and command, as one list."""
        return [*(self.config.get("Entrypoint") or ()), *(self.config.get("Cmd") or ())]

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's labels with the container's own over them."""
        return self.config.get("Labels") or {}

    def encode(self) -> str:
        """The text of the row."""
        return json.dumps({"config": dict(self.config), "wishes": self.wishes, "remove": self.remove})


def decode_spec(text: str) -> ContainerSpec:
    """Read what `ContainerSpec.encode` wrote."""
    value = json.loads(text)
    return ContainerSpec(value["config"], value["wishes"], value["remove"])
