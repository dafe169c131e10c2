"""What all tests share: the peers, and the mark of those that need them."""

from __future__ import annotations

import pytest

pytest_plugins = ["command_line", "peers.fixtures"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs peers."""
    if "peer_ground" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.peer)
