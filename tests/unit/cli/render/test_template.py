"""Templates against what docker 28.2.2 prints (tests/golden/template), and what is shale's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shale.cli.render.template import TemplateError, UnknownField, compile_template
from shale.cli.render.values import GoMap, Method

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "golden" / "template" / "docker_28.json").read_text(encoding="utf-8")
)


def revive(value: Any) -> Any:
    """JSON with marked maps, as the values of templates."""
    if isinstance(value, list):
        return [revive(item) for item in value]
    if isinstance(value, dict) and "$map" in value:
        return GoMap({name: revive(item) for name, item in value["$map"].items()})
    if isinstance(value, dict):
        return {name: revive(item) for name, item in value.items()}
    return value


VALUE = revive(GOLDEN["value"])


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["template"])
def test_as_docker(case: dict[str, str]) -> None:
    if "error" in case:
        with pytest.raises(TemplateError) as caught:
            compile_template(case["template"]).render(VALUE)
        assert caught.value.message == case["error"]
    else:
        assert compile_template(case["template"]).render(VALUE) == case["output"]


def test_an_unknown_field_names_the_fields_there_are() -> None:
    with pytest.raises(UnknownField) as caught:
        compile_template("a\n {{.Config.Nope}}").render({"Config": {"Env": [], "Cmd": []}})
    assert caught.value.message == (
        'template parsing error: template: :2:10: executing "" at <.Config.Nope>: '
        "can't evaluate field Nope: the fields are .Env, .Cmd"
    )


def test_the_list_of_fields_is_bounded() -> None:
    with pytest.raises(UnknownField, match=r"\.f39 and 960 more$"):
        compile_template("{{.Nope}}").render({f"f{number}": 0 for number in range(1000)})


def test_labels_that_are_absent_are_no_error() -> None:
    without: dict[str, object] = {"Config": {"Labels": None}}
    empty = {"Config": {"Labels": GoMap[str]()}}
    labelled = {"Config": {"Labels": GoMap({"a": "1"})}}
    direct = compile_template("{{.Config.Labels.a}}")
    indexed = compile_template('{{index .Config.Labels "a"}}|{{index .Config.Labels "b"}}')
    assert [direct.render(value) for value in (without, empty, labelled)] == ["<no value>", "<no value>", "1"]
    assert [indexed.render(value) for value in (without, empty, labelled)] == ["|", "|", "1|"]


def test_methods() -> None:
    row = {"Label": Method(1, {"a": "x"}.get), "Age": Method(0, lambda: "old")}
    assert (
        compile_template('{{.Label "a"}} {{"a" | .Label}} {{.Age}} {{upper .Age}}').render(row) == "x x old OLD"
    )
    for template, message in (
        ("{{.Label}}", "wrong number of args for Label: want 1 got 0"),
        ('{{.Age "x"}}', "wrong number of args for Age: want 0 got 1"),
    ):
        with pytest.raises(TemplateError, match=message):
            compile_template(template).render(row)


class Platform:
    """An object that shows fields."""

    def template_fields(self) -> Mapping[str, object]:
        return {"OS": "linux", "Architecture": "arm64"}


class Named:
    def __str__(self) -> str:
        return "named"


def test_objects() -> None:
    value = {"P": Platform(), "N": Named()}
    template = '{{.P.OS}} {{.P}} {{json .P}} {{.N}} {{index .P "OS"}} {{range $k, $v := .P}}{{$k}}{{end}}'
    assert compile_template(template).render(value) == (
        'linux {linux arm64} {"OS":"linux","Architecture":"arm64"} named linux ArchitectureOS'
    )
    with pytest.raises(UnknownField, match=r"the fields are \.OS, \.Architecture"):
        compile_template("{{.P.Variant}}").render(value)


def test_a_cleaner_is_asked_about_values_only() -> None:
    template = compile_template('<{{.}}{{"c"}}{{print .}}>', clean=str.upper)
    assert template.render("a") == "<AcA>"


def test_an_error_in_a_named_template_says_which() -> None:
    with pytest.raises(TemplateError, match=r'executing "row" at <\.X>'):
        compile_template('{{define "row"}}{{.X}}{{end}}{{template "row" .}}').render({"Y": 1})


NESTED_LOOPS = """
    {{define "a"}}{{range 99}}{{template "b"}}{{end}}{{end}}
    {{define "b"}}{{range 99}}{{template "c"}}{{end}}{{end}}
    {{define "c"}}{{range 999}}{{end}}{{end}}
    {{template "a"}}
"""


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ('{{define "a"}}{{template "a"}}{{template "a"}}{{end}}{{template "a"}}', "maximum template depth"),
        (NESTED_LOOPS, "steps"),
        ("{{range 9223372036854775807}}{{end}}", "steps"),
        ('{{$x := "aaaaaaaaaa"}}{{range 100}}{{$x = print $x $x}}{{end}}', "longer than"),
        ('{{$x := "aa"}}{{range 100}}{{$x = join (split $x "") "aaaa"}}{{end}}', "longer than"),
        ('{{printf "' + "%900000d" * 9 + '" 1 1 1 1 1 1 1 1 1}}', "longer than"),
        ('{{pad "a" 1000000000 1}}', "longer than"),
        ('{{range 100000}}{{printf "%900000d" 1}}{{end}}', "output is longer"),
        ("{{" + "(" * 5000, "nested deeper"),
        ("{{if 1}}" * 5000, "nested deeper"),
        ("{{if 1}}x" + "{{else if 1}}y" * 5000 + "{{end}}", "nested deeper"),
        ('{{define "x"}}' * 5000, "unexpected <define>"),
        ('{{block "x" 1}}' * 5000, "nested deeper"),
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_hostile_templates_end(template: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        compile_template(template).render({})


def test_a_value_nested_too_deep_is_an_error() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(TemplateError):
        compile_template("{{.}}").render(value)
    with pytest.raises(TemplateError):
        compile_template("{{json .}}").render(value)
