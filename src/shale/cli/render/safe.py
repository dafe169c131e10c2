r"""Text from outside, made fit for a terminal: no control characters, no more columns than there are.

A label, a file name or an error text of a registry may hold escape sequences that move the cursor, set the
title or hide what follows; shown as `\x1b` they are harmless, and visible.
"""

from __future__ import annotations

from typing import Final
from unicodedata import combining, east_asian_width

__all__ = ["display_width", "ellipsis", "escape_controls"]

# Invisible characters that reorder or hide the text around them (Unicode TR 36, "text spoofing").
_DECEIVING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def escape_controls(text: str, keep: str = "") -> str:
    r"""Show control characters as `\x1b`, and those that reorder text as `\u202e`.

    Args:
        text: what came from outside.
        keep: the characters to leave alone: `"\n\t"` for text of several lines.

    Returns:
        The text without C0 and C1 controls, DEL, bidirectional controls, line separators and lone surrogates.
    """
    if text.isprintable():  # true of nearly all text, and quick
        return text
    return "".join(mark if mark in keep else _visible(mark) for mark in text)


def _visible(mark: str) -> str:
    code = ord(mark)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(mark, f"\\x{code:02x}")
    if 0xD800 <= code < 0xE000 or code in (0x2028, 0x2029) or mark in _DECEIVING:
        return f"\\u{code:04x}"
    return mark


def display_width(text: str) -> int:
    """Columns that a terminal gives to a text: two for East Asian wide, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(_columns(mark) for mark in text)


def _columns(mark: str) -> int:
    if combining(mark) or mark in "\u200b\u200c\u200d\ufe0e\ufe0f":
        return 0
    return 2 if east_asian_width(mark) in ("W", "F") else 1


def ellipsis(text: str, width: int) -> str:
    """Cut a text to a number of columns, the last of them `…`.

    For a width of 1 the first character is given even where it takes two columns, as Docker does.
    """
    if width <= 0:
        return ""
    if display_width(text) <= width:
        return text
    if width == 1:
        return text[0]
    used = 0
    for index, mark in enumerate(text):
        used += _columns(mark)
        if used > width - 1:
            return text[:index] + "…"
    return text
