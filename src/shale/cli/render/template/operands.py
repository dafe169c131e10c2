"""Operands, commands and pipelines to closures: `(state, dot) -> value`. The messages are Go's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shale.cli.render.template import nodes
from shale.cli.render.template.calls import MISSING, Expression, Stage, argument, call, logical
from shale.cli.render.template.functions import Function
from shale.cli.render.template.runtime import Place, State, call_method, lookup
from shale.cli.render.values import Method

__all__ = ["OperandCompiler"]


class OperandCompiler:
    """Makes closures for the expressions of one template.

    Args:
        text: of the whole, for positions.
        template: the name of the one at hand.
        functions: by name.
    """

    def __init__(self, text: str, template: str, functions: Mapping[str, Function]) -> None:
        self._text = text
        self._template = template
        self._functions = functions

    def place(self, node: nodes.Operand | nodes.Command | nodes.TemplateCall) -> Place:
        """Where a node stands."""
        return Place(self._text, self._template, node)

    def pipeline(self, node: nodes.Pipeline) -> Expression:
        """The value of a pipeline; it is also put into the variables that the pipeline declares."""
        value = self._stages(node.commands)
        if not node.variables:
            return value
        slots = [variable.slot for variable in node.variables]

        def declare(state: State, dot: object) -> object:
            result = value(state, dot)
            for slot in slots:
                state.values[slot] = result
            return result

        return declare

    def _stages(self, commands: Sequence[nodes.Command]) -> Expression:
        stages = [self._command(command) for command in commands]
        first = stages[0]
        if len(stages) == 1:
            if len(commands[0].words) == 1 and not isinstance(commands[0].words[0], nodes.Nil):
                return self.operand(commands[0].words[0])
            return lambda state, dot: first(state, dot, MISSING)

        def chain(state: State, dot: object) -> object:
            value: object = MISSING
            for stage in stages:
                value = stage(state, dot, value)
            return value

        return chain

    def operand(self, node: nodes.Operand) -> Expression:
        """The value of an operand that is given no arguments."""
        match node:
            case nodes.Dot():
                return lambda _state, dot: dot
            case nodes.Nil():
                return lambda _state, _dot: None
            case nodes.Literal():
                constant = node.value
                return lambda _state, _dot: constant
            case nodes.Pipeline():
                return self.pipeline(node)
            case nodes.Function():
                stage = self._call(node, nodes.Command(node.pos, (node,)))
                return lambda state, dot: stage(state, dot, MISSING)
            case nodes.Variable() if not node.names:
                slot = node.slot
                return lambda state, _dot: state.values[slot]
            case nodes.Variable() | nodes.Field() | nodes.Chain():
                return self._fields(node)

    def _receiver(self, node: nodes.Variable | nodes.Field | nodes.Chain) -> Expression:
        match node:
            case nodes.Field():
                return lambda _state, dot: dot
            case nodes.Variable():
                slot = node.slot
                return lambda state, _dot: state.values[slot]
            case nodes.Chain():
                return self.operand(node.operand)

    def _fields(self, node: nodes.Variable | nodes.Field | nodes.Chain) -> Expression:
        place = self.place(node)
        if isinstance(node, nodes.Field) and len(node.names) == 1:
            return _one_field(node.names[0], place)
        receiver = self._receiver(node)
        steps = [_one_field(name, place) for name in node.names]

        def walk(state: State, dot: object) -> object:
            value = receiver(state, dot)
            for step in steps:
                value = step(state, value)
            return value

        return walk

    def _command(self, node: nodes.Command) -> Stage:
        first = node.words[0]
        match first:
            case nodes.Function():
                return self._call(first, node)
            case nodes.Field() | nodes.Chain():
                return self._method(first, node)
            case nodes.Variable() if first.names:
                return self._method(first, node)
            case _:
                return self._plain(first, node)

    def _plain(self, first: nodes.Operand, node: nodes.Command) -> Stage:
        """An operand that takes no arguments."""
        value, place = self.operand(first), self.place(first)
        alone = len(node.words) == 1
        is_nil = isinstance(first, nodes.Nil)

        def evaluate(state: State, dot: object, final: object) -> object:
            if not alone or final is not MISSING:
                raise place.error(f"can't give argument to non-function {nodes.source(first)}")
            if is_nil:
                raise place.error("nil is not a command")
            return value(state, dot)

        return evaluate

    def _method(self, first: nodes.Field | nodes.Chain | nodes.Variable, node: nodes.Command) -> Stage:
        """A field, which takes arguments where it is a method."""
        place, receiver = self.place(first), self._receiver(first)
        *path, last = first.names
        steps = [_one_field(name, place) for name in path]
        arguments = [self.operand(word) for word in node.words[1:]]

        def evaluate(state: State, dot: object, final: object) -> object:
            value = receiver(state, dot)
            for step in steps:
                value = step(state, value)
            value = lookup(value, last, place)
            given = [word(state, dot) for word in arguments]
            if final is not MISSING:
                given.append(final)
            if type(value) is Method:
                return call_method(value, given, last, place)
            if given:
                raise place.error(f"{last} has arguments but cannot be invoked as function")
            return value

        return evaluate

    def _call(self, first: nodes.Function, node: nodes.Command) -> Stage:
        place, words = self.place(first), node.words[1:]
        if first.name in ("and", "or"):
            return logical(first.name, [self.operand(word) for word in words], place)
        function = self._functions[first.name]
        arguments = [
            argument(function, index, word, self.operand(word), self.place(word))
            for index, word in enumerate(words)
        ]
        return call(first.name, function, arguments, place, self.place(node))


def _one_field(name: str, place: Place) -> Expression:
    """`.name` of the dot. The common case, a dict that has it, comes first."""

    def get(_state: State, dot: object) -> object:
        value = dot[name] if type(dot) is dict and name in dot else lookup(dot, name, place)
        return call_method(value, [], name, place) if type(value) is Method else value

    return get
