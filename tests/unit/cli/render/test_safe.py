from __future__ import annotations

import json
from typing import Any

import pytest

from shale.cli.render.safe import display_width, ellipsis, escape_controls
from shared_vectors import VECTORS

CASES: list[dict[str, Any]] = json.loads(
    (VECTORS / "docker-cli-28" / "formatter_displayutils.json").read_text()
)["tables"][0]["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['source']} {case['width']}")
def test_ellipsis_as_docker_cuts(case: dict[str, Any]) -> None:
    assert ellipsis(case["source"], case["width"]) == case["expected"]


def test_ellipsis_of_short_and_empty_text() -> None:
    assert [ellipsis("", 1), ellipsis("abc", 3), ellipsis("abcd", 3), ellipsis("abc", -1)] == [
        "",
        "abc",
        "ab…",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 你好 🐳", "plain ünïcode 你好 🐳"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\x9b31mb\x7f\x00", "a\\x9b31mb\\x7f\\x00"),
        ("tag\r\nforged line\tx", "tag\\r\\nforged line\\tx"),
        ("\u202egnp.exe\u2066\u200f", "\\u202egnp.exe\\u2066\\u200f"),
        ("a\u2028b", "a\\u2028b"),
        ("\udcff", "\\udcff"),
    ],
)
def test_controls_are_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


def test_line_breaks_may_be_kept() -> None:
    assert escape_controls("a\nb\tc\x1b", keep="\n\t") == "a\nb\tc\\x1b"


def test_display_width() -> None:
    assert [display_width(text) for text in ("abc", "你好", "ﾊﾝ", "\uff46", "e\u0301", "🐳", "")] == [
        3,
        4,
        2,
        2,
        1,
        2,
        0,
    ]
