"""Nodes to closures that write: compiled once, a template then costs little for each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from shale.cli.render.template import nodes
from shale.cli.render.template.calls import Expression
from shale.cli.render.template.failure import TemplateError
from shale.cli.render.template.functions import FUNCTIONS, Function
from shale.cli.render.template.gotext import is_true, text_of
from shale.cli.render.template.limits import MAX_DEPTH
from shale.cli.render.template.operands import OperandCompiler
from shale.cli.render.template.parser import Definition, Parsed, parse
from shale.cli.render.template.runtime import Run, State, elements_of

__all__ = ["Cleaner", "Template", "compile_template"]

Cleaner: TypeAlias = Callable[[str], str]
_Step: TypeAlias = Callable[[State, object], int]

_ON: Final = 0
_LEAVE: Final = 1  # `break`
_AGAIN: Final = 2  # `continue`


class Template:
    """A compiled template. Rendering keeps no state: one may be used from many threads."""

    def __init__(self, parsed: Parsed, functions: Mapping[str, Function], clean: Cleaner | None) -> None:
        self._parsed = parsed
        self._clean = clean
        named: dict[str, tuple[_Step, int]] = {}
        self._main = _Compiler(parsed, "", functions, clean, named).definition(parsed.main)
        for name, definition in parsed.named.items():
            named[name] = (
                _Compiler(parsed, name, functions, clean, named).definition(definition),
                definition.slots,
            )

    def render(self, value: object) -> str:
        """The text of a value.

        Raises:
            TemplateError: the template does not fit the value, or does more than it may.
        """
        text, error = self.render_partly(value)
        if error is not None:
            raise error
        return text

    def render_partly(self, value: object) -> tuple[str, TemplateError | None]:
        """The text up to the first error, and the error; Docker's table headings keep that part."""
        run = Run()
        try:
            self._main(State(run, value, self._parsed.main.slots, 0), value)
        except TemplateError as error:
            return "".join(run.out), error
        except RecursionError:
            return "".join(run.out), TemplateError(
                "template parsing error: the template or value is nested too deep"
            )
        return "".join(run.out), None

    def with_functions(self, functions: Mapping[str, Function]) -> Template:
        """The same template with other functions of the same names."""
        return Template(self._parsed, functions, self._clean)


def compile_template(
    text: str, functions: Mapping[str, Function] = FUNCTIONS, clean: Cleaner | None = None
) -> Template:
    """Parse and compile a template.

    Args:
        text: in Go's language.
        functions: by name.
        clean: applied to every value that is written, but not to the template's own text and constants;
            for a terminal, `safe.escape_controls`.

    Raises:
        TemplateError: the text is malformed.
    """
    try:
        return Template(parse(text, functions), functions, clean)
    except RecursionError:
        raise TemplateError("template parsing error: the template is nested too deep") from None


class _Compiler:
    """Makes the closures of one definition. A step returns how to go on: on, out of the loop, or again."""

    def __init__(
        self,
        parsed: Parsed,
        name: str,
        functions: Mapping[str, Function],
        clean: Cleaner | None,
        named: Mapping[str, tuple[_Step, int]],
    ) -> None:
        self._operands = OperandCompiler(parsed.text, name, functions)
        self._clean = clean
        self._named = named

    def definition(self, definition: Definition) -> _Step:
        """The body of a template."""
        return self._block(definition.body)

    def _block(self, block: nodes.Block) -> _Step:
        steps = [self._statement(statement) for statement in block]
        if len(steps) == 1:
            return steps[0]

        def run(state: State, dot: object) -> int:
            for step in steps:
                signal = step(state, dot)
                if signal:
                    return signal
            return _ON

        return run

    def _statement(self, node: nodes.Statement) -> _Step:
        match node:
            case nodes.Text():
                return _write_constant(node.text)
            case nodes.Action():
                return self._action(node)
            case nodes.Branch():
                return self._branch(node)
            case nodes.Range():
                return self._range(node)
            case nodes.TemplateCall():
                return self._template_call(node)
            case nodes.Jump():
                signal = _LEAVE if node.leaves else _AGAIN
                return lambda _state, _dot: signal

    def _action(self, node: nodes.Action) -> _Step:
        value = self._operands.pipeline(node.pipeline)
        if node.pipeline.variables:
            return _silent(value)
        commands = node.pipeline.commands
        if (
            len(commands) == 1
            and len(commands[0].words) == 1
            and isinstance(commands[0].words[0], nodes.Literal)
        ):
            return _write_constant(text_of(commands[0].words[0].value))
        return _write(value, self._clean)

    def _branch(self, node: nodes.Branch) -> _Step:
        condition = self._operands.pipeline(node.pipeline)
        body, otherwise = self._block(node.body), self._block(node.otherwise)
        sets_dot = node.sets_dot

        def run(state: State, dot: object) -> int:
            value = condition(state, dot)
            if is_true(value):
                return body(state, value if sets_dot else dot)
            return otherwise(state, dot)

        return run

    def _range(self, node: nodes.Range) -> _Step:
        place = self._operands.place(node.pipeline.commands[-1])
        collection = self._operands.pipeline(
            nodes.Pipeline(node.pipeline.pos, (), assigns=False, commands=node.pipeline.commands)
        )
        body, otherwise = self._block(node.body), self._block(node.otherwise)
        slots = [variable.slot for variable in node.pipeline.variables]
        element_slot = slots[-1] if slots else None
        index_slot = slots[0] if len(slots) == 2 else None

        def run(state: State, dot: object) -> int:
            empty = True
            for index, element in elements_of(collection(state, dot), place, pairs=index_slot is not None):
                empty = False
                state.run.step(place)
                if element_slot is not None:
                    state.values[element_slot] = element
                if index_slot is not None:
                    state.values[index_slot] = index
                if body(state, element) == _LEAVE:
                    break
            return otherwise(state, dot) if empty else _ON

        return run

    def _template_call(self, node: nodes.TemplateCall) -> _Step:
        place = self._operands.place(node)
        argument = self._operands.pipeline(node.pipeline) if node.pipeline else None
        named = self._named

        def run(state: State, dot: object) -> int:
            if node.name not in named:
                raise place.error(f"template {node.quoted} not defined")
            if state.depth == MAX_DEPTH:
                raise place.error(f"exceeded maximum template depth ({MAX_DEPTH})")
            state.run.step(place)
            value = argument(state, dot) if argument else None
            body, slots = named[node.name]
            body(State(state.run, value, slots, state.depth + 1), value)
            return _ON

        return run


def _silent(value: Expression) -> _Step:
    def run(state: State, dot: object) -> int:
        value(state, dot)
        return _ON

    return run


def _write_constant(text: str) -> _Step:
    size = len(text)

    def write(state: State, _dot: object) -> int:
        run = state.run
        run.room -= size
        if run.room < 0:
            raise run.full()
        run.out.append(text)
        return _ON

    return write


def _write(value: Expression, clean: Cleaner | None) -> _Step:
    def write(state: State, dot: object) -> int:
        result = value(state, dot)
        if type(result) is not str:
            result = "<no value>" if result is None else text_of(result)
        if clean is not None:
            result = clean(result)
        run = state.run
        run.room -= len(result)
        if run.room < 0:
            raise run.full()
        run.out.append(result)
        return _ON

    return write
