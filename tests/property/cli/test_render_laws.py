"""Laws of rendering: nothing but TemplateError leaves the template engine; what is written can be read back."""

from __future__ import annotations

import json
import math
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from shale.cli.render.floats import go_float, json_float
from shale.cli.render.jsontext import compact_json, indented_json
from shale.cli.render.safe import display_width, ellipsis, escape_controls
from shale.cli.render.table import align
from shale.cli.render.template import TemplateError, compile_template
from shale.cli.render.template.literals import quote, unquote
from shale.image.instants import InvalidDuration, InvalidMoment, parse_duration, parse_until
from shale.runtime.notation import InvalidNotation, parse_size

WORDS = """
    {{ }} {{- -}} /* */ if else end range with define template block break continue . .A .B.C $ $x := = , | ( )
    "a" `b` 'c' 1 -2 3.5 0x1p-2 nil true printf print len index slice eq lt and or not json join split pad x
"""
PIECES = st.sampled_from([*WORDS.split(), " ", "\n", "text", '"%v %d %[9]s %*x"', "\x1b", "é"])
VALUE = {"A": "x", "B": {"C": [1, 2.5, None, "é"]}, "x": True}


def rendered_or_refused(template: str) -> str:
    """The text, or the message of the only error there may be."""
    try:
        return compile_template(template).render(VALUE)
    except TemplateError as error:
        return error.message


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join)))
def test_any_text_is_a_template_or_a_template_error(text: str) -> None:
    for template in (text, "{{" + text + "}}", "{{range .B.C}}" + text + "{{end}}"):
        assert isinstance(rendered_or_refused(template), str)
    if "{{" not in text:
        assert rendered_or_refused(text) == text


@given(
    st.text(), st.lists(st.one_of(st.text(max_size=5), st.integers(), st.floats(), st.none(), st.booleans()))
)
def test_printf_takes_any_pattern(pattern: str, values: list[object]) -> None:
    words = " ".join(f"(index .v {index})" for index in range(len(values)))
    compile_template(f"{{{{printf .p {words}}}}}").render({"p": pattern, "v": values})


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_quoted_string_reads_back(text: str) -> None:
    assert unquote(quote(text)) == text
    assert compile_template(f"{{{{{quote(text)}}}}}").render(None) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_reads_back(value: object) -> None:
    for text in (compact_json(value), compact_json(value, escape_html=True), indented_json(value)):
        assert json.loads(text) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back(value: float) -> None:
    assert float(go_float(value)) == value
    assert float(json_float(value)) == value
    assert math.copysign(1, float(go_float(value))) == math.copysign(1, value)


@given(st.text(max_size=30))
def test_sizes_and_moments_refuse_with_their_own_errors(text: str) -> None:
    for read, refusal in ((parse_size, InvalidNotation), (parse_duration, InvalidDuration)):
        with suppress(refusal):
            assert isinstance(read(text), int)
    with suppress(InvalidMoment):
        assert isinstance(parse_until(text, 0), int)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 999))
def test_durations_read_back(hours: int, minutes: int, milliseconds: int) -> None:
    expected = (hours * 3600 + minutes * 60) * 10**9 + milliseconds * 10**6
    assert parse_duration(f"{hours}h{minutes}m{milliseconds}ms") == expected


@given(st.text())
def test_escaped_text_has_no_controls(text: str) -> None:
    shown = escape_controls(text)
    assert not any(
        ord(mark) < 0x20 or 0x7F <= ord(mark) < 0xA0 or 0xD800 <= ord(mark) < 0xE000 for mark in shown
    )
    assert escape_controls(shown) == shown


@given(st.text(), st.integers(2, 40))
def test_ellipsis_fits(text: str, width: int) -> None:
    cut = ellipsis(text, width)
    assert display_width(cut) <= width
    assert cut == text or text.startswith(cut.removesuffix("…"))


CELL = st.text(alphabet="ab 你é", max_size=8)


@given(st.lists(st.lists(CELL, min_size=1, max_size=5), min_size=1, max_size=8))
def test_columns_line_up(rows: list[list[str]]) -> None:
    lines = align("\n".join("\t".join(row) for row in rows)).split("\n")
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line.endswith(row[-1])
        assert display_width(line) >= 10 * (len(row) - 1) + display_width(row[-1])


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8))
def test_every_line_of_a_regular_table_has_its_last_column_at_one_place(rows: list[list[str]]) -> None:
    lines = align("\n".join("\t".join(row) for row in rows)).split("\n")
    starts = {display_width(line) - display_width(row[-1]) for line, row in zip(lines, rows, strict=True)}
    assert len(starts) == 1
