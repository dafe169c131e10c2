"""Who a container's first process is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shale.runtime.users import (
    Accounts,
    AccountsTooLong,
    ContainerUser,
    InvalidUser,
    UnknownUser,
    read_accounts,
    resolve_user,
)

ACCOUNTS = Accounts(
    passwd=(
        b"root:x:0:0:root:/root:/bin/sh\n"
        b"# nothing\n"
        b"web:x:33:33:web:/var/www:/usr/sbin/nologin\n"
        b"7:x:1234:1234::/seven:/bin/sh\n"
        b"short:x:5\n"
        b"giant:x:99999999999:1::/giant:/bin/sh\n"
        b"wrapped:x:4294967296:0::/wrapped:/bin/sh\n"
        b"bare:x:50:51:::\n"
    ),
    group=b"root:x:0:\nweb:x:33:\ndisk:x:6:web,root\ntape:x:26:web\nbroken:x:-1:web\n",
)


def who(text: str, *groups: str) -> ContainerUser:
    return resolve_user(text, groups, ACCOUNTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ContainerUser(0, 0, (0, 6), "/root")),
        ("root", ContainerUser(0, 0, (0, 6), "/root")),
        ("web", ContainerUser(33, 33, (33, 6, 26), "/var/www")),
        ("33", ContainerUser(33, 33, (33, 6, 26), "/var/www")),
        ("web:", ContainerUser(33, 33, (33, 6, 26), "/var/www")),
        ("web:disk", ContainerUser(33, 6, (6,), "/var/www")),
        ("web:0", ContainerUser(33, 0, (0,), "/var/www")),
        (":web", ContainerUser(0, 33, (33,), "/root")),
        ("1000", ContainerUser(1000, 0, (0,), "/")),
        ("1000:1001", ContainerUser(1000, 1001, (1001,), "/")),
        ("2147483647", ContainerUser(2147483647, 0, (0,), "/")),
        ("7", ContainerUser(7, 0, (0,), "/")),
        ("bare", ContainerUser(50, 51, (51,), "/")),
    ],
)
def test_names_and_numbers(text: str, expected: ContainerUser) -> None:
    assert who(text) == expected


def test_further_groups_come_last_and_once() -> None:
    assert who("web", "tape", "100", "disk").groups == (33, 6, 26, 100)


@pytest.mark.parametrize(
    "text",
    ["2147483648", "4294967296", "99999999999999999999", "0:2147483648", "1000:-1:3", "a b", "a\n", ":a:b"],
)
def test_what_is_out_of_range_or_malformed_is_never_root(text: str) -> None:
    with pytest.raises(InvalidUser):
        who(text)


@pytest.mark.parametrize(
    "text", ["nobody", "-1", "+0", "0x0", "٣", "short", "giant", "wrapped", "web:nogroup", "1e3"]
)
def test_who_is_unknown_is_never_root(text: str) -> None:
    with pytest.raises(UnknownUser):
        who(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "etc").mkdir(parents=True)
    return tmp_path / "root"


def read(root: Path) -> Accounts:
    folder = os.open(root, os.O_PATH)
    try:
        return read_accounts(folder)
    finally:
        os.close(folder)


def test_an_image_without_files_has_no_names(root: Path) -> None:
    assert read(root) == Accounts()
    (root / "etc").rmdir()
    assert read(root) == Accounts()


def test_links_are_followed_inside_the_root(root: Path, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("outside")
    (root / "users").write_text("inside")
    (root / "etc/passwd").symlink_to("/users")
    (root / "etc/group").symlink_to("../../../../../../passwd")
    assert read(root) == Accounts(b"inside", b"")


@pytest.mark.parametrize("name", ["passwd", "group"])
def test_what_is_no_regular_file_is_not_opened(root: Path, name: str) -> None:
    os.mkfifo(root / "etc" / name)
    with pytest.raises(InvalidUser):
        read(root)
    (root / "etc" / name).unlink()
    (root / "etc" / name).symlink_to(name)
    with pytest.raises(InvalidUser):
        read(root)


def test_a_file_without_end_is_refused(root: Path) -> None:
    with open(root / "etc/group", "wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(AccountsTooLong):
        read(root)
