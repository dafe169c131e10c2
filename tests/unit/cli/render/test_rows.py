"""Rows as `image ls`, `history`, `search` and `system df` make them, against what docker prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shale.cli.render.rows import Styles, choose_format, write_rows
from shale.cli.render.safe import ellipsis
from shale.cli.render.template import TemplateError, UnknownField
from shale.cli.render.units import human_duration, human_size
from shale.cli.render.values import Method
from shared_vectors import VECTORS

CLI = VECTORS / "docker-cli-28"
GOLDENS = CLI / "goldens" / "cli" / "command"
DAY = 86400.0
ZERO_TIME = -62135596800

IMAGE_COLUMNS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
}


def table(file: str, function: str, variable: str) -> list[Any]:
    tables = json.loads((CLI / file).read_text())["tables"]
    cases: list[Any] = next(
        found["cases"] for found in tables if (found["func"], found["var"]) == (function, variable)
    )
    return cases


def image_rows() -> list[dict[str, str]]:
    rows = []
    for image in table("formatter_image.json", "TestImageContextWrite", "images"):
        repository, tag = image["RepoTags"][0].split(":")
        digest = (image.get("RepoDigests") or ["@<none>"])[0].split("@")[1]
        unset = image["Created"] == ZERO_TIME
        rows.append(
            {
                "Repository": repository,
                "Tag": tag,
                "Digest": digest,
                "ID": image["ID"],
                "CreatedSince": "N/A" if unset else human_duration(DAY) + " ago",
                "CreatedAt": "0001-01-01" if unset else "yesterday",
                "Size": human_size(0),
            }
        )
    return rows


def image_format(context: dict[str, Any]) -> str:
    """The value of --format and the flags, as `image ls` turns them into a format."""
    asked = context["Context"]["Format"]
    if isinstance(asked, str):
        return asked
    requested, quiet, digest = asked["args"]
    names = ["Repository", "Tag", *(["Digest"] if digest else []), "ID", "CreatedSince", "Size"]
    digest_line = "digest: {{.Digest}}\n" if digest else ""
    styles = Styles(
        names,
        raw="repository: {{.Repository}}\ntag: {{.Tag}}\n"
        + digest_line
        + "image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
        raw_quiet="image_id: {{.ID}}",
    )
    chosen = choose_format(requested, styles, quiet=quiet)
    if digest and chosen.startswith("table") and "{{.Digest}}" not in chosen:
        chosen += "\t{{.Digest}}"
    return chosen


def expected_text(expected: Any) -> str:
    if isinstance(expected, str):
        return expected
    assert expected["$call"] == "fmt.Sprintf"
    created = ("yesterday", "0001-01-01", "yesterday")
    text: str = expected["args"][0]
    return text % created


@pytest.mark.parametrize("index", range(15))
def test_image_ls(index: int) -> None:
    case = table("formatter_image.json", "TestImageContextWrite", "cases")[index]
    try:
        text = write_rows(image_rows(), image_format(case["context"]), IMAGE_COLUMNS)
    except TemplateError as error:
        text = error.message
    assert text == expected_text(case["expected"])


@pytest.mark.parametrize("index", range(4))
def test_image_ls_without_images(index: int) -> None:
    case = table("formatter_image.json", "TestImageContextWriteWithNoImage", "cases")[index]
    assert write_rows([], image_format(case["context"]), IMAGE_COLUMNS) == case["expected"]


def test_image_ls_of_an_empty_store() -> None:
    golden = (GOLDENS / "image/testdata/list-command-success.simple.golden").read_text()
    styles = Styles(["Repository", "Tag", "ID", "CreatedSince", "Size"])
    assert write_rows([], choose_format("", styles), IMAGE_COLUMNS) == golden


HISTORY_COLUMNS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}
HISTORY = Styles(["ID", "CreatedSince", "CreatedBy", "Size", "Comment"])
PLAIN_HISTORY = Styles(["ID", "CreatedAt", "CreatedBy", "Size", "Comment"])


@pytest.mark.parametrize(("variable", "width"), [("expectedTrunc", 45), ("expectedNoTrunc", 10_000)])
def test_history(variable: str, width: int) -> None:
    function = "TestHistoryContext_Table"
    rows = []
    for layer in table("history.json", function, "histories"):
        # The vector keeps not how many years before today the last one was: 17 in its golden text.
        age = 17 * 365 * DAY + 5 * DAY if layer["ID"] == "imageID6" else DAY
        rows.append(
            {
                "ID": layer["ID"],
                "CreatedSince": "N/A" if layer["Created"] == 0 else human_duration(age) + " ago",
                "CreatedBy": ellipsis(layer["CreatedBy"], width),
                "Size": human_size(layer["Size"], 3),
                "Comment": layer["Comment"],
            }
        )
    expected = table("history.json", function, variable)[0]
    assert write_rows(rows, choose_format("table", HISTORY), HISTORY_COLUMNS) == expected


def test_history_goldens() -> None:
    folder = GOLDENS / "image" / "testdata"
    row = {
        "ID": "123456789012",
        "CreatedSince": human_duration(0.5) + " ago",
        "CreatedBy": "",
        "Size": human_size(0),
    }
    for name, comment in (("simple", "none"), ("platform", "")):
        text = write_rows([{**row, "Comment": comment}], choose_format("", HISTORY), HISTORY_COLUMNS)
        assert text == (folder / f"history-command-success.{name}.golden").read_text()
    plain = {
        "ID": "abcdef",
        "CreatedAt": "2017-01-01T12:00:03Z",
        "CreatedBy": "rose",
        "Size": "0",
        "Comment": "new history item!",
    }
    text = write_rows([plain], choose_format("", PLAIN_HISTORY), HISTORY_COLUMNS)
    assert text == (folder / "history-command-success.non-human.golden").read_text()
    text = write_rows([{"ID": "tag"}], choose_format("", HISTORY, quiet=True), {"ID": "IMAGE"})
    assert text == (folder / "history-command-success.quiet.golden").read_text()


def test_search_golden() -> None:
    columns = {"Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL"}
    rows = [
        {"Name": "result1", "Description": "Official build", "StarCount": 5000, "IsOfficial": "[OK]"},
        {"Name": "result2", "Description": "Not official", "StarCount": 5, "IsOfficial": ""},
    ]
    golden = (GOLDENS / "registry/testdata/search-context-write-table.golden").read_text()
    assert write_rows(rows, choose_format("", Styles(list(columns))), columns) == golden


DISK_COLUMNS = {
    "Type": "TYPE",
    "TotalCount": "TOTAL",
    "Active": "ACTIVE",
    "Size": "SIZE",
    "Reclaimable": "RECLAIMABLE",
}
DISK = Styles(
    list(DISK_COLUMNS),
    raw="type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n"
    "reclaimable: {{.Reclaimable}}\n",
)
DISK_CASES = [
    case
    for case in table("formatter_disk_usage.json", "TestDiskUsageContextFormatWrite", "cases")
    if not case["context"].get("Verbose")
]


@pytest.mark.parametrize("case", DISK_CASES)
def test_system_df(case: dict[str, Any]) -> None:
    asked = case["context"]["Context"]["Format"]
    requested = asked if isinstance(asked, str) else asked["args"][0]
    rows = [
        {"Type": kind, "TotalCount": "0", "Active": "0", "Size": "0B", "Reclaimable": "0B"}
        for kind in ("Images", "Containers", "Local Volumes", "Build Cache")
    ]
    expected = case["expected"]
    if isinstance(expected, dict):
        expected = (GOLDENS / "formatter" / "testdata" / expected["args"][1]).read_text()
    try:
        text = write_rows(rows, choose_format(requested, DISK), DISK_COLUMNS)
    except TemplateError as error:
        text = error.message
    assert text == expected


def test_json_is_one_sorted_object_a_line() -> None:
    rows: list[dict[str, object]] = [
        {"Tag": "<none>", "ID": "a"},
        {"Tag": "v1", "ID": "b", "Label": Method(1, str)},
    ]
    lines = '{"ID":"a","Tag":"\\u003cnone\\u003e"}\n{"ID":"b","Tag":"v1"}\n'
    assert write_rows(rows, "json", {}) == lines
    assert write_rows(rows, "{{json .}}", {}) == lines
    assert write_rows(rows[:1], "{{json .Tag}}", {}) == '"<none>"\n'


def test_a_heading_is_not_changed_by_functions() -> None:
    rows = [{"ID": "sha256:0123456789", "Tag": "v1"}]
    text = write_rows(rows, "table {{truncate .ID 9}}\\t{{upper .Tag}}", {"ID": "IMAGE ID", "Tag": "TAG"})
    assert text == "IMAGE ID    TAG\nsha256:01   V1\n"


def test_an_unknown_field_is_named_with_those_there_are() -> None:
    for rows in ([], [{"ID": "a", "Tag": "b"}]):
        for row_format in ("table {{.Nope}}", "table {{.ID}}\t{{.Nope}}"):
            with pytest.raises(UnknownField, match=r"field Nope: the fields are \.ID, \.Tag$"):
                write_rows(rows, row_format, {"ID": "IMAGE ID", "Tag": "TAG"})


def test_values_cannot_move_the_cursor_or_forge_columns() -> None:
    rows = [{"ID": "a\x1b[2J\tb\nc", "Tag": "t"}]
    columns = {"ID": "IMAGE ID", "Tag": "TAG"}
    shown = "a\\x1b[2J\\tb\\nc"
    assert write_rows(rows, "{{.ID}}", columns) == shown + "\n"
    assert write_rows(rows, "table {{.ID}}\t{{.Tag}}", columns).endswith(f"\n{shown}   t\n")
    assert write_rows(rows, "table {{print .ID}}\t{{.Tag}}", columns).endswith(f"\n{shown}   t\n")
    assert write_rows(rows, "{{.ID}}", columns, clean=None) == rows[0]["ID"] + "\n"


def test_what_the_format_itself_says_is_kept() -> None:
    rows = [{"ID": "a\x1b[0m"}]
    assert write_rows(rows, '\x1b[1m{{.ID}}{{"\x1b[0m"}}', {}) == "\x1b[1ma\\x1b[0m\x1b[0m\n"


class LazyRow(Mapping[str, object]):
    """Computes a field when it is asked for, and remembers which were."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> object:
        if name not in ("ID", "Size"):
            raise KeyError(name)
        self.asked.append(name)
        return name.lower()

    def __iter__(self) -> Iterator[str]:
        return iter(("ID", "Size"))

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize("row_format", ["{{.ID}}", "table {{.ID}}", "table {{upper .ID}}"])
def test_only_the_fields_asked_for_are_computed(row_format: str) -> None:
    row = LazyRow()
    write_rows([row], row_format, {"ID": "IMAGE ID", "Size": "SIZE"})
    assert row.asked == ["ID"]


def test_quiet_leaves_a_template_of_the_user_alone() -> None:
    styles = Styles(["ID"])
    assert choose_format("{{.Tag}}", styles, quiet=True) == "{{.Tag}}"
    assert choose_format("json", styles, quiet=True) == "json"
    assert choose_format("raw", styles) == "raw"
    assert choose_format("table ", styles) == choose_format("", styles) == "table {{.ID}}"
