"""Who a process works for: the variable alone is not believed."""

from __future__ import annotations

import os

import pytest

from shale.linux.outside import MARK, is_inside, outer_user


@pytest.mark.parametrize("claim", ["", "1000", "0", "-1", "x", "²", "65534"])
def test_a_claim_without_a_namespace_is_not_believed(claim: str) -> None:
    assert outer_user({MARK: claim}) == os.geteuid()
    assert not is_inside({MARK: claim})
