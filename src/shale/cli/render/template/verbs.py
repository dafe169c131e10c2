"""`printf` as Go's fmt does it: verbs, flags, width, precision, argument numbers, and its ways to complain.

Specification: the documentation of Go's package fmt, "Printing" and "Format errors".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from shale.cli.render.template.failure import CallFailure
from shale.cli.render.template.gotext import text_of, type_name
from shale.cli.render.template.limits import MAX_STRING
from shale.cli.render.template.scalars import BadVerb, Spec, padded, scalar

__all__ = ["format_verbs"]

_VERB: Final = re.compile(
    r"%(?P<flags>[-+# 0]*)(?:\[(?P<first>\d{1,6})\])?(?P<width>\d+|\*)?"
    r"(?:(?P<point>\.)(?:\[(?P<second>\d{1,6})\])?(?P<precision>\d+|\*)?)?(?:\[(?P<third>\d{1,6})\])?(?P<verb>.?)",
    re.DOTALL,
)
_WIDEST: Final = 1_000_000


class _Number(NamedTuple):
    value: int | None
    fault: str = ""


class _Arguments:
    """The arguments, taken in turn or by number."""

    def __init__(self, values: Sequence[object]) -> None:
        self.values = values
        self.next = 0
        self.numbered = False
        self.good = True

    def choose(self, number: str | None) -> None:
        if number is None:
            return
        self.numbered = True
        self.good = 1 <= int(number) <= len(self.values)
        if self.good:
            self.next = int(number) - 1

    def number(self, text: str | None, word: str, default: int | None) -> _Number:
        """A width or precision: digits, or `*` for the next argument."""
        if text != "*":
            value = default if text is None else int(text[:8])
            return _Number(value) if value is None or value <= _WIDEST else _Number(default, f"%!(BAD{word})")
        value_of = self.values[self.next] if self.next < len(self.values) else None
        self.next += 1
        if type(value_of) is not int or abs(value_of) > _WIDEST:
            return _Number(default, f"%!(BAD{word})")
        return _Number(value_of)


def format_verbs(pattern: str, values: Sequence[object]) -> str:
    """The pattern with its verbs filled in.

    Raises:
        CallFailure: the result would be longer than a template may make a string.
    """
    parts: list[str] = []
    arguments = _Arguments(values)
    end = size = 0
    for match in _VERB.finditer(pattern):
        piece = pattern[end : match.start()] + _filled(match, arguments)
        parts.append(piece)
        size += len(piece)
        if size > MAX_STRING:
            raise CallFailure(f"the text is longer than {MAX_STRING} characters")
        end = match.end()
    parts.append(pattern[end:])
    if not arguments.numbered and arguments.next < len(values):
        extra = ", ".join(_named(value) for value in values[arguments.next :])
        parts.append(f"%!(EXTRA {extra})")
    return "".join(parts)


def _named(value: object) -> str:
    return "<nil>" if value is None else f"{type_name(value)}={text_of(value)}"


def _filled(match: re.Match[str], arguments: _Arguments) -> str:
    verb = match["verb"]
    arguments.good = True
    arguments.choose(match["first"])
    width = arguments.number(match["width"], "WIDTH", None)
    arguments.choose(match["second"])
    precision = arguments.number(match["precision"], "PREC", 0 if match["point"] else None)
    arguments.choose(match["third"])
    faults = width.fault + precision.fault
    if not verb:
        return faults + "%!(NOVERB)"
    if verb == "%":
        return faults + "%"
    if not arguments.good:
        return f"{faults}%!{verb}(BADINDEX)"
    if arguments.next >= len(arguments.values):
        return f"{faults}%!{verb}(MISSING)"
    value = arguments.values[arguments.next]
    arguments.next += 1
    return faults + _formatted(value, _spec(verb, match["flags"], width.value, precision.value))


def _spec(verb: str, flags: str, width: int | None, precision: int | None) -> Spec:
    if width is not None and width < 0:  # only from `*`
        flags, width = flags + "-", -width
    if precision is not None and precision < 0:
        precision = None
    return Spec(verb, flags.replace("0", "") if "-" in flags else flags, width or 0, precision)


def _formatted(value: object, spec: Spec) -> str:
    if spec.verb == "T":
        return padded(type_name(value), spec)
    if value is None:
        return padded("<nil>", spec) if spec.verb == "v" else f"%!{spec.verb}(<nil>)"
    return _any(value, spec)


def _any(value: object, spec: Spec) -> str:
    """A value under a verb; the verb goes to each element of a list or map."""
    if value is None:
        return padded("<nil>", spec)
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(_any(item, spec) for item in value) + "]"
    if isinstance(value, Mapping):
        items = (f"{_any(name, spec)}:{_any(value[name], spec)}" for name in sorted(value))
        return "map[" + " ".join(items) + "]"
    if not isinstance(value, (str, int, float)):
        value = text_of(value)
    try:
        return scalar(value, spec)
    except BadVerb:
        return f"%!{spec.verb}({type_name(value)}={text_of(value)})"
