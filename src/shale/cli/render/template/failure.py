"""What goes wrong in a template."""

from __future__ import annotations

from shale.errors import Invalid

__all__ = ["CallFailure", "TemplateError", "UnknownField", "parse_error"]


class TemplateError(Invalid):
    """A template is malformed, or does not fit the values; the message is Docker's."""


class UnknownField(TemplateError):
    """A template asks for a field that the value does not have; the message names those it has."""


class CallFailure(Invalid):
    """A function of a template refuses its arguments; the caller adds where, and raises TemplateError."""


def parse_error(line: int, message: str) -> TemplateError:
    """The error of a template that cannot be parsed.

    Args:
        line: counted from 1.
        message: in Go's words.
    """
    return TemplateError(f"template parsing error: template: :{line}: {message}")
