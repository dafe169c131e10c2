"""One string, number or boolean under one verb of `printf`."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from shale.cli.render.floats import go_float
from shale.cli.render.template.literals import quote

__all__ = ["BadVerb", "Spec", "padded", "scalar"]


class BadVerb(ValueError):
    """The verb is not for this kind of value."""


class Spec(NamedTuple):
    """What stands between `%` and the value.

    Attributes:
        verb: one character.
        flags: of `-+# 0`.
        width: the fewest characters.
        precision: digits after the point, or most characters of a string; None where not given.
    """

    verb: str
    flags: str
    width: int
    precision: int | None


def padded(text: str, spec: Spec) -> str:
    """The text, filled up with spaces to its width, or with zeros where the flag asks for them."""
    if "-" in spec.flags:
        return text.ljust(spec.width)
    return text.rjust(spec.width, "0" if "0" in spec.flags else " ")


def scalar(value: str | bool | float, spec: Spec) -> str:  # noqa: FBT001 - a value, not a switch
    """The value as the verb says.

    Raises:
        BadVerb: the verb is not for this kind of value.
    """
    if isinstance(value, str):
        return padded(_string(value, spec), spec)
    if isinstance(value, bool):
        if spec.verb not in ("t", "v"):
            raise BadVerb(spec.verb)
        return padded("true" if value else "false", spec)
    if isinstance(value, int):
        return _integer(value, spec)
    return _float(value, spec)


def _string(value: str, spec: Spec) -> str:
    if spec.precision is not None and spec.verb in "svqxX":
        value = value[: spec.precision]
    if spec.verb in ("s", "v"):
        return value
    if spec.verb == "q":
        if "#" in spec.flags and "`" not in value and value.isprintable():
            return f"`{value}`"
        return quote(value)
    if spec.verb not in ("x", "X"):
        raise BadVerb(spec.verb)
    digits = value.encode("utf-8", "replace").hex(*(" " if " " in spec.flags else ()))
    digits = ("0x" if "#" in spec.flags and digits else "") + digits
    return digits.upper() if spec.verb == "X" else digits


def _integer(value: int, spec: Spec) -> str:
    if spec.verb in ("c", "q", "U"):
        return padded(_character(value, spec), spec)
    base = {"d": "d", "v": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}.get(spec.verb)
    if base is None:
        raise BadVerb(spec.verb)
    digits = format(abs(value), base)
    if spec.precision is not None:
        digits = digits.rjust(min(spec.precision, 1_000_000), "0")
    prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(spec.verb, "") if "#" in spec.flags else ""
    prefix = "0o" if spec.verb == "O" else prefix
    sign = "-" if value < 0 else "+" if "+" in spec.flags else " " if " " in spec.flags else ""
    return _signed(sign + prefix, digits, spec, zeros=spec.precision is None)


def _signed(sign: str, digits: str, spec: Spec, *, zeros: bool) -> str:
    """Zeros go between the sign and the digits, spaces before the sign."""
    if "0" in spec.flags and zeros:
        return sign + digits.rjust(spec.width - len(sign), "0")
    return padded(sign + digits, spec._replace(flags=spec.flags.replace("0", "")))


def _character(value: int, spec: Spec) -> str:
    valid = 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000
    if spec.verb == "U":
        return f"U+{value:04X}"
    shown = chr(value) if valid else "\ufffd"
    return quote(shown, "'") if spec.verb == "q" else shown


def _float(value: float, spec: Spec) -> str:
    if spec.verb not in "vgGeEfFxX":
        raise BadVerb(spec.verb)
    body = _hexadecimal(value, spec) if spec.verb in "xX" else _decimal(value, spec)
    sign = "-" if body[0] == "-" else "+" if "+" in spec.flags or not isfinite(value) else ""
    sign = sign or (" " if " " in spec.flags else "")
    return _signed(sign, body.lstrip("+-"), spec, zeros=isfinite(value))


def _decimal(value: float, spec: Spec) -> str:
    verb = "g" if spec.verb == "v" else spec.verb
    if not isfinite(value) or (verb in "gG" and spec.precision is None):
        text = go_float(value)
        return text.upper() if verb == "G" and isfinite(value) else text
    return format(value, f".{6 if spec.precision is None else spec.precision}{verb}")


def _hexadecimal(value: float, spec: Spec) -> str:
    if not isfinite(value):
        return go_float(value)
    mantissa, _, exponent = value.hex().partition("p")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    text = f"{mantissa}p{exponent[0]}{exponent[1:]:0>2}"
    return text.upper() if spec.verb == "X" else text
