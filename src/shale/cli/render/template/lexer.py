"""Template text to tokens. Specification: Go text/template/parse/lex.go.

A fault becomes a token of kind "error" and ends the list: the parser reports it when it gets there, so that
the first fault in reading order is the one reported.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

__all__ = ["Kind", "Token", "tokenize"]

Kind = Literal[
    "text", "left", "right", "space", "identifier", "keyword", "field", "dot", "variable", "string", "number",
    "char", "bool", "nil", "pipe", "open", "close", "declare", "assign", "comma", "other", "error", "eof",
]  # fmt: skip

_KEYWORDS: Final = frozenset(
    ("block", "break", "continue", "define", "else", "end", "if", "range", "template", "with")
)
_SINGLE: Final[dict[str, Kind]] = {"|": "pipe", "(": "open", ")": "close", "=": "assign", ",": "comma"}
_SPACE: Final = " \t\r\n"
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_NUMBER: Final = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*|0[bB][01_]*"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)"
)
_QUOTED: Final[dict[str, tuple[Kind, re.Pattern[str], str]]] = {
    '"': ("string", re.compile(r'"(?:[^"\\\n]|\\[^\n])*"'), "unterminated quoted string"),
    "`": ("string", re.compile(r"`[^`]*`"), "unterminated raw quoted string"),
    "'": ("char", re.compile(r"'(?:[^'\\\n]|\\[^\n])*'"), "unterminated character constant"),
}


class Token(NamedTuple):
    """A piece of a template.

    Attributes:
        kind: what it is.
        text: as written; of kind "error", what is wrong.
        pos: where it begins, in characters.
        line: counted from 1.
    """

    kind: Kind
    text: str
    pos: int
    line: int

    def __str__(self) -> str:
        if self.kind == "eof":
            return "EOF"
        if self.kind == "error":
            return self.text
        if self.kind in ("keyword", "dot", "nil"):
            return f"<{self.text}>"
        shown = self.text if len(self.text) <= 10 else self.text[:10]
        escaped = shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return f'"{escaped}"' + ("..." if len(self.text) > 10 else "")


def tokenize(text: str) -> list[Token]:
    """The tokens of a template; the last is of kind "eof" or "error"."""
    return _Lexer(text).run()


class _Fault(Exception):
    """What is wrong; it never leaves this file."""


class _Lexer:
    __slots__ = ("_depth", "_line", "_seen", "_text", "_tokens")

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[Token] = []
        self._depth = 0
        self._line = 1
        self._seen = 0

    def run(self) -> list[Token]:
        pos = 0
        try:
            while pos < len(self._text):
                pos = self._outside(pos)
        except _Fault as fault:
            self._emit("error", str(fault), self._seen)
            return self._tokens
        self._emit("eof", "", len(self._text))
        return self._tokens

    def _emit(self, kind: Kind, text: str, pos: int) -> None:
        self._advance(pos)
        self._tokens.append(Token(kind, text, pos, self._line))

    def _advance(self, pos: int) -> None:
        if pos > self._seen:
            self._line += self._text.count("\n", self._seen, pos)
            self._seen = pos

    def _outside(self, pos: int) -> int:
        """Text up to the next action, and the action or comment after it."""
        text = self._text
        left = text.find("{{", pos)
        if left < 0:
            self._emit("text", text[pos:], pos)
            return len(text)
        # "{{- " eats the space before it; the dash must be followed by space, or "{{-3}}" were ambiguous.
        trims = text.startswith("-", left + 2) and text[left + 3 : left + 4] in (" ", "\t", "\r", "\n")
        plain = text[pos:left].rstrip(_SPACE) if trims else text[pos:left]
        if plain:
            self._emit("text", plain, pos)
        inside = left + (4 if trims else 2)
        if text.startswith("/*", inside):
            return self._comment(inside)
        self._emit("left", "{{", left)
        self._depth = 0
        return self._action(inside)

    def _comment(self, pos: int) -> int:
        self._advance(pos)
        match = _COMMENT.match(self._text, pos)
        if match is None:
            raise _Fault("unclosed comment")
        right = self._right(match.end())
        if right is None:
            raise _Fault("comment ends before closing delimiter")
        return right

    def _right(self, pos: int) -> int | None:
        """Where the text goes on after a closing delimiter at a position; None where there is none."""
        text = self._text
        if text.startswith("}}", pos):
            return pos + 2
        if text[pos : pos + 1] in (" ", "\t", "\r", "\n") and text.startswith("-}}", pos + 1):
            end = pos + 4
            while end < len(text) and text[end] in _SPACE:
                end += 1
            return end
        return None

    def _action(self, pos: int) -> int:
        while True:
            after = self._right(pos)
            if after is not None:
                if self._depth:
                    raise _Fault("unclosed left paren")
                self._emit("right", "}}", pos)
                return after
            pos = self._inside(pos)

    def _inside(self, pos: int) -> int:
        """One token inside an action."""
        text = self._text
        self._advance(pos)
        if pos >= len(text):
            raise _Fault("unclosed action")
        mark = text[pos]
        if mark in _SPACE:
            return self._space(pos)
        if mark in _QUOTED:
            return self._quoted(pos)
        following = text[pos + 1 : pos + 2]
        if mark == "." and not (following.isascii() and following.isdigit()):
            return self._word(pos, "dot", "field")
        if mark == "$":
            return self._word(pos, "variable", "variable")
        if mark in "+-." or (mark.isascii() and mark.isdigit()):
            return self._number(pos)
        if mark.isalnum() or mark == "_":
            return self._word(pos, "identifier", "identifier")
        return self._mark(pos)

    def _space(self, pos: int) -> int:
        end = pos
        while end < len(self._text) and self._text[end] in _SPACE and self._right(end) is None:
            end += 1
        self._emit("space", self._text[pos:end], pos)
        return end

    def _quoted(self, pos: int) -> int:
        kind, pattern, complaint = _QUOTED[self._text[pos]]
        match = pattern.match(self._text, pos)
        if match is None:
            raise _Fault(complaint)
        self._emit(kind, match[0], pos)
        return match.end()

    def _word(self, pos: int, alone: Kind, kind: Kind) -> int:
        """A field, variable or identifier; `alone` is what the first character is by itself."""
        text = self._text
        end = pos + 1
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        following = text[end : end + 1]
        if following and following not in " \t\r\n.,|:)(" and not text.startswith("}}", end):
            raise _Fault(f"bad character U+{ord(following):04X} '{following}'")
        word = text[pos:end]
        if kind == "identifier":
            kind = "keyword" if word in _KEYWORDS else "bool" if word in ("true", "false") else kind
            kind = "nil" if word == "nil" else kind
        elif end == pos + 1:
            kind = alone
        self._emit(kind, word, pos)
        return end

    def _number(self, pos: int) -> int:
        match = _NUMBER.match(self._text, pos)
        end = match.end() if match else pos + 1
        following = self._text[end : end + 1]
        if following in ("+", "-"):  # a complex number in Go
            second = _NUMBER.match(self._text, end)
            raise _Fault(f'bad number syntax: "{self._text[pos : second.end() if second else end]}"')
        if following.isalnum() or following == "_":
            raise _Fault(f'bad number syntax: "{self._text[pos : end + 1]}"')
        self._emit("number", self._text[pos:end], pos)
        return end

    def _mark(self, pos: int) -> int:
        text = self._text
        mark = text[pos]
        if mark == ":":
            if not text.startswith("=", pos + 1):
                raise _Fault("expected :=")
            self._emit("declare", ":=", pos)
            return pos + 2
        if not (mark.isascii() and mark.isprintable()):
            raise _Fault(f"unrecognized character in action: U+{ord(mark):04X}")
        self._depth += {"(": 1, ")": -1}.get(mark, 0)
        if self._depth < 0:
            raise _Fault("unexpected right paren")
        self._emit(_SINGLE.get(mark, "other"), mark, pos)
        return pos + 1
