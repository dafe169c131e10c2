"""A store, a registry, and hands that pull and push between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.hands import Hands
from faults.image_registry import ImageRegistry
from faults.image_work import LARGE
from shale.store.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "root") as opened:
        yield opened


@pytest.fixture
def registry() -> Iterator[ImageRegistry]:
    with ImageRegistry() as serving:
        yield serving


@pytest.fixture
def hands(store: Store, registry: ImageRegistry) -> Hands:
    registry.offer(LARGE, "v1")
    return Hands(store, registry)
