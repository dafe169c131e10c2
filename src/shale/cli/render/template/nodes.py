"""What a template is made of, after parsing. `source` gives the words back, for errors.

A position is where a node begins in the text, in characters. Specification: Go text/template/parse/node.go.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = [
    "Action", "Block", "Branch", "Chain", "Command", "Dot", "Field", "Function", "Jump", "Literal", "Nil",
    "Operand", "Pipeline", "Range", "Statement", "TemplateCall", "Text", "Variable", "source",
]  # fmt: skip


class Dot(msgspec.Struct, frozen=True):
    """`.`, the value at hand."""

    pos: int


class Nil(msgspec.Struct, frozen=True):
    """`nil`, allowed as an argument only."""

    pos: int


class Literal(msgspec.Struct, frozen=True):
    """A constant, and how it was written."""

    pos: int
    value: str | bool | int | float
    text: str


class Field(msgspec.Struct, frozen=True):
    """`.A.B`."""

    pos: int
    names: tuple[str, ...]


class Variable(msgspec.Struct, frozen=True):
    """`$x.A.B`; the name has its dollar sign, `slot` is where the value is kept while the template runs."""

    pos: int
    name: str
    slot: int
    names: tuple[str, ...] = ()


class Function(msgspec.Struct, frozen=True):
    """The name of a function."""

    pos: int
    name: str


class Chain(msgspec.Struct, frozen=True):
    """`(pipeline).A.B`."""

    pos: int
    operand: Operand
    names: tuple[str, ...]


class Command(msgspec.Struct, frozen=True):
    """An operand and its arguments."""

    pos: int
    words: tuple[Operand, ...]


class Pipeline(msgspec.Struct, frozen=True):
    """`$a, $b := command | command`; `assigns` for `=` instead of `:=`."""

    pos: int
    variables: tuple[Variable, ...]
    assigns: bool
    commands: tuple[Command, ...]


class Text(msgspec.Struct, frozen=True):
    """Text outside actions."""

    text: str


class Action(msgspec.Struct, frozen=True):
    """A pipeline whose value is written, unless it goes into variables."""

    pipeline: Pipeline


class Branch(msgspec.Struct, frozen=True):
    """`if` and `with`; `with` makes the value the dot."""

    pipeline: Pipeline
    sets_dot: bool
    body: Block
    otherwise: Block


class Range(msgspec.Struct, frozen=True):
    """`range`."""

    pipeline: Pipeline
    body: Block
    otherwise: Block


class TemplateCall(msgspec.Struct, frozen=True):
    """`{{template "name" pipeline}}`."""

    pos: int
    name: str
    quoted: str
    pipeline: Pipeline | None


class Jump(msgspec.Struct, frozen=True):
    """`break`, or `continue`."""

    leaves: bool


Operand: TypeAlias = Dot | Nil | Literal | Field | Variable | Function | Chain | Pipeline
Statement: TypeAlias = Text | Action | Branch | Range | TemplateCall | Jump
Block: TypeAlias = tuple[Statement, ...]


def source(node: Operand | Command | TemplateCall) -> str:
    """The node as Go writes it in an error."""
    match node:
        case Dot() | Nil():
            return "." if isinstance(node, Dot) else "nil"
        case Literal() | Function():
            return node.text if isinstance(node, Literal) else node.name
        case Field():
            return "." + ".".join(node.names)
        case Variable():
            return ".".join((node.name, *node.names))
        case Chain():
            return ".".join((_word(node.operand), *node.names))
        case Command():
            return " ".join(_word(word) for word in node.words)
        case Pipeline():
            return _pipeline(node)
        case TemplateCall():
            return f"{{{{template {node.quoted}{_argument(node)}}}}}"


def _word(node: Operand) -> str:
    return f"({source(node)})" if isinstance(node, Pipeline) else source(node)


def _argument(node: TemplateCall) -> str:
    return f" {source(node.pipeline)}" if node.pipeline else ""


def _pipeline(node: Pipeline) -> str:
    names = ", ".join(variable.name for variable in node.variables)
    sign = f"{names} {'=' if node.assigns else ':='} " if names else ""
    return sign + " | ".join(source(command) for command in node.commands)
