"""The kinds of value that templates and JSON know, besides Python's own.

Python's values stand for Go's: None nil, bool, int, float64, str string, list and tuple a slice. A plain
mapping stands for a struct: its names are fixed, asking for another is an error, and they keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeVar

__all__ = ["GoMap", "HasFields", "HasJson", "Method", "fields_of"]

V = TypeVar("V")


class GoMap(dict[str, V]):
    """A mapping whose keys are content, such as labels: a missing key is no error, order is by key."""

    __slots__ = ()


class Method(NamedTuple):
    """A field with arguments: `{{.Label "maintainer"}}`; with none, a field computed when asked for.

    Attributes:
        parameters: how many arguments it takes, all of them str or int as the template gives them.
        function: gives the value.
    """

    parameters: int
    function: Callable[..., object]


class HasFields(Protocol):
    """An object that shows fields to templates and JSON."""

    def template_fields(self) -> Mapping[str, object]:
        """The fields by name, in the order of JSON."""
        ...


class HasJson(Protocol):
    """An object that writes its own compact JSON."""

    def json_text(self) -> str:
        """The JSON, without spaces."""
        ...


def fields_of(value: object) -> Mapping[str, object] | None:
    """The fields of a mapping, or of an object that shows some (`HasFields`); None for a value without any.

    This is on the way of every field of every row, and so asks in the order of what is frequent.
    """
    if isinstance(value, Mapping):
        return value
    show: Callable[[], Mapping[str, object]] | None = getattr(value, "template_fields", None)
    return None if show is None else show()
