"""What a template needs while it runs: its budget, its variables, and the way from a name to a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from shale.cli.render.template import nodes
from shale.cli.render.template.failure import TemplateError, UnknownField
from shale.cli.render.template.gotext import text_of, type_name
from shale.cli.render.template.limits import MAX_OUTPUT, MAX_STEPS
from shale.cli.render.values import GoMap, Method, fields_of

__all__ = ["Place", "Run", "State", "call_method", "elements_of", "lookup"]

_NAMES_SHOWN: Final = 40


class Place:
    """Where in a template something stands, for the error that may be raised there."""

    __slots__ = ("node", "template", "text")

    def __init__(
        self, text: str, template: str, node: nodes.Operand | nodes.Command | nodes.TemplateCall
    ) -> None:
        self.text = text
        self.template = template
        self.node = node

    def error(self, message: str, kind: type[TemplateError] = TemplateError) -> TemplateError:
        """The error of this place; Go counts lines from 1 and columns, in bytes, from 0."""
        start = self.text.rfind("\n", 0, self.node.pos) + 1
        line = self.text.count("\n", 0, start) + 1
        column = len(self.text[start : self.node.pos].encode("utf-8", "replace"))
        words = nodes.source(self.node) if not isinstance(self.node, nodes.Nil) else "nil"
        return kind(
            f"template parsing error: template: :{line}:{column}: "
            f'executing "{self.template}" at <{words}>: {message}'
        )


class Run:
    """One rendering: what it wrote, and what it and all templates it calls may still do."""

    __slots__ = ("out", "room", "steps")

    def __init__(self) -> None:
        self.out: list[str] = []
        self.room = MAX_OUTPUT
        self.steps = MAX_STEPS

    def step(self, place: Place) -> None:
        """Count an iteration or a call."""
        self.steps -= 1
        if self.steps < 0:
            raise place.error(f"the template took more than {MAX_STEPS} steps")

    def full(self) -> TemplateError:
        """The error of writing too much."""
        return TemplateError(f"template parsing error: the output is longer than {MAX_OUTPUT} characters")


class State:
    """One call of a template: its variables, by slot, and how deep it is."""

    __slots__ = ("depth", "run", "values")

    def __init__(self, run: Run, dot: object, slots: int, depth: int) -> None:
        self.run = run
        self.values: list[object] = [None] * slots
        self.values[0] = dot
        self.depth = depth


def lookup(receiver: object, name: str, place: Place) -> object:
    """The field of a value.

    nil has every field, and they are nil: so `.Config.Labels.x` works for an image without labels.

    Raises:
        UnknownField: the value has fields, but not this one.
        TemplateError: the value has no fields.
    """
    if receiver is None:
        return None
    if isinstance(receiver, GoMap):
        return receiver.get(name)
    fields = fields_of(receiver)
    if fields is None:
        raise place.error(f"can't evaluate field {name} in type {type_name(receiver)}")
    try:
        return fields[name]
    except KeyError:
        raise place.error(f"can't evaluate field {name}: {_fields_there_are(fields)}", UnknownField) from None


def _fields_there_are(fields: Mapping[str, object]) -> str:
    names = [f".{name}" for name in fields]
    if not names:
        return "there are no fields here"
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"the fields are {', '.join(names[:_NAMES_SHOWN])}{more}"


def call_method(method: Method, arguments: list[object], name: str, place: Place) -> object:
    """The value of a field with arguments.

    Raises:
        TemplateError: their number is not the one it takes.
    """
    if len(arguments) != method.parameters:
        raise place.error(f"wrong number of args for {name}: want {method.parameters} got {len(arguments)}")
    return method.function(*arguments)


def elements_of(value: object, place: Place, *, pairs: bool) -> Iterator[tuple[object, object]]:
    """Index and element of what `range` goes over; maps in the order of their keys, as Go does.

    Args:
        value: a list, a map, a number to count up to, or nil.
        place: for errors.
        pairs: whether the template wants both; a number has no index beside itself.

    Raises:
        TemplateError: the value is nothing to go over.
    """
    if value is None:
        return iter(())
    if isinstance(value, (list, tuple)):
        return iter(enumerate(value))
    fields = fields_of(value)
    if fields is not None:
        return ((name, fields[name]) for name in sorted(fields))
    if isinstance(value, int) and not isinstance(value, bool):
        if pairs:
            raise place.error(f"can't use {value} to iterate over more than one variable")
        return ((number, number) for number in range(value))
    raise place.error(f"range can't iterate over {text_of(value)[:100]}")
