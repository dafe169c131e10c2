"""Pipelines and what they are made of: the part of the grammar between the braces.

pipeline  = [ variables ":=" | variable "=" ] command { "|" command }
command   = operand { space operand }
operand   = term { field }
term      = literal | nil | function | "." | field | variable | "(" pipeline ")"
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from shale.cli.render.template import nodes
from shale.cli.render.template.cursor import Cursor
from shale.cli.render.template.failure import parse_error
from shale.cli.render.template.lexer import Kind, Token
from shale.cli.render.template.literals import BadLiteral, character, number, quote, unquote
from shale.cli.render.template.scope import Scope

__all__ = ["ExpressionParser"]

_TERMS: Final[frozenset[Kind]] = frozenset(
    ("bool", "char", "dot", "field", "identifier", "number", "nil", "string", "variable", "open")
)
_CONSTANTS: Final = (nodes.Dot, nodes.Nil, nodes.Literal)


class ExpressionParser:
    """Parses pipelines.

    Args:
        cursor: shared with the parser of blocks.
        functions: the names of those there are.

    Attributes:
        scope: the variables of the template at hand.
    """

    def __init__(self, cursor: Cursor, functions: Container[str]) -> None:
        self._cursor = cursor
        self._functions = functions
        self.scope = Scope()

    def pipeline(self, context: str, closing: Kind) -> nodes.Pipeline:
        """A pipeline and the token that closes it.

        Args:
            context: what it belongs to, for errors.
            closing: "right" or "close".

        Raises:
            TemplateError: it is malformed.
        """
        pos = self._cursor.peek().pos
        names, assigns = self._declared(context)
        commands: list[nodes.Command] = []
        while (token := self._cursor.peek()).kind not in ("right", "close"):
            if token.kind not in _TERMS:
                raise self._cursor.unexpected(self._cursor.take(), context)
            commands.append(self._command())
        if self._cursor.take().kind != closing:
            raise self._cursor.error(f"unexpected {token} in {context}")
        if not commands:
            raise self._cursor.error(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.words[0], _CONSTANTS):
                raise self._cursor.error(f"non executable command in pipeline stage {stage}")
        # Only now do the variables exist: `$x := $x` speaks of the outer one.
        variables = tuple(
            nodes.Variable(
                token.pos, token.text, self._slot(token) if assigns else self.scope.declare(token.text)
            )
            for token in names
        )
        return nodes.Pipeline(pos, variables, assigns, tuple(commands))

    def _slot(self, token: Token) -> int:
        slot = self.scope.find(token.text)
        if slot is None:
            raise parse_error(token.line, f"undefined variable {quote(token.text)}")
        return slot

    def _declared(self, context: str) -> tuple[list[Token], bool]:
        """The variables before `:=` or `=`, and whether it was the latter."""
        names: list[Token] = []
        start = self._cursor.next
        while self._cursor.peek().kind == "variable":
            names.append(self._cursor.take())
            sign = self._cursor.peek()
            if sign.kind in ("declare", "assign"):
                self._cursor.take()
                return names, sign.kind == "assign"
            if sign.kind != "comma":
                break
            self._cursor.take()
            if context != "range" or len(names) > 1:
                raise self._cursor.error(f"too many declarations in {context}")
            if self._cursor.peek().kind != "variable":
                raise self._cursor.error("range can only initialize variables")
        self._cursor.next = start
        return [], False

    def _command(self) -> nodes.Command:
        pos = self._cursor.peek().pos
        words: list[nodes.Operand] = []
        while True:
            if self._cursor.peek().kind in _TERMS:
                words.append(self._operand())
            token = self._cursor.take(skip_space=False)
            if token.kind == "space":
                continue
            if token.kind in ("right", "close"):
                self._cursor.next -= 1
            elif token.kind != "pipe":
                raise self._cursor.unexpected(token, "operand")
            return nodes.Command(pos, tuple(words))

    def _operand(self) -> nodes.Operand:
        term = self._term()
        names: list[str] = []
        pos = self._cursor.peek(skip_space=False).pos
        while self._cursor.peek(skip_space=False).kind == "field":
            names.append(self._cursor.take().text[1:])
        if not names:
            return term
        # Go gives the whole the position of the first field that follows the term.
        match term:
            case nodes.Field():
                return nodes.Field(pos, (*term.names, *names))
            case nodes.Variable():
                return nodes.Variable(pos, term.name, term.slot, tuple(names))
            case nodes.Dot() | nodes.Nil() | nodes.Literal():
                raise self._cursor.error(f"unexpected . after term {quote(nodes.source(term))}")
            case _:
                return nodes.Chain(pos, term, tuple(names))

    def _term(self) -> nodes.Operand:
        token = self._cursor.take()
        match token.kind:
            case "identifier":
                if token.text not in self._functions:
                    raise parse_error(token.line, f"function {quote(token.text)} not defined")
                return nodes.Function(token.pos, token.text)
            case "dot":
                return nodes.Dot(token.pos)
            case "nil":
                return nodes.Nil(token.pos)
            case "variable":
                return nodes.Variable(token.pos, token.text, self._slot(token))
            case "field":
                return nodes.Field(token.pos, (token.text[1:],))
            case "open":
                self._cursor.enter()
                pipeline = self.pipeline("parenthesized pipeline", "close")
                self._cursor.leave()
                return pipeline
            case _:
                return nodes.Literal(token.pos, self._constant(token), token.text)

    def _constant(self, token: Token) -> str | bool | int | float:
        if token.kind == "bool":
            return token.text == "true"
        try:
            if token.kind == "number":
                return number(token.text)
            if token.kind == "char":
                return character(token.text)
            return unquote(token.text)
        except BadLiteral as error:
            raise parse_error(token.line, str(error)) from None

    def string(self, token: Token) -> str:
        """The text of a string token."""
        return str(self._constant(token))
