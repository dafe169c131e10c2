"""Signals by name or number, as people write them: `KILL`, `SIGKILL`, `9`, `RTMIN+3`."""

from __future__ import annotations

import re
import signal

from shale.errors import Invalid

__all__ = ["InvalidSignal", "parse_signal"]


class InvalidSignal(Invalid):
    """There is no such signal."""


def parse_signal(text: str) -> int:
    """The number of a signal.

    Raises:
        InvalidSignal: there is none of that name or number.
    """
    word = text.upper().removeprefix("SIG")
    if re.fullmatch(r"[0-9]{1,9}", word):
        number = int(word)
        if 1 <= number <= signal.SIGRTMAX:
            return number
    elif match := re.fullmatch(r"RT(MIN|MAX)(?:([+-])([0-9]{1,2}))?", word):
        start, sign = (signal.SIGRTMIN, "+") if match[1] == "MIN" else (signal.SIGRTMAX, "-")
        offset = int(match[3] or 0)
        number = start + offset if sign == "+" else start - offset
        if (match[2] or sign) == sign and signal.SIGRTMIN <= number <= signal.SIGRTMAX:
            return number
    elif f"SIG{word}" in signal.Signals.__members__:
        return signal.Signals[f"SIG{word}"].value
    raise InvalidSignal(f"invalid signal: {text}")
