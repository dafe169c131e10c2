"""distribution/reference's own tables: what is a name, and what it means."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from shale.oci import reference
from shale.oci.digest import Digest
from shale.oci.reference import DEFAULT_REGISTRY, InvalidReference, Reference, parse_any
from shared_vectors import VECTORS

FOLDER = VECTORS / "distribution-reference"


def table(file: str, func: str, var: str | None = None) -> list[Any]:
    found = [
        one["cases"]
        for one in json.loads((FOLDER / file).read_text())["tables"]
        if one["func"] == func and var in (None, one["var"])
    ]
    assert len(found) == 1
    assert found[0]
    cases: list[Any] = found[0]
    return cases


# Each row that shale reads otherwise, with the reason.
DIFFERENT = {
    f"validname@sha512:{'f' * 128}": "shale verifies sha512, the table's program had it not compiled in",
}


@pytest.mark.parametrize(
    "case", table("reference.json", "TestReferenceParse"), ids=lambda one: one["input"][:60]
)
def test_reference_parse(case: dict[str, Any]) -> None:
    """The table is of the bare grammar; names are normalised on the way in, which only completes them."""
    text = case["input"]
    if "err" in case and not DIFFERENT.get(text, "").startswith("shale verifies"):
        with pytest.raises(InvalidReference):
            Reference.parse(text)
        return
    found = Reference.parse(text)
    if "err" in case:
        assert found.digest is not None
        assert found.digest.algorithm == "sha512"
        return
    assert found.tag == case.get("tag")
    assert str(found.digest or "") == case.get("digest", "")
    # What the grammar calls a domain is a registry only when it looks like one: `foo/bar` is on docker.io.
    assert case["repository"] in (found.name, found.repository, found.familiar_name)
    domain = case.get("domain", "")
    if {".", ":"} & set(domain):
        assert found.registry == domain
        assert found.name == case["repository"]
    else:
        assert found.registry == DEFAULT_REGISTRY


@pytest.mark.parametrize(
    "case", table("reference.json", "TestWithNameFailure"), ids=lambda one: one["input"][:60]
)
def test_names_refused(case: dict[str, Any]) -> None:
    if case["input"] == "example.com/repo:tag":
        assert Reference.parse(case["input"]).tag == "tag"  # shale has no parser for a name without a tag
        return
    with pytest.raises(InvalidReference):
        Reference.parse(case["input"])


@pytest.mark.parametrize("case", table("reference.json", "TestDomainAndPath"), ids=lambda one: one["input"])
def test_domain_and_path(case: dict[str, Any]) -> None:
    found = Reference.parse(case["input"])
    assert (found.registry, found.repository) == (case["domain"] or DEFAULT_REGISTRY, case["path"])


@pytest.mark.parametrize("case", table("reference.json", "TestParseNamed"), ids=lambda one: one["input"])
def test_canonical_names(case: dict[str, Any]) -> None:
    found = Reference.parse(case["input"])
    canonical = str(found) == case["input"]
    assert canonical == ("err" not in case)
    if canonical:
        assert (found.registry, found.repository) == (case["domain"], case["path"])


@pytest.mark.parametrize(
    "case", table("reference.json", "TestSerialization"), ids=lambda one: one["description"]
)
def test_serialization(case: dict[str, Any]) -> None:
    if "err" in case:
        with pytest.raises(InvalidReference):
            Reference.parse(case.get("input", ""))
        return
    found = Reference.parse(case["input"])
    assert str(found) == case["input"]
    assert (found.name, found.tag or "") == (case["name"], case.get("tag", ""))
    assert str(found.digest or "") == case.get("digest", "")


@pytest.mark.parametrize("case", table("reference.json", "TestWithTag"), ids=lambda one: one["combined"])
def test_with_tag(case: dict[str, Any]) -> None:
    found = Reference.parse(case["name"]).with_tag(case["tag"])
    expected = case["combined"].partition("@")[0]  # shale: a tag put on says nothing of a digest, which goes
    assert found.familiar == expected
    assert str(found) == str(Reference.parse(expected))


@pytest.mark.parametrize("case", table("reference.json", "TestWithDigest"), ids=lambda one: one["combined"])
def test_with_digest(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidReference):  # the table's digests are too short: shale's Digest cannot be one
        Reference.parse(case["combined"])
    digest = Digest.of(case["digest"].encode())
    assert Reference.parse(case["name"]).with_digest(digest).familiar == f"{case['name']}@{digest}"


@pytest.mark.parametrize("text", table("normalize.json", "TestValidateReferenceName", "validRepoNames"))
def test_valid_names(text: str) -> None:
    assert str(Reference.parse(str(Reference.parse(text)))) == str(Reference.parse(text))


@pytest.mark.parametrize("text", table("normalize.json", "TestValidateReferenceName", "invalidRepoNames"))
def test_invalid_names(text: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.parse(text)


@pytest.mark.parametrize("text", table("normalize.json", "TestValidateRemoteName", "validRepositoryNames"))
def test_valid_remote_names(text: str) -> None:
    assert Reference.parse(text).repository.removeprefix("library/") == text


@pytest.mark.parametrize("text", table("normalize.json", "TestValidateRemoteName", "invalidRepositoryNames"))
def test_invalid_remote_names(text: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.parse(text)


@pytest.mark.parametrize(
    "case", table("normalize.json", "TestParseRepositoryInfo"), ids=lambda one: one["FullName"]
)
def test_repository_names(case: dict[str, Any]) -> None:
    texts = {case["FullName"], case["FamiliarName"], case["AmbiguousName"]} - {""}
    assert texts
    for text in texts:
        found = Reference.parse(text)
        assert (found.registry, found.repository) == (case["Domain"], case["RemoteName"])
        assert (found.name, found.familiar_name) == (case["FullName"], case["FamiliarName"])


@pytest.mark.parametrize(
    "case", table("normalize.json", "TestParseAnyReference"), ids=lambda one: one["Reference"]
)
def test_parse_any(case: dict[str, Any]) -> None:
    found = parse_any(case["Reference"])
    assert str(found) == case["Equivalent"]
    assert isinstance(found, Digest) == ("Expected" in case)


@pytest.mark.parametrize(
    "case", table("normalize.json", "TestNormalizedSplitHostname"), ids=lambda one: one["input"]
)
def test_split(case: dict[str, Any]) -> None:
    found = Reference.parse(case["input"])
    assert (found.registry, found.repository) == (case["domain"], case["path"])


@pytest.mark.parametrize(
    "case", table("normalize.json", "TestMatch"), ids=lambda one: f"{one['reference']} {one['pattern']}"
)
def test_match(case: dict[str, Any]) -> None:
    assert Reference.parse(case["reference"]).matches(case["pattern"]) == case["expected"]


@pytest.mark.parametrize("case", table("normalize.json", "TestParseDockerRef"), ids=lambda one: one["name"])
def test_docker_reference(case: dict[str, Any]) -> None:
    found = Reference.parse(case["input"]).with_default_tag()
    if found.tag is not None and found.digest is not None:
        found = found.with_digest(found.digest)  # shale keeps both until someone drops the tag
    assert str(found) == case["expected"]


@pytest.mark.parametrize("case", table("regexp.json", "TestDomainRegexp"), ids=lambda one: one["input"])
def test_domains(case: dict[str, Any]) -> None:
    assert bool(re.fullmatch(reference._DOMAIN, case["input"])) == case["match"]


@pytest.mark.parametrize(
    "case", table("regexp.json", "TestFullNameRegexp"), ids=lambda one: one["input"][:60] or "empty"
)
def test_full_names(case: dict[str, Any]) -> None:
    text = case["input"]
    if text == "foo_bar.com:8080":
        assert Reference.parse(text).tag == "8080"  # not a whole name, but a name and its tag
        return
    too_long = len(text) > 255  # the expression does not count, the parser does
    if not case["match"] or too_long:
        with pytest.raises(InvalidReference):
            Reference.parse(text)
        return
    found = Reference.parse(text)
    assert text in (found.name, found.repository, found.familiar_name)


@pytest.mark.parametrize("case", table("regexp.json", "TestReferenceRegexp"), ids=lambda one: one["input"])
def test_references(case: dict[str, Any]) -> None:
    if not case["match"]:
        with pytest.raises(InvalidReference):
            Reference.parse(case["input"])
        return
    name, tag, digest = case["subs"]
    found = Reference.parse(case["input"])
    assert (found.familiar_name, found.tag or "", str(found.digest or "")) == (name, tag, digest)


@pytest.mark.parametrize("case", table("regexp.json", "TestIdentifierRegexp"), ids=lambda one: one["input"])
def test_identifiers(case: dict[str, Any]) -> None:
    text = case["input"]
    if case["match"]:
        assert parse_any(text) == Digest("sha256", text)
        with pytest.raises(InvalidReference):
            Reference.parse(text)
    elif text.startswith("sha256:"):
        assert str(parse_any(text)) == text
    elif text.lower() == text:
        assert isinstance(parse_any(text), Reference)
    else:
        with pytest.raises(InvalidReference):
            parse_any(text)
