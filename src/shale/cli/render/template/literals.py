"""Constants of a template: Go's strings, characters and numbers, and Go's way of quoting.

Specification: the Go language, "String literals", "Integer literals", "Floating-point literals"; strconv.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["BadLiteral", "character", "number", "quote", "unquote"]

_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))|(\\)"
)
_SIMPLE: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"',
}  # fmt: skip
_LONGEST_NUMBER: Final = 100
_SHORT: Final = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"
}  # fmt: skip


class BadLiteral(ValueError):
    """A constant is malformed; the parser says where."""


def unquote(text: str) -> str:
    """The string of a literal in double quotes or back quotes; bytes that are no UTF-8 become U+FFFD.

    Raises:
        BadLiteral: an escape is not one of Go's.
    """
    if text[0] == "`":
        return text[1:-1].replace("\r", "")
    return _unescape(text[1:-1], forbidden="'")


def character(text: str) -> int:
    """The code point of a literal in single quotes.

    Raises:
        BadLiteral: it is not exactly one character.
    """
    try:
        inner = _unescape(text[1:-1], forbidden='"')
    except BadLiteral:
        inner = ""
    if len(inner) != 1:
        raise BadLiteral(f"malformed character constant: {text}")
    return ord(inner)


def _unescape(text: str, forbidden: str) -> str:
    if "\\" not in text:
        return text
    parts: list[bytes] = []
    end = 0
    for match in _ESCAPE.finditer(text):
        parts.append(_utf8(text[end : match.start()]))
        parts.append(_escaped(match, forbidden))
        end = match.end()
    parts.append(_utf8(text[end:]))
    return b"".join(parts).decode("utf-8", "replace")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape" if not text.isascii() else "strict")


def _escaped(match: re.Match[str], forbidden: str) -> bytes:
    simple, byte, short, long, octal, lone = match.groups()
    if lone or (simple and simple == forbidden):
        raise BadLiteral("invalid syntax")
    if simple:
        return _SIMPLE[simple].encode()
    if byte or octal:
        value = int(byte, 16) if byte else int(octal, 8)
        if value > 0xFF:
            raise BadLiteral("invalid syntax")
        return bytes([value]) if value >= 0x80 else chr(value).encode()
    code = int(short or long, 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise BadLiteral("invalid syntax")
    return chr(code).encode()


def number(text: str) -> int | float:
    """The value of a number: int64, or float64 where it is written with a point or an exponent.

    Raises:
        BadLiteral: the form is wrong, or the number is too large.
    """
    lowered = text.lower().lstrip("+-")
    hexadecimal = lowered.startswith("0x")
    try:
        if len(text) > _LONGEST_NUMBER:
            raise ValueError(text)
        if hexadecimal and ("p" in lowered or "." in lowered):
            return float.fromhex(text.replace("_", ""))
        if not hexadecimal and any(mark in lowered for mark in ".e"):
            return _float(text)
        value = int(text, 8) if re.fullmatch(r"0[0-7_]+", lowered) else int(text, 0)
    except (ValueError, OverflowError):
        raise BadLiteral(f"illegal number syntax: {quote(text)}") from None
    if not -(2**63) <= value < 2**63:
        raise BadLiteral(f"integer overflow: {quote(text)}")
    return value


def _float(text: str) -> float:
    value = float(text)
    if "_" in text or value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def quote(text: str, mark: str = '"') -> str:
    """A string in quotes, with Go's escapes (strconv.Quote)."""
    return mark + "".join(_quoted(character, mark) for character in text) + mark


def _quoted(character: str, mark: str) -> str:
    if character == mark:
        return "\\" + mark
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
