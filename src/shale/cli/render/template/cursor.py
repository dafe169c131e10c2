"""The tokens of a template, one after the other, and the errors that name them."""

from __future__ import annotations

from shale.cli.render.template.failure import TemplateError, parse_error
from shale.cli.render.template.lexer import Kind, Token
from shale.cli.render.template.limits import MAX_NESTING

__all__ = ["Cursor"]


class Cursor:
    """Where the parser is.

    Attributes:
        next: the index of the next token.
        action_line: the line on which the action at hand began.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._nesting = 0
        self.next = 0
        self.action_line = 0

    def peek(self, *, skip_space: bool = True) -> Token:
        """The next token, which stays the next."""
        if skip_space and self._tokens[self.next].kind == "space":
            self.next += 1
        return self._tokens[self.next]

    def take(self, *, skip_space: bool = True) -> Token:
        """The next token; the last one, the end or a fault, is given again and again."""
        token = self.peek(skip_space=skip_space)
        if token.kind not in ("eof", "error"):
            self.next += 1
        return token

    def expect(self, kind: Kind, context: str) -> Token:
        """The next token, which must be of a kind.

        Raises:
            TemplateError: it is not.
        """
        token = self.take()
        if token.kind != kind:
            raise self.unexpected(token, context)
        return token

    def keyword_after_left(self) -> str:
        """The keyword that the action ahead begins with; empty where it begins with none."""
        index = self.next + 1
        if self._tokens[index].kind == "space":
            index += 1
        token = self._tokens[index]
        return token.text if token.kind == "keyword" else ""

    def error(self, message: str) -> TemplateError:
        """An error at the token taken last."""
        return parse_error(self._tokens[max(self.next - 1, 0)].line, message)

    def unexpected(self, token: Token, context: str) -> TemplateError:
        """The error of a token that does not belong where it stands."""
        if token.kind == "error":
            started = self.action_line
            where = f" in action started at :{started}" if started and started != token.line else ""
            return parse_error(token.line, f"{token}{where}")
        return parse_error(token.line, f"unexpected {token} in {context}")

    def enter(self) -> None:
        """Go one level deeper.

        Raises:
            TemplateError: that is deeper than templates may be.
        """
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self.error(f"nested deeper than {MAX_NESTING} levels")

    def leave(self) -> None:
        """Come back from a level."""
        self._nesting -= 1
