from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_form import FakeForm
from shale.store.store import Store, open_store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    with open_store(root) as opened:
        yield opened


@pytest.fixture
def form() -> FakeForm:
    return FakeForm()
