from __future__ import annotations

import pytest

from shale.layer.field import InvalidTar
from shale.layer.path import MAX_COMPONENT, MAX_DEPTH, components


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"usr/bin/env", (b"usr", b"bin", b"env")),
        (b"./usr/bin/env", (b"usr", b"bin", b"env")),
        (b"/usr//bin/./env/", (b"usr", b"bin", b"env")),
        (b"usr/lib/../bin", (b"usr", b"bin")),
        (b"a/..", ()),
        (b"a/b/../../c", (b"c",)),
        (b"...", (b"...",)),
        (b"..a/b..", (b"..a", b"b..")),
        (b"", ()),
        (b".", ()),
        (b"///", ()),
        (b"\xff\n \x1b", (b"\xff\n \x1b",)),
        (b"C:\\x", (b"C:\\x",)),
        (b"x" * MAX_COMPONENT, (b"x" * MAX_COMPONENT,)),
        (b"x/" * MAX_DEPTH, (b"x",) * MAX_DEPTH),
    ],
)
def test_names_are_cut_into_components(name: bytes, path: tuple[bytes, ...]) -> None:
    assert components(name, 0) == path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"..", "leads out"),
        (b"/..", "leads out"),
        (b"a/../..", "leads out"),
        (b"a/../../a", "leads out"),
        (b"./../a", "leads out"),
        (b"a\0b", "NUL"),
        (b"x" * (MAX_COMPONENT + 1), "more than 255"),
        (b"a/" + b"x" * (MAX_COMPONENT + 1) + b"/b", "more than 255"),
        (b"x/" * (MAX_DEPTH + 1), "deeper than 1024"),
    ],
)
def test_names_that_are_refused(name: bytes, words: str) -> None:
    with pytest.raises(InvalidTar, match=words) as caught:
        components(name, 512)
    assert caught.value.offset == 512
    assert len(str(caught.value)) < 300
