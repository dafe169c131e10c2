"""JSON as Go's encoding/json writes it: compact for `{{json .}}`, with four spaces for `inspect`.

Python's encoder writes other floats, other escapes, and no sorted maps inside objects that keep their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

from shale.cli.render.floats import json_float
from shale.cli.render.values import GoMap, Method, fields_of
from shale.errors import Exhausted, Unsupported

__all__ = ["compact_json", "indented_json"]

_DEEPEST: Final = 200
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ALWAYS: Final = re.compile('[\x00-\x1f"\\\\\u2028\u2029\ud800-\udfff]')
_HTML: Final = re.compile('[\x00-\x1f"\\\\\u2028\u2029\ud800-\udfff<>&]')


def compact_json(value: object, *, escape_html: bool = False) -> str:
    r"""One line of JSON.

    Args:
        value: None, bool, int, float, str, sequences, mappings, and what has fields or writes itself.
        escape_html: write `<`, `>` and `&` as `\u003c` and so on, as Go does unless told otherwise.

    Raises:
        Exhausted: the value is nested deeper than 200 levels.
        Unsupported: the value has no JSON.
    """
    return _Writer(escape_html, indent="").write(value, "\n", 0)


def indented_json(value: object, *, indent: str = "    ", escape_html: bool = False) -> str:
    """JSON of several lines, as `inspect` prints it; the arguments and errors of `compact_json`."""
    return _Writer(escape_html, indent).write(value, "\n", 0)


class _Writer:
    """Writes values; `line` is a line break with the indentation of the level at hand."""

    __slots__ = ("_colon", "_indent", "_special")

    def __init__(self, escape_html: bool, indent: str) -> None:  # noqa: FBT001 - private
        self._special = _HTML if escape_html else _ALWAYS
        self._indent = indent
        self._colon = ": " if indent else ":"

    def write(self, value: object, line: str, depth: int) -> str:
        if isinstance(value, str):
            return self._string(value)
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(int(value))
        if isinstance(value, float):
            return self._float(value)
        if depth >= _DEEPEST:
            raise Exhausted(f"a value is nested deeper than {_DEEPEST} levels: it is not written as JSON")
        return self._composite(value, line, depth)

    def _composite(self, value: object, line: str, depth: int) -> str:
        if type(value) in (dict, GoMap):
            return self._mapping(cast("Mapping[str, object]", value), line, depth)
        if isinstance(value, Method):
            return self.write(value.function(), line, depth + 1)
        if isinstance(value, (list, tuple)):
            return self._sequence(value, line, depth)
        own_json: Callable[[], str] | None = getattr(value, "json_text", None)
        if own_json is not None:
            return own_json()
        fields = fields_of(value)
        if fields is None:
            raise Unsupported(f"a value of type {type(value).__name__} has no JSON: give it template_fields()")
        return self._mapping(fields, line, depth)

    def _mapping(self, value: Mapping[str, object], line: str, depth: int) -> str:
        inner = line + self._indent
        items = sorted(value.items()) if isinstance(value, GoMap) else value.items()
        parts = [
            self._string(name) + self._colon + self.write(item, inner, depth + 1)
            for name, item in items
            if not (isinstance(item, Method) and item.parameters)
        ]
        return self._wrapped("{", parts, "}", line)

    def _sequence(self, value: Iterable[object], line: str, depth: int) -> str:
        inner = line + self._indent
        return self._wrapped("[", [self.write(item, inner, depth + 1) for item in value], "]", line)

    def _wrapped(self, opening: str, parts: list[str], closing: str, line: str) -> str:
        if not parts:
            return opening + closing
        if not self._indent:
            return opening + ",".join(parts) + closing
        inner = line + self._indent
        return opening + inner + ("," + inner).join(parts) + line + closing

    def _string(self, text: str) -> str:
        return f'"{self._special.sub(_escape, text)}"'

    def _float(self, value: float) -> str:
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is not itself
            raise Unsupported(f"the number {value} has no JSON")
        return json_float(value)


def _escape(match: re.Match[str]) -> str:
    mark = match[0]
    if "\ud800" <= mark <= "\udfff":
        return "\\ufffd"  # bytes that are not UTF-8: Go writes the replacement character
    return _SHORT.get(mark) or f"\\u{ord(mark):04x}"
