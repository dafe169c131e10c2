"""What root is told to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from shale.linux.namespaceadvice import free_id, how_to_allow, read_file, why_alone


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", 100_000),
        ("me:100000:65536\n", 165_536),
        ("me:300000:10\nyou:200000:65536\n", 300_010),
        ("me:5:5\n# a comment\nyou:x:9\nshe:1:2:3\n", 100_000),
    ],
)
def test_ranges_that_are_proposed_belong_to_nobody_yet(text: str, first: int) -> None:
    assert free_id(text) == first


def test_who_is_alone_is_told_what_is_missing() -> None:
    given = why_alone("me", has_programs=True)
    assert "no range of ids" in given
    assert given.endswith(" me)")
    assert "usermod --add-subuids " in given
    assert "no newuidmap and newgidmap" in why_alone("me", has_programs=False)


def test_a_switch_is_read_although_the_kernel_gives_no_large_pieces() -> None:
    assert read_file("/proc/sys/user/max_user_namespaces", 64).strip().isdecimal()
    assert read_file("/nowhere") == ""


def test_where_no_switch_is_off_the_surroundings_are_named() -> None:
    assert Path("/proc/sys/user/max_user_namespaces").read_text().strip() != "0"
    assert "container's seccomp" in how_to_allow()
