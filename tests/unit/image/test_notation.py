"""Places in skopeo's notation, by skopeo's own table."""

from __future__ import annotations

import json

import pytest

from shale.errors import Invalid
from shale.image.notation import Form, Place, parse_place
from shale.oci.reference import Reference
from shared_vectors import VECTORS

TABLE = next(
    table["cases"]
    for table in json.loads((VECTORS / "c-image" / "docker_archive_refs.json").read_bytes())["tables"]
    if table["n"] == 15 and table["line"] == 49
)


@pytest.mark.parametrize("case", TABLE, ids=[case["input"] or "empty" for case in TABLE])
def test_docker_archives_are_named_as_skopeo_names_them(case: dict[str, str | int]) -> None:
    text = f"docker-archive:{case['input']}"
    if not case["expectedPath"]:
        with pytest.raises(Invalid):
            parse_place(text)
        return
    place = parse_place(text)
    assert place.path == case["expectedPath"]
    assert str(place.reference or "") == case["expectedRef"]
    assert (-1 if place.position is None else place.position) == case["expectedSourceIndex"]


def test_every_form_is_read() -> None:
    assert parse_place("docker://debian:12") == Place(Form.REGISTRY, "debian:12")
    assert parse_place("debian:12") == Place(Form.REGISTRY, "debian:12")
    assert parse_place("localhost:5000/a") == Place(Form.REGISTRY, "localhost:5000/a")
    assert parse_place("oci:a/b") == Place(Form.OCI, "a/b")
    assert parse_place("oci:a/b:v1") == Place(Form.OCI, "a/b", label="v1")
    assert parse_place("oci:a:docker.io/library/x:v1").label == "docker.io/library/x:v1"
    assert parse_place("oci-archive:a.tar:@3") == Place(Form.OCI_ARCHIVE, "a.tar", position=3)
    wanted = Place(Form.DOCKER_ARCHIVE, "a.tar", reference=Reference.parse("n:v"))
    assert parse_place("docker-archive:a.tar:n:v") == wanted


@pytest.mark.parametrize(
    "text", ["oci:", "oci-archive:", "oci::v1", "oci:a:-x", "oci:a:x..y", "oci:a:ä", "http://x/y", "dir:/tmp/x",
             "oci:a:" + "x" * 2000]
)  # fmt: skip
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_place(text)
