"""What all tests share: the peers, and which tests run beside which."""

from __future__ import annotations

import pytest

pytest_plugins = ["command_line", "peers.fixtures"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs peers, and keep all that needs the Docker engine on one worker: it is slow to start."""
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if "peer_ground" in asked:
            item.add_marker(pytest.mark.peer)
        if "dockerd" in asked:
            item.add_marker(pytest.mark.xdist_group("dockerd"))
