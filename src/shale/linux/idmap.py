"""User ids of a user namespace: what is mapped to what, and which ids a user was given for it.

Specification: user_namespaces(7), subuid(5), newuidmap(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["IdRange", "IdTable", "parse_subordinate", "parse_table", "read_tables", "table_for"]

_EVERYTHING: Final = 2**32 - 1


class IdRange(msgspec.Struct, frozen=True):
    """Neighbouring ids: `count` of them, from `inside` in the namespace, known as `outside` and on outside."""

    inside: int
    outside: int
    count: int


class IdTable(msgspec.Struct, frozen=True):
    """All ids of a kind (users or groups) that a user namespace has."""

    ranges: tuple[IdRange, ...]

    @property
    def is_everything(self) -> bool:
        """Whether this is the table of the first user namespace."""
        return self.ranges == (IdRange(0, 0, _EVERYTHING),)

    @property
    def largest(self) -> int:
        """The largest id that can be used without a gap from 0, -1 where not even 0 can."""
        end = 0
        for one in sorted(self.ranges, key=lambda one: one.inside):
            if one.inside > end:
                break
            end = max(end, one.inside + one.count)
        return end - 1

    def __contains__(self, number: int) -> bool:
        return any(one.inside <= number < one.inside + one.count for one in self.ranges)

    def outside(self, number: int) -> int | None:
        """What an id is outside; None where it is not mapped."""
        for one in self.ranges:
            if one.inside <= number < one.inside + one.count:
                return one.outside + number - one.inside
        return None


def parse_table(text: str) -> IdTable:
    """Read `/proc/PID/uid_map` or `gid_map`."""
    return IdTable(tuple(IdRange(*map(int, line.split())) for line in text.splitlines()))


def read_tables() -> tuple[IdTable, IdTable]:
    """The users and the groups that this process's namespace has."""
    users, groups = (
        parse_table(Path(f"/proc/self/{kind}_map").read_text(encoding="ascii")) for kind in ("uid", "gid")
    )
    return users, groups


def parse_subordinate(text: str, user: int, name: str) -> list[tuple[int, int]]:
    """The ids that a user was given: (first, count) in the order of the file.

    Args:
        text: of /etc/subuid or /etc/subgid; what is malformed is passed over, as newuidmap does.
        user: the user's id.
        name: the user's name; empty where there is none.
    """
    found = []
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[0] in {str(user), name} - {""}:
            first, count = fields[1:]
            if first.isascii() and first.isdigit() and count.isascii() and count.isdigit() and int(count):
                found.append((int(first), int(count)))
    return found


def table_for(own: int, given: Sequence[tuple[int, int]]) -> IdTable:
    """The table of a namespace in which this user is root, and the ids that were given follow."""
    ranges = [IdRange(0, own, 1)]
    inside = 1
    for first, count in given:
        ranges.append(IdRange(inside, first, count))
        inside += count
    return IdTable(tuple(ranges))
