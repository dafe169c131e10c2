from __future__ import annotations

import pytest

from shale.layer.field import InvalidTar
from shale.layer.whiteout import Mark, read_mark


@pytest.mark.parametrize(
    ("base", "mark", "victim"),
    [
        (b"file", Mark.NONE, b"file"),
        (b".wh", Mark.NONE, b".wh"),
        (b"a.wh.b", Mark.NONE, b"a.wh.b"),
        (b".WH.a", Mark.NONE, b".WH.a"),
        (b".wh.a", Mark.REMOVES, b"a"),
        (b".wh....", Mark.REMOVES, b"..."),
        (b".wh. ", Mark.REMOVES, b" "),
        (b".wh..hidden", Mark.REMOVES, b".hidden"),
        (b".wh..wh", Mark.REMOVES, b".wh"),
        (b".wh..wh..opq", Mark.OPAQUE, b".wh..wh..opq"),
        (b".wh..wh.", Mark.MEANINGLESS, b".wh..wh."),
        (b".wh..wh.plnk", Mark.MEANINGLESS, b".wh..wh.plnk"),
        (b".wh..wh..opq2", Mark.MEANINGLESS, b".wh..wh..opq2"),
    ],
)
def test_what_a_name_says(base: bytes, mark: Mark, victim: bytes) -> None:
    assert read_mark(base, 0) == (mark, victim)


@pytest.mark.parametrize("base", [b".wh.", b".wh..", b".wh..."])
def test_a_whiteout_of_nothing_or_of_a_folder_above_is_refused(base: bytes) -> None:
    with pytest.raises(InvalidTar, match="names no entry") as caught:
        read_mark(base, 1024)
    assert caught.value.offset == 1024
