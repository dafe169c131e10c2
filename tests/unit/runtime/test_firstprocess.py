"""What runs in a container: the image's word, the caller's word, and which of them counts."""

from __future__ import annotations

import pytest

from shale.oci.config import Execution
from shale.runtime.firstprocess import (
    InvalidProcess,
    NoCommand,
    absolute,
    arguments,
    environment,
    working_folder,
)
from shale.runtime.wishes import RunWishes

IMAGE = Execution(entrypoint=("entry",), cmd=("cmd", "-x"))


@pytest.mark.parametrize(
    ("image", "wishes", "expected"),
    [
        (IMAGE, RunWishes(), ["entry", "cmd", "-x"]),
        (IMAGE, RunWishes(args=("a",)), ["entry", "a"]),
        (IMAGE, RunWishes(entrypoint=("other",)), ["other"]),
        (IMAGE, RunWishes(entrypoint=("other",), args=("a",)), ["other", "a"]),
        (IMAGE, RunWishes(entrypoint=(), args=("a",)), ["a"]),
        (Execution(cmd=("cmd",)), RunWishes(), ["cmd"]),
        (Execution(), RunWishes(args=("a", "")), ["a", ""]),
    ],
)
def test_which_words_run(image: Execution, wishes: RunWishes, expected: list[str]) -> None:
    assert arguments(image, wishes) == expected


@pytest.mark.parametrize(
    ("image", "wishes"),
    [
        (Execution(), RunWishes()),
        (IMAGE, RunWishes(entrypoint=())),
        (Execution(entrypoint=("",)), RunWishes(args=("a",))),
    ],
)
def test_nothing_to_run(image: Execution, wishes: RunWishes) -> None:
    with pytest.raises(NoCommand):
        arguments(image, wishes)


@pytest.mark.parametrize("word", ["a\0b", "x" * 131072, "é" * 65536])
def test_what_the_kernel_does_not_take(word: str) -> None:
    with pytest.raises(InvalidProcess):
        arguments(Execution(entrypoint=(word,)), RunWishes())
    with pytest.raises(InvalidProcess):
        environment(Execution(env=(f"A={word}",)), RunWishes(), home="/", hostname="h")
    with pytest.raises(InvalidProcess):
        working_folder(Execution(working_dir=f"/{word}"), RunWishes())


def test_variables() -> None:
    image = Execution(env=("PATH=/opt", "A=1", "B=2", "A=3", "junk", "=x", "E="))
    wishes = RunWishes(env=("B=4", "C=5", "E", "F=a=b\nc"), tty=True)
    assert environment(image, wishes, home="/home/me", hostname="box") == [
        "PATH=/opt", "HOSTNAME=box", "TERM=xterm", "A=3", "B=4", "C=5", "F=a=b\nc", "HOME=/home/me",
    ]  # fmt: skip


def test_an_image_without_variables_still_has_a_path() -> None:
    variables = environment(Execution(env=("HOME=/mine",)), RunWishes(), home="/root", hostname="h")
    assert variables[0].startswith("PATH=/usr/local/sbin:")
    assert "HOME=/mine" in variables
    assert not any(one.startswith("TERM=") for one in variables)


@pytest.mark.parametrize(
    ("image", "wish", "expected"),
    [
        (None, None, "/"),
        ("", None, "/"),
        ("srv", None, "/srv"),
        ("/srv/../app/.", None, "/app"),
        ("//x", None, "/x"),
        ("/../../x", None, "/x"),
        ("/a", "/b", "/b"),
    ],
)
def test_where_it_begins(image: str | None, wish: str | None, expected: str) -> None:
    assert working_folder(Execution(working_dir=image), RunWishes(workdir=wish)) == expected


def test_a_caller_s_folder_is_absolute() -> None:
    with pytest.raises(InvalidProcess, match="not an absolute path"):
        working_folder(Execution(), RunWishes(workdir="srv"))


def test_paths_in_their_plainest_form() -> None:
    assert [absolute(path) for path in ("", "/", "a", "//a//b/", "../a", "/a/../..")] == [
        "/", "/", "/a", "/a/b", "/a", "/",
    ]  # fmt: skip
