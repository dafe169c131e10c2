from __future__ import annotations

import pytest

from shale.cli.render.table import align


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("", ""),
        ("no tabs\n", "no tabs\n"),
        ("A\tB\n1\t2\n", "A         B\n1         2\n"),
        ("REPOSITORY\tTAG\nx\ty\n", "REPOSITORY   TAG\nx            y\n"),
        ("A\tB\n12345678\t\n", "A          B\n12345678   \n"),
        ("你好世界你\tx\nabc\ty\n", "你好世界你   x\nabc          y\n"),
        # A line without the column ends it: what follows has a width of its own.
        ("aaaaaaaaaaaa\tb\nnone\na\tb\n", "aaaaaaaaaaaa   b\nnone\na         b\n"),
        (
            "a\tb\tc\na\tbbbbbbbbbbbb\na\tb\tc",
            "a         b         c\na         bbbbbbbbbbbb\na         b         c",
        ),
        ("a\tb", "a         b"),
        ("\t\n\tx\n", "          \n          x\n"),
    ],
)
def test_elastic_tabstops(text: str, table: str) -> None:
    assert align(text) == table
