"""Values as Go's fmt writes and names them: `[a b]`, `map[k:v]`, `<nil>`, `[]string`; and what is true."""

from __future__ import annotations

from collections.abc import Mapping

from shale.cli.render.floats import go_float
from shale.cli.render.values import GoMap, Method, fields_of

__all__ = ["is_true", "text_of", "type_name"]


def text_of(value: object) -> str:
    """The value under `%v`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, (list, tuple)) and not isinstance(value, Method):
        return "[" + " ".join(text_of(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{name}:{text_of(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, Method):
        return text_of(value.function()) if not value.parameters else "<method>"
    fields = fields_of(value) if type(value).__str__ is object.__str__ else None
    return str(value) if fields is None else "{" + " ".join(text_of(item) for item in fields.values()) + "}"


def type_name(value: object) -> str:
    """The Go type that the value stands for."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "bool"
    for python, go in ((str, "string"), (int, "int"), (float, "float64")):
        if isinstance(value, python):
            return go
    if isinstance(value, (list, tuple)):
        return "[]string" if value and all(isinstance(item, str) for item in value) else "[]interface {}"
    if isinstance(value, GoMap):
        strings = all(isinstance(item, str) for item in value.values())
        return "map[string]string" if strings else "map[string]interface {}"
    return "map[string]interface {}" if isinstance(value, Mapping) else type(value).__name__


def is_true(value: object) -> bool:
    """Whether `if` takes the value for true: not zero, not empty; a struct always is."""
    if isinstance(value, (str, int, float, list, tuple, Mapping)) or value is None:
        return bool(value)
    return True
