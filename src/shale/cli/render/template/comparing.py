"""`eq`, `ne`, `lt`, `le`, `gt`, `ge`. Specification: Go text/template/funcs.go: kinds are never mixed."""

from __future__ import annotations

from collections.abc import Mapping

from shale.cli.render.template.failure import CallFailure
from shale.cli.render.template.gotext import text_of, type_name

__all__ = ["equals_any", "greater", "greater_or_equal", "less", "less_or_equal", "not_equals"]


def _basic(value: object) -> str:
    """The kind of a value that has an order or an identity; empty for the others."""
    if isinstance(value, bool):
        return "bool"
    for python, kind in ((str, "string"), (int, "int"), (float, "float")):
        if isinstance(value, python):
            return kind
    return ""


def equals_any(first: object, *others: object) -> bool:
    """Whether the first equals one of the others.

    Raises:
        CallFailure: there is no other, or their kinds differ.
    """
    if not others:
        raise CallFailure("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(first: object, second: object) -> bool:
    if first is None or second is None:
        return first is second
    kind = _basic(first)
    if kind != _basic(second):
        raise CallFailure("incompatible types for comparison")
    if not kind and isinstance(first, (list, tuple, Mapping)):
        raise CallFailure(f"non-comparable type {text_of(first)}: {type_name(first)}")
    return first == second


def not_equals(first: object, second: object) -> bool:
    """Whether two values differ; raises CallFailure as `equals_any` does."""
    return not equals_any(first, second)


def less(first: object, second: object) -> bool:
    """Whether the first is less.

    Raises:
        CallFailure: the kinds differ, or have no order.
    """
    kind, other = _basic(first), _basic(second)
    if not kind or not other:
        raise CallFailure("invalid type for comparison")
    if kind != other:
        raise CallFailure("incompatible types for comparison")
    if isinstance(first, str) and isinstance(second, str):
        return first.encode("utf-8", "surrogatepass") < second.encode("utf-8", "surrogatepass")
    if kind == "bool" or not isinstance(first, (int, float)) or not isinstance(second, (int, float)):
        raise CallFailure("invalid type for comparison")
    return first < second


def less_or_equal(first: object, second: object) -> bool:
    """Whether the first is not greater; raises CallFailure as `less` does."""
    return less(first, second) or _equal(first, second)


def greater(first: object, second: object) -> bool:
    """Whether the first is greater; raises CallFailure as `less` does."""
    return not less_or_equal(first, second)


def greater_or_equal(first: object, second: object) -> bool:
    """Whether the first is not less; raises CallFailure as `less` does."""
    return not less(first, second)
