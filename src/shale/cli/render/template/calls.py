"""Arguments of a function: how many, and of which kinds. The messages are Go's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from shale.cli.render.template import nodes
from shale.cli.render.template.failure import CallFailure
from shale.cli.render.template.functions import Function, Kind
from shale.cli.render.template.gotext import is_true, type_name
from shale.cli.render.template.limits import MAX_STRING
from shale.cli.render.template.runtime import Place, State

__all__ = ["MISSING", "Expression", "Stage", "argument", "call", "logical"]


class _Missing:
    """The type of `MISSING`."""

    __slots__ = ()


MISSING: Final = _Missing()
"""What the first command of a pipeline is given as the value of the one before it."""

Expression: TypeAlias = Callable[[State, object], object]
"""The value of an operand, with the dot at hand."""

Stage: TypeAlias = Callable[[State, object, object], object]
"""The value of a command, with the dot and the value of the command before it."""

_GO_NAMES: Final[Mapping[Kind, str]] = {
    "any": "interface {}",
    "string": "string",
    "int": "int",
    "strings": "[]string",
}
_LITERAL_NAMES: Final[Mapping[Kind, str]] = {"string": "string", "int": "integer", "strings": "[]string"}


def _fits(kind: Kind, value: object) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "strings":
        return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return True


def _kind_at(function: Function, index: int) -> Kind:
    return function.takes[index] if index < len(function.takes) else function.rest or "any"


def _check(function: Function, index: int, value: object, place: Place) -> None:
    kind = _kind_at(function, index)
    if not _fits(kind, value):
        raise place.error(f"wrong type for value; expected {_GO_NAMES[kind]}; got {type_name(value)}")


def argument(
    function: Function, index: int, node: nodes.Operand, value: Expression, place: Place
) -> Expression:
    """An argument, with a check where the function wants a certain kind.

    Args:
        function: the one called.
        index: which argument, from 0.
        node: as written.
        value: the same, compiled.
        place: where it stands.
    """
    kind = _kind_at(function, index)
    if kind == "any":
        return value
    if isinstance(node, (nodes.Literal, nodes.Nil)):
        return _constant(node, kind, value, place)

    def checked(state: State, dot: object) -> object:
        result = value(state, dot)
        _check(function, index, result, place)
        return result

    return checked


def _constant(node: nodes.Literal | nodes.Nil, kind: Kind, value: Expression, place: Place) -> Expression:
    if isinstance(node, nodes.Literal) and _fits(kind, node.value):
        return value

    def refuse(_state: State, _dot: object) -> object:
        if isinstance(node, nodes.Nil):
            raise place.error(f"cannot assign nil to {_GO_NAMES[kind]}")
        raise place.error(f"expected {_LITERAL_NAMES[kind]}; found {node.text}")

    return refuse


def call(name: str, function: Function, arguments: Sequence[Expression], place: Place, whole: Place) -> Stage:
    """A call; the value of the command before it is the last argument.

    Args:
        name: of the function.
        function: what it does and takes.
        arguments: from `argument`.
        place: where the name stands.
        whole: where the command stands.
    """
    least, many, given = len(function.takes), function.rest is not None, len(arguments)

    def evaluate(state: State, dot: object, final: object) -> object:
        count = given + (final is not MISSING)
        if count < least or (count > least and not many):
            want = f"at least {least}" if many else f"{least}"
            raise place.error(f"wrong number of args for {name}: want {want} got {count}")
        values = [expression(state, dot) for expression in arguments]
        if final is not MISSING:
            _check(function, given, final, place)
            values.append(final)
        try:
            result = function.call(*values)
        except CallFailure as failure:
            raise whole.error(f"error calling {name}: {failure}") from None
        if type(result) is str and len(result) > MAX_STRING:
            raise whole.error(f"error calling {name}: the text is longer than {MAX_STRING} characters")
        return result

    return evaluate


def logical(name: str, arguments: Sequence[Expression], place: Place) -> Stage:
    """`and` stops at the first value that is false, `or` at the first that is true."""
    decisive = name == "or"

    def evaluate(state: State, dot: object, final: object) -> object:
        value = final
        for expression in arguments:
            value = expression(state, dot)
            if is_true(value) is decisive:
                return value
        if value is MISSING:
            raise place.error(f"wrong number of args for {name}: want at least 1 got 0")
        return value if final is MISSING else final

    return evaluate
