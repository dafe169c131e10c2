"""Platforms: machines, the order of what runs, Windows."""

from __future__ import annotations

import pytest

from shale.oci.platform import (
    InvalidPlatform,
    Platform,
    best_match,
    format_full,
    format_platform,
    host_platform,
    matches,
    normalise,
    parse_platform,
    ranked,
)

HOST = Platform(os="linux", architecture="amd64")


def parse(text: str) -> Platform:
    return parse_platform(text, HOST)


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        ("x86_64", "linux/amd64"),
        ("amd64", "linux/amd64"),
        ("i386", "linux/386"),
        ("i686", "linux/386"),
        ("aarch64", "linux/arm64"),
        ("armv8l", "linux/arm/v8"),
        ("armv7l", "linux/arm/v7"),
        ("armv6l", "linux/arm/v6"),
        ("armv5tejl", "linux/arm/v5"),
        ("ppc64le", "linux/ppc64le"),
        ("s390x", "linux/s390x"),
        ("riscv64", "linux/riscv64"),
        ("loongarch64", "linux/loong64"),
    ],
)
def test_machines(machine: str, text: str) -> None:
    assert str(host_platform(machine, "Linux")) == text


def test_what_is_left_out_comes_from_the_host() -> None:
    small = Platform(os="linux", architecture="arm", variant="v6")
    assert parse_platform("linux", small) == small
    assert parse_platform("windows", small).architecture == "arm"
    assert parse_platform("arm64", Platform(os="freebsd", architecture="amd64")).os == "freebsd"
    with pytest.raises(InvalidPlatform, match="known"):
        parse("beos")


def ladder(text: str) -> list[str]:
    return [format_platform(step) for step in ranked(parse(text))]


def test_what_runs_best_first() -> None:
    assert ladder("linux/amd64/v3") == ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]
    assert ladder("linux/arm") == ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]
    assert ladder("linux/arm64") == ["linux/arm64", *(f"linux/arm/v{number}" for number in (8, 7, 6, 5))]
    assert ladder("linux/arm64/v9")[:3] == ["linux/arm64/v9", "linux/arm64/v8.5", "linux/arm64/v8.4"]
    assert ladder("linux/s390x") == ["linux/s390x"]
    for odd in ("linux/amd64/fast", "linux/arm/v99999999999", "linux/arm64/v7", "linux/arm64/vv8"):
        assert len(ladder(odd)) <= 2


def choose(wanted: str, *offered: str, strict: bool = False) -> str | None:
    return best_match(parse(wanted), [(parse(text), text) for text in offered], strict=strict)


def test_the_best_is_chosen() -> None:
    assert choose("linux/arm/v7", "linux/arm/v5", "linux/arm/v6", "linux/arm/v8") == "linux/arm/v6"
    assert choose("linux/arm64", "linux/arm/v7", "linux/arm64/v8") == "linux/arm64/v8"
    assert choose("linux/amd64", "linux/386", "linux/arm64") == "linux/386"
    assert choose("linux/amd64", "linux/386", strict=True) is None
    assert choose("linux/amd64") is None


def test_of_equals_the_first_is_chosen() -> None:
    twice = [(parse("linux/amd64"), 1), (parse("linux/x86_64"), 2)]
    assert best_match(HOST, twice) == 1
    assert best_match(HOST, iter(twice)) == 1


def test_attestations_match_nothing() -> None:
    unknown = Platform(os="unknown", architecture="unknown")
    assert best_match(HOST, [(unknown, 1), (Platform(), 2)]) is None


@pytest.mark.parametrize(
    ("host", "image", "runs"),
    [
        ("10.0.17763", "10.0.17763.1879", True),
        ("10.0.17763", "10.0.14393", False),
        ("10.0.20348", "10.0.20348", True),
        ("10.0.20348", "10.0.17763", False),
        ("10.0.26100", "10.0.20348", True),
        ("10.0.26100", "10.0.26200", False),
        ("11.0.26100", "10.0.26100", False),
        ("10.0.17763", "", True),
        ("", "10.0.17763", True),
        ("nonsense", "10.0.17763", True),
        ("10.0.17763", "nonsense", False),
    ],
)
def test_builds_of_windows(host: str, image: str, runs: bool) -> None:
    on = Platform(os="windows", architecture="amd64", os_version=host)
    of = Platform(os="windows", architecture="amd64", os_version=image)
    assert matches(on, of) == runs


@pytest.mark.parametrize(
    "text",
    [
        "windows(%)",
        "windows(%2)",
        "windows(%zz)",
        "windows(%ff)",
        "windows(",
        "windows(1))",
        "linux/",
        "/",
        "a/b/c/d",
        "*",
        "linux/*",
        "linux/amd64\n",
        "linux\n",
        "li nux",
        "linux/ärm",
        "x" * 100_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_not_a_platform(text: str) -> None:
    with pytest.raises(InvalidPlatform) as caught:
        parse(text)
    assert len(caught.value.message) < 400


def test_text() -> None:
    assert format_platform(Platform(architecture="amd64")) == "unknown"
    assert format_full(Platform(architecture="amd64", os_version="1")) == "unknown"
    full = Platform(os="windows", architecture="amd64", os_version="10.0", os_features=("b", "a"))
    assert str(full) == "windows/amd64"
    assert format_full(full) == "windows(10.0+a+b)/amd64"
    assert normalise(full).os_features == ("a", "b")
