"""Tokens to nodes. Specification: Go text/template/parse/parse.go; the messages are Go's.

block   = { text | action }
action  = "{{" ( control | pipeline ) "}}"
control = if | with | range | template | block | define | break | continue | else | end
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import NamedTuple

from shale.cli.render.template import nodes
from shale.cli.render.template.cursor import Cursor
from shale.cli.render.template.expressions import ExpressionParser
from shale.cli.render.template.lexer import Token, tokenize
from shale.cli.render.template.literals import quote
from shale.cli.render.template.scope import Scope

__all__ = ["Definition", "Parsed", "parse"]


class Definition(NamedTuple):
    """A template by itself: its nodes, and how many variables it needs room for."""

    body: nodes.Block
    slots: int


class Parsed(NamedTuple):
    """A text, parsed: the main template, and those that `define` and `block` name."""

    text: str
    main: Definition
    named: dict[str, Definition]


def parse(text: str, functions: Container[str]) -> Parsed:
    """Parse a template.

    Args:
        text: the template.
        functions: the names of those there are.

    Raises:
        TemplateError: the text is malformed, names an unknown function or variable, or is nested too deep.
    """
    parser = _Parser(tokenize(text), functions)
    return Parsed(text, parser.main(), parser.named)


class _Parser:
    """Parses blocks; `named` gathers the templates that they define."""

    def __init__(self, tokens: list[Token], functions: Container[str]) -> None:
        self.named: dict[str, Definition] = {}
        self._cursor = Cursor(tokens)
        self._expressions = ExpressionParser(self._cursor, functions)
        self._loops = 0

    def main(self) -> Definition:
        """The whole text."""
        body: list[nodes.Statement] = []
        while (token := self._cursor.peek(skip_space=False)).kind != "eof":
            if token.kind == "left" and self._cursor.keyword_after_left() == "define":
                self._define()
                continue
            statement, end = self._statement()
            if end:
                raise self._cursor.error(f"unexpected {{{{{end}}}}}")
            body += statement
        return Definition(tuple(body), self._expressions.scope.slots)

    def _define(self) -> None:
        self._cursor.take()
        self._cursor.take()
        name = self._expressions.string(self._cursor.expect("string", "define clause"))
        self._cursor.expect("right", "define clause")
        self._definition(name, "define clause")

    def _definition(self, name: str, context: str) -> None:
        """The body of a template up to its `end`; it has variables of its own."""
        outer, self._expressions.scope = self._expressions.scope, Scope()
        loops, self._loops = self._loops, 0
        self._cursor.enter()
        body, end = self._block()
        if end != "end":
            raise self._cursor.error(f"unexpected {{{{{end}}}}} in {context}")
        found = Definition(body, self._expressions.scope.slots)
        self._expressions.scope, self._loops = outer, loops
        self._cursor.leave()
        known = self.named.get(name)
        if known is None or _is_empty(known.body):
            self.named[name] = found
        elif not _is_empty(body):
            raise self._cursor.error(f"template: multiple definition of template {quote(name)}")

    def _block(self) -> tuple[nodes.Block, str]:
        """Statements up to `end` or `else`; which of them it was."""
        body: list[nodes.Statement] = []
        while self._cursor.peek().kind != "eof":
            statement, end = self._statement()
            if end:
                return tuple(body), end
            body += statement
        raise self._cursor.error("unexpected EOF")

    def _statement(self) -> tuple[tuple[nodes.Statement, ...], str]:
        """One statement, or none and the keyword that ends the block."""
        token = self._cursor.take()
        if token.kind == "text":
            return (nodes.Text(token.text),), ""
        if token.kind != "left":
            raise self._cursor.unexpected(token, "input")
        self._cursor.action_line = token.line
        following = self._cursor.peek()
        if following.kind != "keyword" or following.text == "define":
            return (nodes.Action(self._expressions.pipeline("command", "right")),), ""
        self._cursor.take()
        return self._control(following)

    def _control(self, keyword: Token) -> tuple[tuple[nodes.Statement, ...], str]:
        word = keyword.text
        if word == "end":
            self._cursor.expect("right", "end")
            return (), "end"
        if word == "else":
            if self._cursor.peek().kind == "keyword" and self._cursor.peek().text in ("if", "with"):
                return (), "else " + self._cursor.peek().text
            self._cursor.expect("right", "else")
            return (), "else"
        controls: dict[str, Callable[[], nodes.Statement]] = {
            "if": lambda: self._branch("if"),
            "with": lambda: self._branch("with"),
            "range": self._range,
            "template": self._call,
            "block": self._block_call,
            "break": lambda: self._jump("break"),
            "continue": lambda: self._jump("continue"),
        }
        return (controls[word](),), ""

    def _jump(self, word: str) -> nodes.Jump:
        token = self._cursor.take()
        if token.kind != "right":
            raise self._cursor.unexpected(token, f"{{{{{word}}}}}")
        if not self._loops:
            raise self._cursor.error(f"{{{{{word}}}}} outside {{{{range}}}}")
        return nodes.Jump(word == "break")

    def _branch(self, word: str) -> nodes.Branch:
        mark = self._expressions.scope.mark()
        self._cursor.enter()
        pipeline = self._expressions.pipeline(word, "right")
        body, end = self._block()
        otherwise: nodes.Block = ()
        if end == f"else {word}":  # shares its `end` with the branch that it stands in
            self._cursor.take()
            otherwise = (self._branch(word),)
        elif end != "end":
            otherwise = self._otherwise(end)
        self._cursor.leave()
        self._expressions.scope.release(mark)
        return nodes.Branch(pipeline, word == "with", body, otherwise)

    def _otherwise(self, end: str) -> nodes.Block:
        if end != "else":
            raise self._cursor.unexpected(self._cursor.take(), "else")
        body, end = self._block()
        if end != "end":
            raise self._cursor.error(f"expected end; found {{{{{end}}}}}")
        return body

    def _range(self) -> nodes.Range:
        mark = self._expressions.scope.mark()
        self._cursor.enter()
        pipeline = self._expressions.pipeline("range", "right")
        self._loops += 1
        body, end = self._block()
        self._loops -= 1
        otherwise = () if end == "end" else self._otherwise(end)
        self._cursor.leave()
        self._expressions.scope.release(mark)
        return nodes.Range(pipeline, body, otherwise)

    def _call(self) -> nodes.TemplateCall:
        token = self._cursor.expect("string", "template clause")
        pipeline = None
        if self._cursor.peek().kind == "right":
            self._cursor.take()
        else:
            pipeline = self._expressions.pipeline("template clause", "right")
        return nodes.TemplateCall(token.pos, self._expressions.string(token), token.text, pipeline)

    def _block_call(self) -> nodes.TemplateCall:
        token = self._cursor.expect("string", "block clause")
        name = self._expressions.string(token)
        pipeline = self._expressions.pipeline("block clause", "right")
        self._definition(name, "block clause")
        return nodes.TemplateCall(token.pos, name, token.text, pipeline)


def _is_empty(body: nodes.Block) -> bool:
    return all(isinstance(statement, nodes.Text) and not statement.text.strip() for statement in body)
