"""Where a copy lands: docker's rules."""

from __future__ import annotations

import pytest

from shale.container.files.copyrules import (
    CannotCopyFolder,
    Destination,
    Goal,
    NoSuchFolder,
    Place,
    clean,
    goal_of,
    keep_ending,
    parse_place,
    split_entry,
    wants_folder,
)
from shale.errors import Invalid


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("web:/etc/hosts", Place("web", "/etc/hosts")),
        ("web:etc", Place("web", "etc")),
        ("web:", Place("web", "")),
        ("web:a:b", Place("web", "a:b")),
        ("file", Place(None, "file")),
        ("./web:file", Place(None, "./web:file")),
        ("/web:file", Place(None, "/web:file")),
        (".web:file", Place(None, ".web:file")),
        ("-", Place(None, "-")),
    ],
)
def test_a_container_stands_before_the_first_colon(text: str, place: Place) -> None:
    assert parse_place(text) == place


def test_a_colon_needs_a_container_before_it() -> None:
    with pytest.raises(Invalid, match="no container is named"):
        parse_place(":/etc")


@pytest.mark.parametrize(
    ("path", "cleaned", "folder", "base"),
    [
        ("/a/b", "/a/b", "/a", "b"),
        ("/a/b/", "/a/b/", "/a", "b"),
        ("/a/b/.", "/a/b/.", "/a/b", "."),
        ("/a//b/../c", "/a/c", "/a", "c"),
        ("//a", "/a", "/", "a"),
        ("/", "/", "/", "/"),
        ("/.", "/.", "/", "."),
        (".", ".", ".", "."),
        ("a", "a", ".", "a"),
        ("/..", "/", "/", "/"),
    ],
)
def test_paths_keep_their_endings(path: str, cleaned: str, folder: str, base: str) -> None:
    assert keep_ending(clean(path), path) == cleaned
    assert split_entry(path) == (folder, base)


def test_an_ending_says_that_it_is_a_folder() -> None:
    assert [wants_folder(path) for path in ("a/", "a/.", ".", "a", "a.", "")] == [True] * 3 + [False] * 3


# The table of docs.docker.com: source is a file or a folder, destination is there or not, a file or a folder.
FOLDER, FILE = (True, True), (True, False)
MISSING = (False, False)


@pytest.mark.parametrize(
    ("name", "from_folder", "path", "there", "goal"),
    [
        ("f", False, "/new", MISSING, Goal("/", "new")),
        ("f", False, "/etc/passwd", FILE, Goal("/etc", "passwd")),
        ("f", False, "/etc", FOLDER, Goal("/etc", "f")),
        ("f", False, "/etc/", FOLDER, Goal("/etc/", "f")),
        ("f", False, "/file/", FILE, Goal("/", "file")),
        ("d", True, "/new", MISSING, Goal("/", "new")),
        ("d", True, "/new/", MISSING, Goal("/", "new")),
        ("d", True, "/etc", FOLDER, Goal("/etc", "d")),
        (".", True, "/new", MISSING, Goal("/", "new")),
        (".", True, "/etc", FOLDER, Goal("/etc", ".")),
        ("d", True, "new", MISSING, Goal(".", "new")),
    ],
)
def test_where_a_copy_goes(
    name: str, from_folder: bool, path: str, there: tuple[bool, bool], goal: Goal
) -> None:
    assert goal_of(name, Destination(path, *there), from_folder=from_folder) == goal


def test_what_cannot_be_copied() -> None:
    with pytest.raises(CannotCopyFolder, match="cannot copy directory"):
        goal_of("d", Destination("/etc/passwd", *FILE), from_folder=True)
    for path in ("/new/", "/new/."):
        with pytest.raises(NoSuchFolder, match="no such directory"):
            goal_of("f", Destination(path, *MISSING), from_folder=False)
