"""The functions of a template: Go's own, and those that Docker adds (github.com/docker/cli/templates)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from shale.cli.render.jsontext import compact_json
from shale.cli.render.template import comparing, elements, escaping
from shale.cli.render.template.failure import CallFailure
from shale.cli.render.template.gotext import is_true, text_of
from shale.cli.render.template.limits import MAX_STRING
from shale.cli.render.template.verbs import format_verbs
from shale.errors import Exhausted, Unsupported

__all__ = ["FUNCTIONS", "HEADER_FUNCTIONS", "Function", "Kind"]

Kind = Literal["any", "string", "int", "strings"]


class Function(NamedTuple):
    """A function, and what it takes.

    Attributes:
        call: raises CallFailure where the arguments do not fit.
        takes: the kinds of its parameters.
        rest: the kind of any further arguments; None where there may be none.
    """

    call: Callable[..., object]
    takes: tuple[Kind, ...] = ()
    rest: Kind | None = None


def _print(*values: object) -> str:
    """Go's Sprint: a space between two neighbours where neither is a string."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(text_of(value))
    return "".join(parts)


def _println(*values: object) -> str:
    return " ".join(text_of(value) for value in values) + "\n"


def _printf(pattern: str, *values: object) -> str:
    return format_verbs(pattern, values)


def _not(value: object) -> bool:
    return not is_true(value)


def _join(items: Sequence[str], separator: str) -> str:
    if sum(map(len, items)) + len(separator) * len(items) > MAX_STRING:
        raise CallFailure(f"the text is longer than {MAX_STRING} characters")
    return separator.join(items)


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _title(text: str) -> str:
    """Go's strings.Title: a capital after anything that is no letter, digit or underscore."""
    parts: list[str] = []
    previous = " "
    for mark in text:
        within = previous.isalnum() or previous == "_" or not (previous.isascii() or previous.isspace())
        parts.append(mark if within else mark.title())
        previous = mark
    return "".join(parts)


def _pad(text: str, before: int, after: int) -> str:
    if not text:
        return text
    if before < 0 or after < 0:
        raise CallFailure("strings: negative Repeat count")
    if before + after > MAX_STRING:
        raise CallFailure(f"the text is longer than {MAX_STRING} characters")
    return " " * before + text + " " * after


def _truncate(text: str, length: int) -> str:
    if length < 0:
        raise CallFailure(f"slice bounds out of range [:{length}]")
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) < length else encoded[:length].decode("utf-8", "replace")


def _json(value: object) -> str:
    try:
        return compact_json(value)
    except (Exhausted, Unsupported) as error:
        raise CallFailure(error.message) from None


def _unchanged(text: str, *_: object) -> str:
    return text


FUNCTIONS: Final[Mapping[str, Function]] = {
    # `and` and `or` stop at the first value that decides; the compiler sees to it.
    "and": Function(_unchanged, ("any",), "any"),
    "or": Function(_unchanged, ("any",), "any"),
    "not": Function(_not, ("any",)),
    "eq": Function(comparing.equals_any, ("any",), "any"),
    "ne": Function(comparing.not_equals, ("any", "any")),
    "lt": Function(comparing.less, ("any", "any")),
    "le": Function(comparing.less_or_equal, ("any", "any")),
    "gt": Function(comparing.greater, ("any", "any")),
    "ge": Function(comparing.greater_or_equal, ("any", "any")),
    "index": Function(elements.index, ("any",), "any"),
    "slice": Function(elements.cut, ("any",), "any"),
    "len": Function(elements.length, ("any",)),
    "print": Function(_print, (), "any"),
    "printf": Function(_printf, ("string",), "any"),
    "println": Function(_println, (), "any"),
    "html": Function(lambda *values: escaping.html(_print(*values)), (), "any"),
    "js": Function(lambda *values: escaping.javascript(_print(*values)), (), "any"),
    "urlquery": Function(lambda *values: escaping.url_query(_print(*values)), (), "any"),
    # Docker's.
    "json": Function(_json, ("any",)),
    "join": Function(_join, ("strings", "string")),
    "split": Function(_split, ("string", "string")),
    "lower": Function(str.lower, ("string",)),
    "upper": Function(str.upper, ("string",)),
    "title": Function(_title, ("string",)),
    "pad": Function(_pad, ("string", "int", "int")),
    "truncate": Function(_truncate, ("string", "int")),
}
"""By name."""

HEADER_FUNCTIONS: Final[Mapping[str, Function]] = {
    **FUNCTIONS,
    "json": Function(_unchanged, ("string",)),
    "join": Function(_unchanged, ("string", "string")),
    "split": Function(_unchanged, ("string", "string")),
    "lower": Function(_unchanged, ("string",)),
    "upper": Function(_unchanged, ("string",)),
    "title": Function(_unchanged, ("string",)),
    "truncate": Function(_unchanged, ("string", "int")),
}
"""For the heading of a table, made from the same template: what changes text leaves the heading alone."""
