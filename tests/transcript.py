"""Terminal sessions in documents: what was typed, what was answered, and what may differ between two runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Exchange", "blocks", "exchanges", "fenced", "normalise", "screen"]

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_DIFFERS = (
    (re.compile(r"sha256([:-])[0-9a-f]{64}"), r"sha256\1DIGEST"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "SHORT-ID"),
    (re.compile(r"\b\d+(\.\d+)?\s?(B|kB|MB|GB)\b"), "SIZE"),
    (re.compile(r"\bsize: \d+"), "size: COUNT"),
    (re.compile(r"\b(\d+|About an?|Less than a) (second|minute|hour|day|week|month|year)s? ago"), "AGE"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d\d:?\d\d| [A-Z]{3,4}|Z)*"), "MOMENT"),
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command line and the lines that answered it."""

    command: str
    answer: tuple[str, ...]


def fenced(document: str) -> list[tuple[str, str]]:
    """The fenced blocks of a Markdown document that name a language: the language and the text."""
    return _FENCE.findall(document + "\n")


def blocks(document: str, *languages: str) -> list[str]:
    """The fenced blocks of a Markdown document that are in one of these languages."""
    return [body for language, body in fenced(document) if language in languages]


def exchanges(block: str, prompt: str) -> Iterator[Exchange]:
    """The commands of a session and their answers; comments and empty prompts are passed over.

    Args:
        block: the session.
        prompt: a regular expression for what stands before a command.
    """
    command, answer = "", list[str]()
    for line in [*block.splitlines(), None]:
        typed = re.match(rf"{prompt}(.*)", line) if line is not None else None
        if line is None or typed or line.startswith("# "):
            if command:
                yield Exchange(command, tuple(answer))
            command, answer = (typed[1].strip() if typed else ""), []
        else:
            answer.append(line)


def normalise(lines: Sequence[str]) -> list[str]:
    """Lines with a word for whatever must differ, columns one space apart, and no line that is empty."""
    shown = []
    for line in lines:
        for pattern, word in _DIFFERS:
            line = pattern.sub(word, line)  # noqa: PLW2901 - each pattern changes what the one before left
        shown.append(re.sub(r"\s+", " ", line).strip())
    return [line for line in shown if line]


def screen(output: str) -> list[str]:
    """What a terminal shows at the end, of text that moves up and down and clears lines."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[(?:\d+)?[ABK]|\r|\n|[^\x1b\r\n]+", output.replace("\r\n", "\n")):
        if part == "\n":
            row += 1
        elif part.startswith("\x1b") and part[-1] in "AB":
            row += int(part[2:-1] or 1) * (-1 if part[-1] == "A" else 1)
        elif part.startswith("\x1b"):
            lines[row] = ""
        elif part != "\r":
            lines[row] += part
        lines += [""] * (row + 1 - len(lines))
    return lines
