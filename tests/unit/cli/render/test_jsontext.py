from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from shale.cli.render.jsontext import compact_json, indented_json
from shale.cli.render.values import GoMap, Method
from shale.errors import Exhausted, Unsupported
from shared_vectors import VECTORS

TESTDATA = VECTORS / "docker-cli-28" / "goldens" / "cli" / "command" / "image" / "testdata"


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def template_fields(self) -> Mapping[str, object]:
        return {"Y": self.y, "X": self.x}


@pytest.mark.parametrize("name", ["simple", "simple-many"])
def test_inspect_as_docker_prints_it(name: str) -> None:
    golden = (TESTDATA / f"inspect-command-success.{name}.golden").read_text()
    assert indented_json(json.loads(golden)) + "\n" == golden


def test_order_is_kept_for_objects_and_made_for_maps() -> None:
    value = {"b": 1, "a": GoMap({"z": 1, "y": 2}), "p": Point(1, 2)}
    assert compact_json(value) == '{"b":1,"a":{"y":2,"z":1},"p":{"Y":2,"X":1}}'


def test_escapes_are_those_of_go() -> None:
    text = '<a>&\u2028\x00\x1f\x7f\b\f\n\r\t"\\/é🐳\udcff'
    kept = r"\u2028\u0000\u001f" + "\x7f" + r'\b\f\n\r\t\"\\/é🐳\ufffd"'
    assert compact_json(text) == '"<a>&' + kept
    assert compact_json(text, escape_html=True) == '"\\u003ca\\u003e\\u0026' + kept
    assert compact_json({"<": 1}, escape_html=True) == '{"\\u003c":1}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (-1234.5, "-1234.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (1e100, "1e+100"),
        (2**70, "1180591620717411303424"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
        ((1, "a"), '[1,"a"]'),
        (Method(0, lambda: 5), "5"),
        ({"a": Method(0, lambda: 5), "b": Method(1, len)}, '{"a":5}'),
    ],
)
def test_values(value: object, text: str) -> None:
    assert compact_json(value) == text


def test_empty_collections_take_no_lines() -> None:
    assert (
        indented_json({"a": {}, "b": [], "c": [1]})
        == '{\n    "a": {},\n    "b": [],\n    "c": [\n        1\n    ]\n}'
    )


def test_depth_is_bounded() -> None:
    value: list[object] = []
    for _ in range(10_000):
        value = [value]
    with pytest.raises(Exhausted):
        compact_json(value)


@pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, float("nan"), float("inf")])
def test_what_has_no_json(value: object) -> None:
    with pytest.raises(Unsupported):
        compact_json(value)
