"""`index`, `slice`, `len`. Strings are counted in bytes of UTF-8, as in Go."""

from __future__ import annotations

from collections.abc import Mapping

from shale.cli.render.template.failure import CallFailure
from shale.cli.render.template.gotext import type_name
from shale.cli.render.values import GoMap, fields_of

__all__ = ["cut", "index", "length"]


def index(value: object, *keys: object) -> object:
    """`index x 1 "a"` is `x[1]["a"]`.

    A key that a map does not have gives the zero value: empty for a map of strings (labels), else nil.
    No map at all (`"Labels": null`) counts as an empty one.

    Raises:
        CallFailure: the value has no elements, the key is of the wrong kind, or out of range.
    """
    for key in keys:
        fields = fields_of(value)
        value = _element(value if fields is None else fields, key)
    return value


def _element(value: object, key: object) -> object:
    if isinstance(value, Mapping):
        if not isinstance(key, str):
            raise CallFailure(f"value has type {type_name(key)}; should be string")
        if key in value:
            return value[key]
        strings = all(isinstance(item, str) for item in value.values())
        return "" if strings and isinstance(value, GoMap) else None
    if value is None:
        if isinstance(key, str):
            return ""
        raise CallFailure("index of untyped nil")
    if not isinstance(value, (str, list, tuple)):
        raise CallFailure(f"can't index item of type {type_name(value)}")
    if isinstance(key, bool) or not isinstance(key, int):
        raise CallFailure(f"cannot index slice/array with type {type_name(key)}")
    items = value.encode("utf-8", "replace") if isinstance(value, str) else value
    if not 0 <= key < len(items):
        raise CallFailure(f"index out of range: {key}")
    return items[key]


def cut(value: object, *bounds: object) -> object:
    """`slice x 1 3` is `x[1:3]`.

    Raises:
        CallFailure: the value is no string or list, or a bound is out of range.
    """
    if not isinstance(value, (str, list, tuple)):
        raise CallFailure(f"can't slice item of type {type_name(value)}")
    if len(bounds) > 3:
        raise CallFailure(f"too many slice indexes: {len(bounds)}")
    if len(bounds) == 3 and isinstance(value, str):
        raise CallFailure("cannot 3-index slice a string")
    items = value.encode("utf-8", "replace") if isinstance(value, str) else value
    limits: list[int] = []
    for bound in bounds:
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise CallFailure(f"cannot index slice/array with type {type_name(bound)}")
        if not 0 <= bound <= len(items):
            raise CallFailure(f"index out of range: {bound}")
        if limits and bound < limits[-1]:
            raise CallFailure(f"invalid slice index: {limits[-1]} > {bound}")
        limits.append(bound)
    part = items[limits[0] if limits else 0 : limits[1] if len(limits) > 1 else len(items)]
    return part.decode("utf-8", "replace") if isinstance(part, bytes) else part


def length(value: object) -> int:
    """How many elements, keys or bytes.

    Raises:
        CallFailure: the value has no length.
    """
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if isinstance(value, (list, tuple, Mapping)):
        return len(value)
    raise CallFailure("len of nil pointer" if value is None else f"len of type {type_name(value)}")
