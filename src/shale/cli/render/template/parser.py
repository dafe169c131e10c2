"""Tokens to nodes. Specification: Go text/template/parse/parse.go; the messages are Go's.

block     = { text | action }
action    = "{{" ( control | pipeline ) "}}"
pipeline  = [ variables ":=" | variable "=" ] command { "|" command }
command   = operand { space operand }
operand   = term { field }
term      = literal | nil | function | "." | field | variable | "(" pipeline ")"
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Final, NamedTuple

from shale.cli.render.template import nodes
from shale.cli.render.template.failure import TemplateError, parse_error
from shale.cli.render.template.lexer import Kind, Token, tokenize
from shale.cli.render.template.limits import MAX_NESTING
from shale.cli.render.template.literals import BadLiteral, character, number, quote, unquote
from shale.cli.render.template.scope import Scope

__all__ = ["Definition", "Parsed", "parse"]

_TERMS: Final[frozenset[Kind]] = frozenset(
    ("bool", "char", "dot", "field", "identifier", "number", "nil", "string", "variable", "open")
)
_CONSTANTS: Final = (nodes.Dot, nodes.Nil, nodes.Literal)


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
    def __init__(self, tokens: list[Token], functions: Container[str]) -> None:
        self.named: dict[str, Definition] = {}
        self._tokens = tokens
        self._next = 0
        self._functions = functions
        self._scope = Scope()
        self._nesting = 0
        self._loops = 0
        self._action_line = 0

    # Tokens.

    def _peek(self, *, skip_space: bool = True) -> Token:
        if skip_space and self._tokens[self._next].kind == "space":
            self._next += 1
        return self._tokens[self._next]

    def _take(self, *, skip_space: bool = True) -> Token:
        token = self._peek(skip_space=skip_space)
        if token.kind not in ("eof", "error"):
            self._next += 1
        return token

    def _error(self, message: str) -> TemplateError:
        return parse_error(self._tokens[max(self._next - 1, 0)].line, message)

    def _unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind == "error":
            started = self._action_line
            where = f" in action started at :{started}" if started and started != token.line else ""
            return parse_error(token.line, f"{token}{where}")
        return parse_error(token.line, f"unexpected {token} in {context}")

    def _expect(self, kind: Kind, context: str) -> Token:
        token = self._take()
        if token.kind != kind:
            raise self._unexpected(token, context)
        return token

    def _nested(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(f"nested deeper than {MAX_NESTING} levels")

    # Blocks.

    def main(self) -> Definition:
        """The whole text."""
        body: list[nodes.Statement] = []
        while (token := self._peek(skip_space=False)).kind != "eof":
            if token.kind == "left" and self._keyword_after_left() == "define":
                self._define()
                continue
            statement, end = self._statement()
            if end:
                raise self._error(f"unexpected {{{{{end}}}}}")
            body += statement
        return Definition(tuple(body), self._scope.slots)

    def _keyword_after_left(self) -> str:
        index = self._next + 1
        if self._tokens[index].kind == "space":
            index += 1
        token = self._tokens[index]
        return token.text if token.kind == "keyword" else ""

    def _define(self) -> None:
        self._take()
        self._take()
        name = self._string(self._expect("string", "define clause"))
        self._expect("right", "define clause")
        self._definition(name, "define clause")

    def _definition(self, name: str, context: str) -> None:
        """The body of a template up to its `end`; it has variables of its own."""
        outer, self._scope = self._scope, Scope()
        loops, self._loops = self._loops, 0
        self._nested()
        body, end = self._block()
        if end != "end":
            raise self._error(f"unexpected {{{{{end}}}}} in {context}")
        found = Definition(body, self._scope.slots)
        self._scope, self._loops = outer, loops
        self._nesting -= 1
        known = self.named.get(name)
        if known is None or _is_empty(known.body):
            self.named[name] = found
        elif not _is_empty(body):
            raise self._error(f"template: multiple definition of template {quote(name)}")

    def _block(self) -> tuple[nodes.Block, str]:
        """Statements up to `end` or `else`; which of them it was."""
        body: list[nodes.Statement] = []
        while self._peek().kind != "eof":
            statement, end = self._statement()
            if end:
                return tuple(body), end
            body += statement
        raise self._error("unexpected EOF")

    def _statement(self) -> tuple[tuple[nodes.Statement, ...], str]:
        """One statement, or none and the keyword that ends the block."""
        token = self._take()
        if token.kind == "text":
            return (nodes.Text(token.text),), ""
        if token.kind != "left":
            raise self._unexpected(token, "input")
        self._action_line = token.line
        following = self._peek()
        if following.kind != "keyword" or following.text == "define":
            return (nodes.Action(self._pipeline("command", "right")),), ""
        self._take()
        return self._control(following)

    def _control(self, keyword: Token) -> tuple[tuple[nodes.Statement, ...], str]:
        word = keyword.text
        if word == "end":
            self._expect("right", "end")
            return (), "end"
        if word == "else":
            if self._peek().kind == "keyword" and self._peek().text in ("if", "with"):
                return (), "else " + self._peek().text
            self._expect("right", "else")
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
        token = self._take()
        if token.kind != "right":
            raise self._unexpected(token, f"{{{{{word}}}}}")
        if not self._loops:
            raise self._error(f"{{{{{word}}}}} outside {{{{range}}}}")
        return nodes.Jump(word == "break")

    def _branch(self, word: str) -> nodes.Branch:
        mark = self._scope.mark()
        self._nested()
        pipeline = self._pipeline(word, "right")
        body, end = self._block()
        otherwise: nodes.Block = ()
        if end == f"else {word}":  # shares its `end` with the branch that it stands in
            self._take()
            otherwise = (self._branch(word),)
        elif end != "end":
            otherwise = self._otherwise(end)
        self._nesting -= 1
        self._scope.release(mark)
        return nodes.Branch(pipeline, word == "with", body, otherwise)

    def _otherwise(self, end: str) -> nodes.Block:
        if end != "else":
            raise self._unexpected(self._take(), "else")
        body, end = self._block()
        if end != "end":
            raise self._error(f"expected end; found {{{{{end}}}}}")
        return body

    def _range(self) -> nodes.Range:
        mark = self._scope.mark()
        self._nested()
        pipeline = self._pipeline("range", "right")
        self._loops += 1
        body, end = self._block()
        self._loops -= 1
        otherwise = () if end == "end" else self._otherwise(end)
        self._nesting -= 1
        self._scope.release(mark)
        return nodes.Range(pipeline, body, otherwise)

    def _call(self) -> nodes.TemplateCall:
        token = self._expect("string", "template clause")
        pipeline = None
        if self._peek().kind == "right":
            self._take()
        else:
            pipeline = self._pipeline("template clause", "right")
        return nodes.TemplateCall(token.pos, self._string(token), token.text, pipeline)

    def _block_call(self) -> nodes.TemplateCall:
        token = self._expect("string", "block clause")
        name = self._string(token)
        pipeline = self._pipeline("block clause", "right")
        self._definition(name, "block clause")
        return nodes.TemplateCall(token.pos, name, token.text, pipeline)

    # Pipelines.

    def _pipeline(self, context: str, closing: Kind) -> nodes.Pipeline:
        pos = self._peek().pos
        names, assigns = self._declared(context)
        commands: list[nodes.Command] = []
        while (token := self._peek()).kind not in ("right", "close"):
            if token.kind not in _TERMS:
                raise self._unexpected(self._take(), context)
            commands.append(self._command())
        if self._take().kind != closing:
            raise self._error(f"unexpected {token} in {context}")
        if not commands:
            raise self._error(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.words[0], _CONSTANTS):
                raise self._error(f"non executable command in pipeline stage {stage}")
        # Only now do the variables exist: `$x := $x` speaks of the outer one.
        variables = tuple(
            nodes.Variable(
                token.pos, token.text, self._slot(token) if assigns else self._scope.declare(token.text)
            )
            for token in names
        )
        return nodes.Pipeline(pos, variables, assigns, tuple(commands))

    def _slot(self, token: Token) -> int:
        slot = self._scope.find(token.text)
        if slot is None:
            raise parse_error(token.line, f"undefined variable {quote(token.text)}")
        return slot

    def _declared(self, context: str) -> tuple[list[Token], bool]:
        """The variables before `:=` or `=`, and whether it was the latter."""
        names: list[Token] = []
        start = self._next
        while self._peek().kind == "variable":
            names.append(self._take())
            sign = self._peek()
            if sign.kind in ("declare", "assign"):
                self._take()
                return names, sign.kind == "assign"
            if sign.kind != "comma":
                break
            self._take()
            if context != "range" or len(names) > 1:
                raise self._error(f"too many declarations in {context}")
            if self._peek().kind != "variable":
                raise self._error("range can only initialize variables")
        self._next = start
        return [], False

    def _command(self) -> nodes.Command:
        pos = self._peek().pos
        words: list[nodes.Operand] = []
        while True:
            if self._peek().kind in _TERMS:
                words.append(self._operand())
            token = self._take(skip_space=False)
            if token.kind == "space":
                continue
            if token.kind in ("right", "close"):
                self._next -= 1
            elif token.kind != "pipe":
                raise self._unexpected(token, "operand")
            return nodes.Command(pos, tuple(words))

    def _operand(self) -> nodes.Operand:
        term = self._term()
        names: list[str] = []
        pos = self._peek(skip_space=False).pos
        while self._peek(skip_space=False).kind == "field":
            names.append(self._take().text[1:])
        if not names:
            return term
        # Go gives the whole the position of the first field that follows the term.
        match term:
            case nodes.Field():
                return nodes.Field(pos, (*term.names, *names))
            case nodes.Variable():
                return nodes.Variable(pos, term.name, term.slot, tuple(names))
            case nodes.Dot() | nodes.Nil() | nodes.Literal():
                raise self._error(f"unexpected . after term {quote(nodes.source(term))}")
            case _:
                return nodes.Chain(pos, term, tuple(names))

    def _term(self) -> nodes.Operand:
        token = self._take()
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
                self._nested()
                pipeline = self._pipeline("parenthesized pipeline", "close")
                self._nesting -= 1
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

    def _string(self, token: Token) -> str:
        return str(self._constant(token))


def _is_empty(body: nodes.Block) -> bool:
    return all(isinstance(statement, nodes.Text) and not statement.text.strip() for statement in body)
