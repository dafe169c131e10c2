"""Who a container's first process is: `USER` and `--user`, names looked up in the image's own files.

    user = ( name | uid ) [ ":" ( name | gid ) ]

What is written in digits is a number, whatever names there are (CVE-2026-46680), and never beyond what fits a
signed 32-bit number (CVE-2024-40635). The files belong to the image: they are read by descriptor inside its
root, where they are regular files, and not without end (CVE-2024-9676, CVE-2026-47262).

Specification: image-spec config.md, `User`; passwd(5), group(5).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from shale.errors import Exhausted, Invalid, NotFound
from shale.linux.beneath import open_beneath

__all__ = [
    "Accounts",
    "AccountsTooLong",
    "ContainerUser",
    "InvalidUser",
    "UnknownUser",
    "read_accounts",
    "resolve_user",
]

_MOST: Final = 4 * 1024 * 1024
"""Bytes of /etc/passwd or /etc/group: tens of thousands of accounts."""
_LARGEST: Final = 2**31 - 1
_DIGITS: Final = re.compile(r"[0-9]+\Z")


class InvalidUser(Invalid):
    """A text is not a user, or a number in it is out of range."""


class UnknownUser(NotFound):
    """The image knows no user or group of that name."""


class AccountsTooLong(Exhausted):
    """The image's /etc/passwd or /etc/group is longer than any that is used."""


class ContainerUser(msgspec.Struct, frozen=True):
    """The numbers of a process.

    Attributes:
        uid: in the container.
        gid: in the container.
        groups: all its groups, the first among them (a process without it could lose what others deny its
            group, CVE-2022-36109).
        home: from /etc/passwd; `/` where it is not there.
    """

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class Accounts(msgspec.Struct, frozen=True):
    """An image's files of users and groups; empty where it has none."""

    passwd: bytes = b""
    group: bytes = b""


class _Account(msgspec.Struct, frozen=True):
    name: str
    uid: int
    gid: int
    home: str


class _Group(msgspec.Struct, frozen=True):
    name: str
    gid: int
    members: frozenset[str]


def read_accounts(root: int) -> Accounts:
    """Read an image's files.

    Args:
        root: descriptor of its root folder.

    Raises:
        InvalidUser: one of the files is no regular file.
        AccountsTooLong: one is too long.
    """
    return Accounts(_read(root, b"etc/passwd"), _read(root, b"etc/group"))


def resolve_user(text: str, more_groups: Sequence[str], accounts: Accounts) -> ContainerUser:
    """Find out who is meant.

    Args:
        text: empty for root.
        more_groups: further groups, by name or number.
        accounts: the image's.

    Raises:
        InvalidUser: malformed, or a number out of range, or a group whose name is the number of another.
        UnknownUser: a name that the image does not have.
    """
    name, colon, group = text.partition(":")
    account = _find_account(name or "0", accounts)
    if colon and group:
        gid = _find_group(group, accounts)
        joined: tuple[int, ...] = ()
    else:
        gid = account.gid
        joined = tuple(one.gid for one in _groups(accounts) if account.name and account.name in one.members)
    further = tuple(_find_group(one, accounts) for one in more_groups)
    groups = tuple(dict.fromkeys((gid, *joined, *further)))
    _refuse_numbers_as_names(groups, accounts)
    return ContainerUser(account.uid, gid, groups, account.home)


def _refuse_numbers_as_names(groups: tuple[int, ...], accounts: Accounts) -> None:
    """Refuse a group whose name is the number of one of these: runc 1.1 looks numbers up as names again."""
    numbers = {str(one): one for one in groups}
    for group in _groups(accounts):
        if numbers.get(group.name, group.gid) != group.gid:
            raise InvalidUser(
                f"the image's /etc/group calls group {group.gid} {group.name!r}, the number of another"
            )


def _find_account(text: str, accounts: Accounts) -> _Account:
    number = _number(text)
    for account in _accounts(accounts):
        if account.uid == number if number is not None else account.name == text:
            return account
    if number is None:
        raise UnknownUser(
            f"unable to find user {text[:100]}: the image's /etc/passwd has no such name; use a number, as 1000"
        )
    return _Account("", number, 0, "/")


def _find_group(text: str, accounts: Accounts) -> int:
    number = _number(text)
    if number is not None:
        return number
    for group in _groups(accounts):
        if group.name == text:
            return group.gid
    raise UnknownUser(
        f"unable to find group {text[:100]}: the image's /etc/group has no such name; use a number, as 1000"
    )


def _number(text: str) -> int | None:
    if not _DIGITS.match(text):
        if not text or ":" in text or any(ord(one) <= ord(" ") for one in text):
            raise InvalidUser(
                f"{text[:100]!r} is not a user or a group; expected a name or a number, as 1000:1000"
            )
        return None
    if len(text) > len(str(_LARGEST)) or int(text) > _LARGEST:
        raise InvalidUser(f"the user or group {text[:40]} is out of range: the largest is {_LARGEST}")
    return int(text)


def _accounts(accounts: Accounts) -> Iterator[_Account]:
    for fields in _lines(accounts.passwd, 7):
        uid, gid = _field(fields[2]), _field(fields[3])
        if uid is not None and gid is not None:
            yield _Account(fields[0], uid, gid, fields[5] or "/")


def _groups(accounts: Accounts) -> Iterator[_Group]:
    for fields in _lines(accounts.group, 4):
        gid = _field(fields[2])
        if gid is not None:
            yield _Group(fields[0], gid, frozenset(fields[3].split(",")) - {""})


def _lines(content: bytes, width: int) -> Iterator[list[str]]:
    """The lines that are entries; what is malformed is passed over, as the C library does."""
    for line in content.split(b"\n"):
        fields = os.fsdecode(line).split(":")
        if len(fields) >= width and fields[0]:
            yield fields


def _field(text: str) -> int | None:
    """A number in a file; None where it is none that a process can have."""
    if not _DIGITS.match(text) or len(text) > len(str(_LARGEST)) or int(text) > _LARGEST:
        return None
    return int(text)


def _read(root: int, path: bytes) -> bytes:
    """One of the files, opened only when it is known to be a regular one."""
    try:
        found = open_beneath(root, path, os.O_PATH)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise InvalidUser(f"the image's /{path.decode()} cannot be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise InvalidUser(f"the image's /{path.decode()} is not a regular file")
        file = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(found)
    with open(file, "rb") as content:
        read = content.read(_MOST + 1)
    if len(read) > _MOST:
        raise AccountsTooLong(f"the image's /{path.decode()} is longer than {_MOST} bytes")
    return read
