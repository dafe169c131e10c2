"""containerd/platforms' own tables, and containers/image's choices from lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shale.oci.manifest import Index, parse_manifest
from shale.oci.platform import (
    InvalidPlatform,
    Platform,
    best_match,
    format_full,
    format_platform,
    matches,
    parse_platform,
)
from shared_vectors import VECTORS

HOST = Platform(os="linux", architecture="amd64")


def table(file: str, func: str, place: int = 0) -> list[Any]:
    tables = json.loads((VECTORS / file).read_text())["tables"]
    cases: list[Any] = [one["cases"] for one in tables if one["func"] == func][place]
    assert cases
    return cases


def compare(func: str) -> list[Any]:
    return table("containerd-platforms/compare.json", func)


def on_host(value: Any) -> str:
    """Go's expressions for the machine that runs the table's program, for HOST."""
    if not isinstance(value, dict):
        return str(value)
    if value.get("$call") == "path.Join":
        return "/".join(filter(None, map(on_host, value["args"])))
    return {"runtime.GOOS": "linux", "runtime.GOARCH": "amd64", "cpuVariant": ""}[
        value.get("$go") or value["$call"]
    ]


def as_platform(fields: dict[str, Any]) -> Platform:
    return Platform(
        os=on_host(fields["OS"]),
        architecture=on_host(fields["Architecture"]),
        variant=on_host(fields.get("Variant", "")) or None,
        os_version=fields.get("OSVersion") or None,
        os_features=tuple(fields.get("OSFeatures", ())) or None,
    )


def parse(text: str) -> Platform:
    return parse_platform(text, HOST)


@pytest.mark.parametrize(
    "case", table("containerd-platforms/platforms.json", "TestParseSelector"), ids=lambda one: one["input"]
)
def test_parse(case: dict[str, Any]) -> None:
    if case.get("skip"):  # containerd leaves wildcards out of its own run, and refuses them
        with pytest.raises(InvalidPlatform):
            parse(case["input"])
        return
    expected = as_platform(case["expected"])
    found = parse(case["input"])
    assert found == expected
    assert (format_full if case["useV2Format"] else format_platform)(found) == on_host(case["formatted"])
    for same in case.get("matches", ()):
        assert matches(found, as_platform(same))


@pytest.mark.parametrize("case", table("containerd-platforms/platforms.json", "TestParseSelectorInvalid"))
def test_parse_refuses(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidPlatform):
        parse(case["input"])


@pytest.mark.parametrize(
    "case",
    table("containerd-platforms/platforms.json", "TestFormatAllEncoding"),
    ids=lambda one: one["expected"],
)
def test_format_full(case: dict[str, Any]) -> None:
    platform = as_platform(case["platform"])
    assert format_full(platform) == case["expected"]
    assert parse(case["expected"]) == platform


@pytest.mark.parametrize("case", compare("TestOnly"), ids=lambda one: one["platform"])
def test_only(case: dict[str, Any]) -> None:
    for expected, texts in case["matches"]:
        for text in texts:
            found = best_match(parse(case["platform"]), [(parse(text), text)])
            assert (found == text) == expected, text


@pytest.mark.parametrize("case", compare("TestOnlyStrict"), ids=lambda one: one["platform"])
def test_only_strict(case: dict[str, Any]) -> None:
    for expected, texts in case["matches"]:
        for text in texts:
            found = best_match(parse(case["platform"]), [(parse(text), text)], strict=True)
            assert (found == text) == expected, text
            assert matches(parse(case["platform"]), parse(text)) == expected, text


@pytest.mark.parametrize("case", compare("TestCompareOSFeatures"), ids=lambda one: one["platform"])
@pytest.mark.parametrize("strict", [False, True])
def test_order_of_features(case: dict[str, Any], strict: bool) -> None:
    """Taking the best away again and again gives the matching part of the order, the best first."""
    wanted = parse(case["platform"])
    left, found = list(case["platforms"]), []
    while (best := best_match(wanted, [(parse(text), text) for text in left], strict=strict)) is not None:
        found.append(best)
        left.remove(best)
    assert found == case["expected"][: len(found)]
    for text in left:
        assert best_match(wanted, [(parse(text), text)], strict=strict) is None
    assert found


@pytest.mark.parametrize("case", compare("TestOnlyOSLess"), ids=lambda one: one["platform"])
def test_only_os(case: dict[str, Any]) -> None:
    """OnlyOS is for other things than images; the best of its order is the platform itself here too."""
    offered = [(parse(text), text) for text in case["platforms"]]
    assert best_match(parse(case["platform"]), offered) == case["expected"][0]


# (list, architecture, variant): why shale, as containerd, does not choose what containers/image does.
OTHER_CHOICE = {
    ("schema2list-variants.json", "arm", "v7"): "an entry that names no variant is v7, and better than v6",
    ("schema2list-variants.json", "arm", "v5"): "an entry that names no variant is v7, which v5 cannot run",
    ("schema2list-variants.json", "arm", "unrecognized-not-present"): "an unknown variant runs itself only",
    ("oci1index.json", "amd64", ""): "an entry that demands a feature of the os is not for one without it",
}


@pytest.mark.parametrize(
    "case", table("c-image/choose_instance.json", "TestChooseInstance", 1), ids=lambda one: one["listFile"]
)
def test_choices_from_lists(case: dict[str, Any]) -> None:
    raw = (VECTORS / "c-image/internal-manifest-testdata" / case["listFile"]).read_bytes()
    index = parse_manifest(raw)
    assert isinstance(index, Index)
    offered = [(child.platform, str(child.digest)) for child in index.manifests if child.platform is not None]
    for want in case["matchedInstances"]:
        wanted = Platform(os="linux", architecture=want["arch"], variant=want["variant"] or None)
        same = best_match(wanted, offered) == want["instanceDigest"]
        assert same == ((case["listFile"], want["arch"], want["variant"]) not in OTHER_CHOICE), want
    for name in case["unmatchedInstances"]:
        assert best_match(Platform(os="linux", architecture=name), offered) is None
