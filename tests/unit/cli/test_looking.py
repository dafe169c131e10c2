"""ls, history and inspect: what is shown of an image, and what is never shown to a terminal."""

from __future__ import annotations

import json
import re

import pytest

from command_line import Shale
from image_factory import add_image, build_image
from shale.cli.commands.image_history import history_row
from shale.image.history import HistoryEntry
from shale.oci.digest import ImageID

HOSTILE = "x\x1b]0;owned\x07\u202ey"


def test_ls_lists_the_tags_of_the_origin(shale: Shale) -> None:
    add_image(shale.root, build_image(layers=({"big": b"x" * 188_000},)),
              "docker.io/library/nginx:latest", "docker.io/library/nginx:mainline")  # fmt: skip
    head, *rows = shale.ok("image", "list").splitlines()
    assert head == "REPOSITORY   TAG        IMAGE ID       CREATED       SIZE"
    assert [re.sub(r"[0-9a-f]{12}", "ID", row) for row in rows] == [
        "nginx        latest     ID   2 years ago   188kB",
        "nginx        mainline   ID   2 years ago   188kB",
    ]


def test_ls_of_an_empty_store(shale: Shale) -> None:
    assert shale.ok("image", "ls") == "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"


def test_ls_filters_and_sorts(shale: Shale) -> None:
    add_image(
        shale.root, build_image(layers=({"a": b"a" * 10},), config={"Labels": {"x": "1"}}), "docker.io/b/b:1"
    )
    add_image(shale.root, build_image(layers=({"a": b"a" * 99},)), "docker.io/a/a:1")
    add_image(shale.root, build_image(layers=({"c": b"c"},)))
    template = ("--format", "{{.Repository}}")
    assert shale.ok("images", *template, "--filter", "label=x=1") == "b/b\n"
    assert shale.ok("images", *template, "--filter", "dangling=true") == "<none>\n"
    assert shale.ok("images", *template, "--sort", "size") == "a/a\nb/b\n<none>\n"
    assert shale.ok("images", *template, "a/a") == "a/a\n"
    assert shale.ok("images", *template, "a/a:2") == ""


def test_history_as_a_table(shale: Shale) -> None:
    image = build_image(layers=({"a": b"a" * 1000}, {"b": b"b" * 50_000}))
    add_image(shale.root, image, "docker.io/library/app:latest")
    short = ImageID.of(image.config).short
    assert shale.ok("history", "app") == (
        "IMAGE          CREATED       CREATED BY                      SIZE      COMMENT\n"
        f'{short}   2 years ago   CMD ["/bin/sh"]                 0B        buildkit\n'
        "<missing>      2 years ago   /bin/sh -c #(nop) ADD layer-1   50kB      \n"
        "<missing>      2 years ago   /bin/sh -c #(nop) ADD layer-0   1kB       \n"
    )


def test_history_without_human_has_bytes_and_times(shale: Shale) -> None:
    add_image(shale.root, build_image(layers=({"a": b"a" * 1000},)), "docker.io/library/app:latest")
    for flag in ("--human=false", "-H=false", "--no-human"):
        rows = shale.json_lines("history", flag, "--format", "json", "app")
        assert (rows[1]["Size"], rows[1]["CreatedAt"]) == ("1000", "2024-05-01T10:20:30Z")
    assert shale.json_lines("history", "--human=true", "--format", "json", "app")[1]["Size"] == "1kB"


def test_history_quiet_prints_ids(shale: Shale) -> None:
    image = build_image()
    add_image(shale.root, image, "docker.io/library/app:latest")
    assert shale.ok("history", "-q", "--no-trunc", "app") == f"{ImageID.of(image.config)}\n<missing>\n"


def entry(created: str | None, created_by: str = "sh") -> HistoryEntry:
    return HistoryEntry(None, created, created_by, 182_964_289, "Hi")


@pytest.mark.parametrize("created", [None, "", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "yesterday"])
def test_a_step_without_a_time_has_no_age(created: str | None) -> None:
    row = history_row(entry(created), 1e9, human=True, trunc=True)
    assert (row["CreatedSince"], row["CreatedAt"]) == ("N/A", "N/A")


def test_long_commands_are_cut_as_docker_cuts_them() -> None:
    text = "/bin/bash ls && npm i && npm run test && karma -c karma.conf.js start"
    assert history_row(entry(None, text), 1, human=True, trunc=True)["CreatedBy"] == (
        "/bin/bash ls && npm i && npm run test && kar…"
    )
    assert history_row(entry(None, "a\tb"), 1, human=True, trunc=False)["CreatedBy"] == "a b"


def test_inspect_prints_docker_json_and_goes_on_after_an_error(shale: Shale) -> None:
    image = build_image(config={"Labels": {"b": "2", "a": "1"}, "Env": ["X=1"]})
    add_image(shale.root, image, "docker.io/library/app:latest")
    result = shale("inspect", "nope", "app", "app:latest")
    assert (result.code, result.err) == (1, "shale: no such object: nope\n")
    documents = json.loads(result.out)
    assert [one["Id"] for one in documents] == [str(ImageID.of(image.config))] * 2
    assert documents[0]["RepoTags"] == ["app:latest"]
    assert result.out.startswith('[\n    {\n        "Id": "sha256:')
    assert (
        '            "Labels": {\n                "a": "1",\n                "b": "2"\n            }'
        in result.out
    )


def test_inspect_of_nothing_prints_an_empty_list(shale: Shale) -> None:
    result = shale("inspect", "x")
    assert (result.code, result.out, result.err) == (1, "[]\n", "shale: no such object: x\n")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{.Os}}/{{.Architecture}}", "linux/amd64"),
        ('{{index .Config.Labels "com.example"}}', "1"),
        ("{{.Config.Labels.absent}}", "<no value>"),
        ("{{len .RootFS.Layers}}", "1"),
        ("{{.Config.Env}}", "[]"),
        ("{{.Config.User}}|{{.Config.Healthcheck}}|{{.Config.ArgsEscaped}}", "|<no value>|false"),
        ("{{json .Config.Cmd}}", '["/bin/sh"]'),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{end}}", "com.example=1"),
        ("{{.Variant}}{{.OsVersion}}", ""),
    ],
)
def test_inspect_templates(shale: Shale, template: str, expected: str) -> None:
    add_image(shale.root, build_image(config={"Labels": {"com.example": "1"}}), "docker.io/library/app:latest")
    assert shale.ok("inspect", "-f", template, "app") == expected + "\n"


@pytest.mark.parametrize("template", ["{{.Nope}}", "{{.Config.Nope}}"])
def test_an_unknown_field_names_those_there_are(shale: Shale, template: str) -> None:
    add_image(shale.root, build_image(), "docker.io/library/app:latest")
    assert "can't evaluate field Nope: the fields are ." in shale.fails("inspect", "-f", template, "app")


def test_inspect_json_is_one_line_each(shale: Shale) -> None:
    add_image(shale.root, build_image(), "docker.io/library/app:latest")
    assert [one["Os"] for one in shale.json_lines("inspect", "--format", "json", "app", "app")] == ["linux"] * 2


def test_what_an_image_says_cannot_steer_a_terminal(shale: Shale) -> None:
    history = [{"created_by": HOSTILE, "comment": HOSTILE}]
    add_image(
        shale.root, build_image(history=history, config={"Labels": {"l": HOSTILE}}), "docker.io/library/a:1"
    )
    commands = (
        ("history", "a:1"), ("history", "--no-trunc", "--format", "{{.CreatedBy}}{{.Comment}}", "a:1"),
        ("inspect", "a:1"), ("inspect", "-f", "{{.Config.Labels.l}}", "a:1"), ("image", "ls", "--tree"),
    )  # fmt: skip
    for command in commands:
        shown = shale.on_terminal(*command)
        assert not set("\x1b\x07\u202e") & set(shown), command
    assert r"\x1b]0;owned\x07" in shale.on_terminal("history", "a:1")


def test_a_program_gets_what_the_image_says(shale: Shale) -> None:
    add_image(shale.root, build_image(config={"Labels": {"l": HOSTILE}}), "docker.io/library/a:1")
    assert shale.ok("inspect", "-f", "{{.Config.Labels.l}}", "a:1") == HOSTILE + "\n"
