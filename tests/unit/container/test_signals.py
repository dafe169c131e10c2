from __future__ import annotations

import signal

import pytest

from shale.container.signals import InvalidSignal, parse_signal


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("KILL", 9), ("SIGKILL", 9), ("9", 9), ("term", 15), ("sigusr1", signal.SIGUSR1), ("64", 64),
        ("RTMIN", signal.SIGRTMIN), ("SIGRTMIN+3", signal.SIGRTMIN + 3), ("RTMAX-1", signal.SIGRTMAX - 1),
    ],
)  # fmt: skip
def test_names_and_numbers(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "0", "65", "-9", "NOTHING", "RTMIN-1", "RTMAX+1", "RTMIN+99", "9 ", "SIG", "²", "٩", "9" * 5000],
)
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(InvalidSignal, match="invalid signal: "):
        parse_signal(text)
