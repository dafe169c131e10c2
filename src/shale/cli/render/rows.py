r"""Rows in the form that `--format` asks for: a table, JSON lines, or a Go template for each.

Docker's rules (cli/command/formatter): `table` and `table TEMPLATE` line up and have a heading made from the
same template; `json` gives one object a line, its keys sorted; anything else is a template, one line a row.
`\t` and `\n` written in a format stand for a tab and a line break.

The default table, `--quiet` and the like need no template engine: rows of plain fields are put together here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shale.cli.render.safe import escape_controls
from shale.cli.render.table import align
from shale.cli.render.values import GoMap, Method

if TYPE_CHECKING:
    from shale.cli.render.template import Template

__all__ = ["Row", "Styles", "choose_format", "write_rows"]

Row: TypeAlias = Mapping[str, object]
"""The fields of one line by name; a mapping may compute them when asked for."""


class Styles(NamedTuple):
    """The templates of a command for the words that `--format` knows.

    Attributes:
        table: the fields of the default table, in order.
        quiet: the template under `--quiet`.
        raw: the template of the word `raw`; empty where the command has none.
        raw_quiet: the same under `--quiet`.
    """

    table: Sequence[str]
    quiet: str = "{{.ID}}"
    raw: str = ""
    raw_quiet: str = ""


def choose_format(requested: str, styles: Styles, *, quiet: bool = False) -> str:
    """The format to write rows in.

    Args:
        requested: the value of `--format`; empty means `table`.
        styles: what the command's words stand for.
        quiet: whether `--quiet` was given; it does not touch a template that the user wrote.
    """
    if requested.strip(" ") in ("", "table"):
        return styles.quiet if quiet else "table " + "\t".join(f"{{{{.{name}}}}}" for name in styles.table)
    if requested == "raw" and styles.raw:
        return styles.raw_quiet if quiet else styles.raw
    return requested


def write_rows(
    rows: Iterable[Row],
    row_format: str,
    columns: Mapping[str, str],
    clean: Callable[[str], str] | None = escape_controls,
) -> str:
    """The rows as text, each line ended.

    Args:
        rows: as many as wanted; they are read once.
        row_format: from `choose_format`.
        columns: every field that rows have, and its heading.
        clean: makes values fit for a terminal; None where they go to a file or a program.

    Raises:
        TemplateError: the format is malformed or asks for a field that rows do not have.
    """
    if row_format == "json":
        return "".join(_json_line(row) + "\n" for row in rows)
    is_table = row_format.startswith("table")
    body = (row_format[5:] if is_table else row_format).strip(" ").replace("\\t", "\t").replace("\\n", "\n")
    fields = _plain_fields(body, columns)
    if fields is not None:
        lines = _plain_lines(rows, fields, clean)
        return (
            align(_joined(["\t".join([columns[name] for name in fields]), *lines]))
            if is_table
            else _joined(lines)
        )
    return _templated(rows, body, columns, clean, is_table=is_table)


def _json_line(row: Row) -> str:
    from shale.cli.render.jsontext import compact_json  # noqa: PLC0415 - not for the default table

    return compact_json(GoMap(row), escape_html=True)


def _plain_fields(body: str, columns: Mapping[str, str]) -> list[str] | None:
    """The names of `{{.A}}<tab>{{.B}}`; None for any other template."""
    names = [cell[3:-2] for cell in body.split("\t") if cell.startswith("{{.") and cell.endswith("}}")]
    if len(names) != body.count("\t") + 1 or not all(name in columns for name in names):
        return None
    return names


def _plain_lines(
    rows: Iterable[Row], fields: Sequence[str], clean: Callable[[str], str] | None
) -> Iterator[str]:
    for row in rows:
        values = [row[name] for name in fields]
        cells = [value if isinstance(value, str) else _cell(value) for value in values]
        yield "\t".join(cells if clean is None else [clean(cell) for cell in cells])


def _joined(lines: Iterable[str]) -> str:
    return "".join([f"{line}\n" for line in lines])


def _cell(value: object) -> str:
    from shale.cli.render.template.gotext import text_of  # noqa: PLC0415 - not for the default table

    if isinstance(value, Method) and not value.parameters:
        value = value.function()
        if isinstance(value, str):
            return value
    return "<no value>" if value is None else text_of(value)


class _JsonRow(dict[str, object]):
    """A row that `{{json .}}` writes as the word `json` does, sorted and with HTML escaped."""

    def json_text(self) -> str:
        return _json_line(self)


def _templated(
    rows: Iterable[Row],
    body: str,
    columns: Mapping[str, str],
    clean: Callable[[str], str] | None,
    *,
    is_table: bool,
) -> str:
    from shale.cli.render.template import compile_template  # noqa: PLC0415 - not for the default table

    template = compile_template(body, clean=clean)
    whole = "json" in body  # only then may the row be written as a whole: fields stay lazy otherwise
    lines = [template.render(_JsonRow(row) if whole else row) + "\n" for row in rows]
    if not is_table:
        return "".join(lines)
    return align(_heading(template, columns, empty=not lines) + "\n" + "".join(lines))


def _heading(template: Template, columns: Mapping[str, str], *, empty: bool) -> str:
    """The template over the headings; what does not work on a heading ends it there, as in Docker."""
    from shale.cli.render.template import HEADER_FUNCTIONS, UnknownField  # noqa: PLC0415 - as above

    text, error = template.with_functions(HEADER_FUNCTIONS).render_partly(dict(columns))
    if empty and isinstance(error, UnknownField):
        raise error
    return text
