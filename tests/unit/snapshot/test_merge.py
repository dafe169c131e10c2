from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import BinaryIO

import pytest

from chains import opener
from shale.errors import Invalid
from shale.snapshot.adding import DanglingLink, LinkedFolder
from shale.snapshot.merge import TooManyHoles, correct
from shale.snapshot.walk import TooManyLinks
from tar_entries import Entry, archive, file, folder, hardlink, symlink, whiteout

SECOND = 10**9


def forbidden() -> BinaryIO:
    raise AssertionError("a layer was read though nothing depends on it")


def correction(*layers: Sequence[Entry]) -> dict[bytes, tuple[bytes, int, int, bytes, bytes]] | None:
    """What the correcting layer of these has, by path: kind, mode, seconds, target and bytes."""
    found = correct([opener(archive(*layer)) for layer in layers], [True] * len(layers))
    if found is None:
        return None
    return {
        entry.path: (entry.kind, entry.mode, entry.mtime_ns // SECOND, entry.link, b"".join(body))
        for entry, body in found.entries()
    }


ROOT = (b"5", 0o755, 0, b"", b"")
USR = replace(folder(b"usr", 0o711), mtime=7 * SECOND)
LIB = replace(folder(b"usr/lib", 0o700), mtime=8 * SECOND)
LINK = replace(symlink(b"lib", b"usr/lib"), mtime=9 * SECOND)
USR_THERE = {b"": ROOT, b"usr": (b"5", 0o711, 7, b"", b"")}
LIB_THERE = {**USR_THERE, b"usr/lib": (b"5", 0o700, 8, b"", b"")}
LINK_THERE = {**LIB_THERE, b"lib": (b"2", 0o777, 9, b"usr/lib", b"")}
GONE = (b"0", 0o600, 0, b"", b"")


class TestNothingIsNeeded:
    @pytest.mark.parametrize("loose", [[], [False], [True], [False, False], [True, False, False]])
    def test_nothing_is_read_where_no_layer_depends_on_another(self, loose: list[bool]) -> None:
        assert correct([forbidden] * len(loose), loose) is None

    @pytest.mark.parametrize(
        "layers",
        [
            [[file(b"a/f")], [file(b"a/g")]],
            [[USR, LIB], [USR, LIB, file(b"usr/lib/f")]],
            [[folder(b"a")], [file(b"a/f"), folder(b"a")]],
            [[file(b"a")], [file(b"a/f")]],
            [[folder(b"a"), file(b"a/f")], [file(b"a")], [file(b"a/g")]],
            [[file(b"f")], [file(b"g"), hardlink(b"h", b"g")]],
            [[USR, LIB, LINK], [folder(b"lib"), file(b"lib/f")]],
            [[file(b"a", b"1")], [hardlink(b"b", b"a")], [whiteout(b".wh.b")]],
            [
                [USR, LIB, LINK],
                [file(b"lib/f")],
                [whiteout(b"usr/.wh.lib"), folder(b"lib")],
                [whiteout(b".wh.lib")],
            ],
            [[USR, file(b"usr/f")], [whiteout(b"usr/.wh..wh..opq")], [USR]],
        ],
    )
    def test_where_overlay_is_right(self, layers: list[list[Entry]]) -> None:
        assert correction(*layers) in (None, correction(*layers, layers[-1]))


class TestImpliedFolders:
    def test_the_folder_below_is_described_again(self) -> None:
        assert correction([USR, LIB], [file(b"usr/lib/f")]) == LIB_THERE

    def test_attributes_are_those_of_the_last_layer_that_describes_it(self) -> None:
        again = replace(USR, mode=0o777, xattrs={b"user.a": b"b"})
        found = correct([opener(archive(one)) for one in (USR, again, file(b"usr/f"))], [False, False, True])
        assert found is not None
        described = {entry.path: entry for entry, _ in found.entries()}
        assert described[b"usr"].mode == 0o777
        assert dict(described[b"usr"].xattrs) == {b"user.a": b"b"}

    def test_a_later_layer_describes_it(self) -> None:
        assert correction([USR], [file(b"usr/f")], [USR]) is None

    def test_a_whiteout_implies_its_folder(self) -> None:
        assert correction([USR, file(b"usr/f")], [whiteout(b"usr/.wh.f")]) == USR_THERE


class TestSymbolicLinksBelow:
    def test_entries_go_where_the_link_leads_and_the_link_stays(self) -> None:
        assert correction([USR, LIB, LINK], [file(b"lib/f", b"content", 0o640)]) == {
            **LINK_THERE,
            b"usr/lib/f": (b"0", 0o640, 0, b"", b"content"),
        }

    def test_a_link_to_an_absolute_path_stays_inside(self) -> None:
        found = correction([USR, LIB, symlink(b"lib", b"/../usr/./lib")], [file(b"lib/f", b"x")])
        assert found is not None
        assert set(found) == {b"", b"lib", b"usr", b"usr/lib", b"usr/lib/f"}

    def test_a_chain_of_links(self) -> None:
        links = [
            symlink(b"a", b"b"),
            symlink(b"b", b"c/d"),
            folder(b"c"),
            symlink(b"c/d", b"../e"),
            folder(b"e"),
        ]
        found = correction(links, [file(b"a/f", b"x")])
        assert found is not None
        assert found[b"e/f"][4] == b"x"
        assert found[b"a"][3] == b"b"

    def test_whiteouts_remove_where_the_link_leads(self) -> None:
        below = [USR, LIB, LINK, file(b"usr/lib/f")]
        assert correction(below, [whiteout(b"lib/.wh.f")]) == {**LINK_THERE, b"usr/lib/.wh.f": GONE}

    def test_an_opaque_whiteout_empties_the_folder_where_the_link_leads(self) -> None:
        below = [USR, LIB, LINK, file(b"usr/lib/f"), folder(b"usr/lib/d"), file(b"usr/lib/d/g")]
        found = correction(below, [file(b"lib/new", b"n"), whiteout(b"lib/.wh..wh..opq")])
        assert found == {
            **LINK_THERE,
            b"usr/lib/.wh.f": GONE,
            b"usr/lib/.wh.d": GONE,
            b"usr/lib/new": (b"0", 0o644, 0, b"", b"n"),
        }

    def test_a_file_takes_the_place_of_a_folder_where_the_link_leads(self) -> None:
        below = [USR, LIB, LINK, folder(b"usr/lib/d"), file(b"usr/lib/d/g")]
        again = [USR, LIB, folder(b"usr/lib/d", 0o750)]
        found = correction(below, [file(b"lib/d", b"file")], again)
        assert found is not None
        # Overlay would show what was in the folder before it was a file.
        assert found[b"usr/lib/d/.wh.g"] == GONE

    def test_the_link_is_replaced_later(self) -> None:
        found = correction([USR, LIB, LINK], [file(b"lib/f", b"x")], [folder(b"lib", 0o710)])
        assert found is not None
        assert found[b"lib"][:2] == (b"5", 0o710)
        assert found[b"lib/.wh.f"] == GONE
        assert found[b"usr/lib/f"][4] == b"x"

    def test_links_of_the_layer_itself_lead_into_layers_below(self) -> None:
        found = correction([USR, LIB], [symlink(b"l", b"usr/lib"), file(b"l/f", b"x")])
        assert found == LIB_THERE

    def test_links_in_circles(self) -> None:
        with pytest.raises(TooManyLinks, match="lead on and on"):
            correction([symlink(b"a", b"b"), symlink(b"b", b"a")], [file(b"a/f")])


class TestHardLinksToLayersBelow:
    def test_the_file_is_there_again_with_all_its_names(self) -> None:
        below = [file(b"f", b"content", 0o4711), hardlink(b"g", b"f"), file(b"other", b"o")]
        assert correction(below, [hardlink(b"h", b"g")]) == {
            b"": ROOT,
            b"f": (b"0", 0o4711, 0, b"", b"content"),
            b"g": (b"1", 0o4711, 0, b"f", b""),
            b"h": (b"1", 0o4711, 0, b"f", b""),
        }

    def test_a_name_that_is_replaced_later_is_another_file(self) -> None:
        found = correction([file(b"f", b"old")], [hardlink(b"h", b"f")], [file(b"f", b"new")])
        assert found == {b"": ROOT, b"h": (b"0", 0o644, 0, b"", b"old")}

    def test_a_link_to_a_symbolic_link_and_to_a_fifo(self) -> None:
        found = correction(
            [symlink(b"s", b"x"), Entry(b"p", b"6")], [hardlink(b"t", b"s"), hardlink(b"q", b"p")]
        )
        assert found is not None
        assert (found[b"s"][3], found[b"t"][0], found[b"t"][3]) == (b"x", b"1", b"s")
        assert (found[b"p"][0], found[b"q"][3]) == (b"6", b"p")

    def test_holes_are_zeros(self) -> None:
        sparse = Entry(b"s", content=b"abcd", sparse=[(3, 2), (600, 2)], size=1000)
        found = correction([file(b"before", bytes(3000)), sparse], [hardlink(b"t", b"s")])
        assert found is not None
        assert found[b"s"][4] == bytes(3) + b"ab" + bytes(595) + b"cd" + bytes(398)

    def test_holes_of_terabytes(self) -> None:
        sparse = Entry(b"s", content=b"end", sparse=[(2**42, 3)], size=2**42 + 3)
        with pytest.raises(TooManyHoles, match="4398046511104 bytes of holes"):
            correction([sparse], [hardlink(b"t", b"s")])

    def test_files_of_several_layers_that_can_only_be_read_once_from_front_to_back(self) -> None:
        tars = [
            archive(*(file(b"%d-%d" % (layer, number), b"%d" % number * 1000) for number in range(9, -1, -1)))
            for layer in range(2)
        ]
        links = [
            hardlink(b"l%d-%d" % (layer, number), b"%d-%d" % (layer, number))
            for layer in (0, 1)
            for number in (2, 7)
        ]
        tars.append(archive(*links))
        found = correct([stream(tar) for tar in tars], [False, False, True])
        assert found is not None
        bodies = {entry.path: b"".join(body) for entry, body in found.entries()}
        assert bodies[b"0-2"] == bodies[b"1-2"] == b"2" * 1000
        assert bodies[b"0-7"] == bodies[b"1-7"] == b"7" * 1000

    def test_a_link_to_nothing(self) -> None:
        with pytest.raises(DanglingLink, match="b'h' is a hard link to b'nothing', which is not there"):
            correction([file(b"f")], [hardlink(b"h", b"nothing")])

    def test_a_link_to_what_it_takes_the_place_of(self) -> None:
        with pytest.raises(DanglingLink):
            correction([folder(b"d"), file(b"d/f")], [hardlink(b"d", b"d/f")])

    def test_a_link_to_a_folder(self) -> None:
        with pytest.raises(LinkedFolder, match="which is a folder"):
            correction([folder(b"d")], [hardlink(b"h", b"d")])


def test_the_root_is_as_the_last_layer_says_that_has_it() -> None:
    root = replace(folder(b"./", 0o711), mtime=5 * SECOND)
    found = correction([USR], [root], [file(b"usr/f")])
    assert found is not None
    assert found[b""] == (b"5", 0o711, 5, b"", b"")


def test_links_that_lead_on_for_longer_than_is_looked_for() -> None:
    # Each pass over the layers finds one more of these.
    links = [symlink(b"l%d" % number, b"l%d" % (number + 1)) for number in range(30)]
    found = correction([*links, folder(b"l30", 0o700)], [file(b"l0/f", b"x")])
    assert found is not None
    assert found[b"l30/f"][4] == b"x"
    assert found[b"l30"][1] == 0o700


def test_only_what_matters_is_remembered() -> None:
    many = [folder(b"d"), *(file(b"d/%d" % number) for number in range(2000))]
    read: list[int] = []

    def counted(tar: bytes) -> Callable[[], BinaryIO]:
        def opened() -> BinaryIO:
            read.append(len(tar))
            return io.BytesIO(tar)

        return opened

    found = correct([counted(archive(*many)), counted(archive(file(b"e/f")))], [False, True])
    assert found is None
    # One look for what matters, one for what it is; no third.
    assert len(read) == 4


def stream(tar: bytes) -> Callable[[], BinaryIO]:
    """A tar that cannot be sought in."""

    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

    return lambda: Stream(tar)


def test_errors_are_of_a_kind() -> None:
    assert issubclass(DanglingLink, Invalid)
    assert issubclass(TooManyLinks, Invalid)
