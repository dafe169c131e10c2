from __future__ import annotations

import struct

import pytest

from shale.layer.field import InvalidTar
from shale.snapshot.erofs.attributes import kept_attributes
from shale.snapshot.erofs.layout import CHARACTER, FOLDER, LINK, REGULAR, attribute_block, attribute_size

GOOD_LIST = struct.pack("<I", 2) + struct.pack("<HHI", 1, 7, 0) + struct.pack("<HHI", 0x20, 5, 0)


@pytest.mark.parametrize(
    ("kept", "name", "value", "kind"),
    [
        (True, b"user.a", b"", REGULAR),
        (True, b"user.a", b"1", FOLDER),
        (False, b"user.a", b"1", LINK),
        (False, b"user.a", b"1", CHARACTER),
        (True, b"trusted.a", b"1", LINK),
        (True, b"security.a", b"1", CHARACTER),
        (False, b"user.", b"1", REGULAR),
        (False, b"other.a", b"1", REGULAR),
        (False, b"system.nfs4_acl", b"1", REGULAR),
        (False, b"user.\0", b"1", REGULAR),
        (True, b"system.posix_acl_access", GOOD_LIST, REGULAR),
        (True, b"system.posix_acl_default", GOOD_LIST, FOLDER),
        (False, b"system.posix_acl_default", GOOD_LIST, REGULAR),
        (False, b"system.posix_acl_access", GOOD_LIST, LINK),
        (False, b"system.posix_acl_access", GOOD_LIST[:-1], REGULAR),
        (False, b"system.posix_acl_access", b"\1" + GOOD_LIST[1:], REGULAR),
        (False, b"system.posix_acl_access", GOOD_LIST + struct.pack("<HHI", 3, 7, 0), REGULAR),
        (False, b"system.posix_acl_access", b"", REGULAR),
    ],
)
def test_what_linux_has_is_kept_and_the_rest_noted(kept: bool, name: bytes, value: bytes, kind: int) -> None:
    notes: list[str] = []
    assert kept_attributes({name: value}, kind, 0, notes.append) == ({name: value} if kept else {})
    assert bool(notes) is not kept


def test_orders_to_overlay_are_left_out_without_a_word() -> None:
    orders = {b"trusted.overlay.opaque": b"y", b"user.overlay.whiteout": b""}
    notes: list[str] = []
    assert kept_attributes(orders, FOLDER, 0, notes.append) == {}
    assert notes == []


def test_together_they_may_not_be_more_than_an_inode_holds() -> None:
    many = {b"user.%d" % at: bytes(65535) for at in range(4)}
    with pytest.raises(InvalidTar, match="more than 256 KiB"):
        kept_attributes(many, REGULAR, 7, print)
    del many[b"user.3"]
    many[b"user.rest"] = bytes(65535 - 4 * 20)
    kept = kept_attributes(many, REGULAR, 7, print)
    assert len(attribute_block(kept)) <= attribute_size(65535)
