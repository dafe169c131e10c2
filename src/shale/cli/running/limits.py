"""`--ulimit` and other flags that are numbers with a name."""

from __future__ import annotations

from typing import Final

from shale.errors import Invalid
from shale.runtime.wishes import ResourceLimit

__all__ = ["InvalidLimit", "parse_ulimit"]

_NAMES: Final = frozenset(
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()  # noqa: SIM905 - words
)


class InvalidLimit(Invalid):
    """A limit is not `name=soft[:hard]`."""


def parse_ulimit(text: str) -> ResourceLimit:
    """Read `nofile=1024:2048`; one number is both.

    Raises:
        InvalidLimit: malformed, an unknown name, or a soft limit above the hard one.
    """
    name, equals, values = text.partition("=")
    soft_text, colon, hard_text = values.partition(":")
    if not equals:
        raise InvalidLimit(f"invalid ulimit argument: {text}")
    if name not in _NAMES:
        raise InvalidLimit(f"invalid ulimit type: {name}")
    soft = _number(soft_text, text)
    hard = _number(hard_text, text) if colon else soft
    if hard != -1 and (soft == -1 or soft > hard):
        raise InvalidLimit(f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
    return ResourceLimit(name=name, soft=soft, hard=hard)


def _number(text: str, whole: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise InvalidLimit(f"invalid ulimit argument: {whole}") from None
    if not -1 <= number < 2**63:
        raise InvalidLimit(f"invalid ulimit argument: {whole}")
    return number
