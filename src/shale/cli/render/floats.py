"""Floating-point numbers as Go writes them: strconv's shortest form, with its own choice of exponents."""

from __future__ import annotations

from math import isinf, isnan

__all__ = ["go_float", "json_float"]


def _shortest(value: float) -> tuple[str, str, int]:
    """Sign, significant digits, and the power of ten of the first of them."""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    power = len(whole) - 1 + int(exponent or "0")
    stripped = digits.lstrip("0")
    power -= len(digits) - len(stripped)
    negative = value < 0 or (value == 0 and str(value).startswith("-"))
    return ("-" if negative else ""), stripped.rstrip("0") or "0", (power if stripped else 0)


def _plain(digits: str, power: int) -> str:
    if power < 0:
        return "0." + "0" * (-power - 1) + digits
    if power + 1 >= len(digits):
        return digits + "0" * (power + 1 - len(digits))
    return f"{digits[: power + 1]}.{digits[power + 1 :]}"


def _scientific(digits: str, power: int) -> str:
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"


def go_float(value: float) -> str:
    """The form of `%v` and `%g`: the shortest digits, with an exponent below 1e-4 and from 1e+06 on."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, power = _shortest(value)
    return sign + (_plain(digits, power) if -4 <= power < 6 else _scientific(digits, power))


def json_float(value: float) -> str:
    """The form of encoding/json: an exponent below 1e-6 and from 1e21 on, without a leading zero in it."""
    sign, digits, power = _shortest(value)
    if value == 0 or -6 <= power < 21:
        return sign + _plain(digits, power)
    text = _scientific(digits, power)
    return sign + (f"{text[:-2]}{text[-1]}" if text[-4:-1] == "e-0" else text)
