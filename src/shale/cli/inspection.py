"""An inspected image as templates see it: Docker's types, so that `{{.Config.Labels.x}}` works on any image.

JSON leaves out what is empty; in Go's structs it is still there. So a field that Docker knows and an image
does not have gives its empty value to a template, a field that nobody knows is an error, and the maps whose
keys are content (labels, ports, volumes) give nothing for a key that they do not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shale.cli.render.values import GoMap

__all__ = ["as_fields"]

_STRINGS: Final = frozenset({"User", "WorkingDir", "StopSignal"})
_LISTS: Final = frozenset({"Env", "Entrypoint", "Cmd", "OnBuild", "Shell"})
_MAPS: Final = frozenset({"ExposedPorts", "Volumes", "Labels"})


class _Image(dict[str, object]):
    """An image, whose optional fields are there for templates."""

    def __missing__(self, name: str) -> object:
        if name in ("Variant", "OsVersion"):
            return ""
        raise KeyError(name)


class _Config(dict[str, object]):
    """The `Config` of an image, whose optional fields are there for templates."""

    def __missing__(self, name: str) -> object:
        if name in _STRINGS:
            return ""
        if name in _LISTS:
            return ()
        if name in _MAPS:
            return GoMap[object]()
        if name == "ArgsEscaped":
            return False
        if name == "Healthcheck":
            return None
        raise KeyError(name)


def as_fields(document: Mapping[str, Any]) -> Mapping[str, object]:
    """The document of `Images.inspect` for templates and JSON.

    Args:
        document: plain JSON values.
    """
    fields = _Image(document)
    config = document.get("Config")
    if isinstance(config, Mapping):
        fields["Config"] = _Config(
            {name: _content(value) if name in _MAPS else value for name, value in config.items()}
        )
    return fields


def _content(value: object) -> object:
    """A map whose keys are content, with all maps in it."""
    if isinstance(value, Mapping):
        return GoMap({str(key): _content(item) for key, item in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_content(item) for item in value]
    return value
