"""What is mapped to what in a user namespace."""

from __future__ import annotations

import pytest

from shale.linux.idmap import IdRange, IdTable, parse_subordinate, parse_table, read_tables, table_for


def test_the_table_of_the_first_namespace() -> None:
    table = parse_table("         0          0 4294967295\n")
    assert table.is_everything
    assert table.largest == 2**32 - 2
    assert table.outside(1000) == 1000


def test_a_table_of_ranges() -> None:
    table = parse_table("0 1000 1\n1 100000 65536\n70000 300000 10\n")
    assert not table.is_everything
    assert table.largest == 65536
    assert [number in table for number in (0, 1, 65536, 65537, 70009, 70010)] == [
        True, True, True, False, True, False,
    ]  # fmt: skip
    assert [table.outside(number) for number in (0, 1, 65536, 65537, 70000)] == [
        1000, 100000, 165535, None, 300000,
    ]  # fmt: skip
    assert parse_table("5 5 5\n").largest == -1


def test_our_own_table_can_be_read() -> None:
    users, groups = read_tables()
    assert 0 in users
    assert 0 in groups


SUBUID = "me:100000:65536\n# a remark\nother:1:2\n1000:300000:5\nme:x:1\nme:1:0\nme:1\n:7:7\nme:-1:4\n"


@pytest.mark.parametrize(
    ("user", "name", "expected"),
    [
        (1000, "me", [(100000, 65536), (300000, 5)]),
        (1001, "other", [(1, 2)]),
        (1002, "", []),
        (1000, "", [(300000, 5)]),
    ],
)
def test_what_a_user_was_given(user: int, name: str, expected: list[tuple[int, int]]) -> None:
    assert parse_subordinate(SUBUID, user, name) == expected


def test_the_table_of_a_user() -> None:
    assert table_for(1000, [(100000, 65536), (300000, 5)]) == IdTable(
        (IdRange(0, 1000, 1), IdRange(1, 100000, 65536), IdRange(65537, 300000, 5))
    )
    assert table_for(7, []) == IdTable((IdRange(0, 7, 1),))
