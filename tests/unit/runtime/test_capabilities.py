"""Which capabilities a container gets."""

from __future__ import annotations

import pytest

from shale.runtime.capabilities import (
    ALL,
    DEFAULT,
    CapabilityMissing,
    InvalidCapability,
    capability_sets,
    from_mask,
    granted,
)

EVERY = frozenset(ALL)


def grant(
    *, add: tuple[str, ...] = (), drop: tuple[str, ...] = (), privileged: bool = False,
    available: frozenset[str] = EVERY,
) -> frozenset[str]:  # fmt: skip
    return granted(add, drop, privileged=privileged, available=available)


def test_the_default_is_podman_s() -> None:
    assert grant() == DEFAULT
    assert len(DEFAULT) == 11
    assert not DEFAULT & {"CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE", "CAP_SYS_ADMIN"}


@pytest.mark.parametrize("name", ["NET_RAW", "net_raw", "CAP_NET_RAW", "cap_net_raw"])
def test_a_name_is_written_in_any_way(name: str) -> None:
    assert grant(add=(name,)) == DEFAULT | {"CAP_NET_RAW"}


def test_all_and_exceptions() -> None:
    assert grant(add=("ALL",)) == EVERY
    assert grant(add=("all",), drop=("SYS_ADMIN",)) == EVERY - {"CAP_SYS_ADMIN"}
    assert grant(drop=("ALL",)) == frozenset()
    assert grant(drop=("ALL",), add=("CHOWN",)) == {"CAP_CHOWN"}
    assert grant(privileged=True, drop=("CHOWN",)) == EVERY - {"CAP_CHOWN"}
    assert grant(privileged=True, drop=("ALL",)) == frozenset()


def test_nothing_is_given_that_we_may_not_have() -> None:
    few = frozenset({"CAP_CHOWN", "CAP_NET_RAW"})
    assert grant(available=few) == {"CAP_CHOWN"}
    assert grant(available=few, add=("ALL",)) == few
    assert grant(available=few, privileged=True) == few
    with pytest.raises(CapabilityMissing, match="CAP_SYS_TIME"):
        grant(available=few, add=("SYS_TIME",))


@pytest.mark.parametrize(("add", "drop"), [(("FLY",), ()), ((), ("",)), (("CHOWN",), ("chown",))])
def test_nonsense_is_refused(add: tuple[str, ...], drop: tuple[str, ...]) -> None:
    with pytest.raises(InvalidCapability):
        grant(add=add, drop=drop)


def test_sets_that_programs_inherit_stay_empty() -> None:
    sets = capability_sets(frozenset({"CAP_KILL", "CAP_CHOWN"}))
    assert sets["bounding"] == sets["effective"] == sets["permitted"] == ["CAP_CHOWN", "CAP_KILL"]
    assert sets["inheritable"] == sets["ambient"] == []


def test_a_mask_of_the_kernel() -> None:
    assert from_mask(0b100001) == {"CAP_CHOWN", "CAP_KILL"}
    assert from_mask(1 << 63) == frozenset()
    assert len(from_mask(0x1FFFFFFFFFF)) == 41
