from __future__ import annotations

import json
from typing import Any

import pytest

from shale.registry.client.challenge import parse_challenges
from shared_vectors import VECTORS

TABLES = json.loads((VECTORS / "c-image" / "www_authenticate.json").read_text())["tables"]
CASES = [case for table in TABLES for case in table["cases"]]


def test_the_table_is_there() -> None:
    assert len(CASES) == 3


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["input"])
def test_reads_what_containers_image_reads(case: dict[str, Any]) -> None:
    (challenge,) = parse_challenges([case["input"]])
    assert challenge.scheme == case["scope"]
    assert challenge.parameters == case["params"]
