r"""Patterns for names: what `image ls PATTERN` and `--filter reference=PATTERN` mean.

    pattern = *term
    term    = "*" | "?" | "[" [ "^" ] 1*range "]" | "\" character | character
    range   = character [ "-" character ]          a "\" before a character takes away its meaning

`*` stands for any characters but `/`, `?` for one that is not `/`. Specification: Go's path.Match, which
distribution/reference (FamiliarMatch) and so Docker use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shale.errors import Invalid

__all__ = ["InvalidPattern", "compile_pattern"]


class InvalidPattern(Invalid):
    """A text is not a pattern: a bracket is left open, or nothing follows a backslash."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression to `fullmatch` with.

    The time that a match takes grows with the product of both lengths, never faster: between two stars the
    first place that fits is as good as any later one, so the expression does not go back over it.

    Raises:
        InvalidPattern: malformed.
    """
    first, *rest = _chunks(pattern)
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in rest[:-1])
    last = f"[^/]*?{rest[-1]}" if rest else ""
    return re.compile(first + middle + last, re.DOTALL)


def _chunks(pattern: str) -> list[str]:
    """The expressions for what stands between the stars."""
    chunks = [""]
    characters = _Characters(pattern)
    for character, escaped in characters:
        if escaped or character not in "*?[":
            chunks[-1] += re.escape(character)
        elif character == "*":
            chunks.append("")
        elif character == "?":
            chunks[-1] += "[^/]"
        else:
            chunks[-1] += characters.bracket()
    return chunks


class _Characters(Iterator[tuple[str, bool]]):
    """The characters of a pattern, and whether a backslash stood before each."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._place = 0

    def __next__(self) -> tuple[str, bool]:
        if self._place == len(self._pattern):
            raise StopIteration
        character = self._pattern[self._place]
        self._place += 1
        if character != "\\":
            return character, False
        if self._place == len(self._pattern):
            raise InvalidPattern(
                f"invalid pattern {self._pattern!r}: a character must follow the last backslash"
            )
        self._place += 1
        return self._pattern[self._place - 1], True

    def _inside(self) -> tuple[str, bool]:
        try:
            return next(self)
        except StopIteration:
            raise InvalidPattern(f"invalid pattern {self._pattern!r}: '[' is not closed by ']'") from None

    def bracket(self) -> str:
        """The expression for a set of characters, whose `[` was taken."""
        negated = self._pattern.startswith("^", self._place)
        self._place += negated
        ranges: list[str] = []
        some = False
        while (taken := self._inside()) != ("]", False) or not some:
            low = high = self._bound(taken)
            if self._pattern.startswith("-", self._place):
                self._place += 1
                high = self._bound(self._inside())
            if low <= high:  # Go takes one the wrong way round for an empty one
                ranges.append(f"{re.escape(low)}-{re.escape(high)}")
            some = True
        if not ranges:
            return "." if negated else "(?!)"
        return f"[{'^' if negated else ''}{''.join(ranges)}]"

    def _bound(self, taken: tuple[str, bool]) -> str:
        if taken in (("]", False), ("-", False)):
            raise InvalidPattern(
                f"invalid pattern {self._pattern!r}: in '[...]' write a '\\' before {taken[0]!r}, and not '[]'"
            )
        return taken[0]
