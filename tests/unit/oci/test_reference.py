"""References: what the tables of other projects do not say."""

from __future__ import annotations

import re

import pytest

from shale.oci.digest import Digest
from shale.oci.pattern import InvalidPattern, compile_pattern
from shale.oci.reference import InvalidReference, Reference, parse_any

DIGEST = Digest.of(b"something")


def test_a_tag_and_a_digest_are_both_kept() -> None:
    found = Reference.parse(f"nginx:1.27@{DIGEST}")
    assert (found.tag, found.digest) == ("1.27", DIGEST)
    assert str(found) == f"docker.io/library/nginx:1.27@{DIGEST}"
    assert found.with_default_tag() == found
    assert found.with_tag("2").digest is None
    assert found.with_digest(DIGEST).tag is None


@pytest.mark.parametrize(
    ("text", "familiar"),
    [
        ("docker.io/quay.io/app", "docker.io/quay.io/app"),
        ("docker.io/localhost/app", "docker.io/localhost/app"),
        ("docker.io/library/quay.io", "quay.io"),
        (f"docker.io/library/{'ab' * 32}", f"docker.io/library/{'ab' * 32}"),
        ("index.docker.io/library/nginx:1", "nginx:1"),
        ("docker.io/library/a/b", "library/a/b"),
    ],
)
def test_a_familiar_name_never_means_another_registry(text: str, familiar: str) -> None:
    found = Reference.parse(text)
    assert found.familiar == familiar
    assert Reference.parse(familiar) == found


@pytest.mark.parametrize(
    "text",
    [
        "a/../b",
        "a/./b",
        "../b",
        "a/b\n",
        "a:b\n",
        "a\x00b",
        "a b",
        "a%2e%2e/b",
        "a:" + "b" * 129,
        "a:.b",
        "a:-b",
        "a:",
        "a@",
        f"a@{DIGEST}@{DIGEST}",
        f"a@{DIGEST}:b",
        "a:b:c",
        "/a",
        "a/",
        "localhost:5000/",
        "localhost:5000",
        "localhost:/a",
        "a:b/c:d/e",
        "http://a/b",
        "user@host/b",
        "\uff41/b",
        "é",
        "b" * 300,
        "x" * 1_000_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_not_a_name(text: str) -> None:
    if text == "localhost:5000":
        assert Reference.parse(text).tag == "5000"  # a name and a tag, as docker has it
        return
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert len(caught.value.message) < 800


def test_messages_say_what_is_wrong() -> None:
    for text, words in (
        ("Nginx", "lower case"),
        ("ab" * 32, "image id"),
        ("a:!", "a tag has"),
        ("a@sha256:ab", "digest"),
        ("-a.b/c", "registry host"),
        ("a/" + "b" * 254, "longer than 255"),
    ):
        with pytest.raises(InvalidReference, match=words):
            Reference.parse(text)
    with pytest.raises(InvalidReference, match="invalid tag"):
        Reference.parse("a").with_tag("b c")


def test_order_with_and_without_tags() -> None:
    texts = ["b", f"a@{DIGEST}", "a:2", "a", "quay.io/a", "a:1"]
    found = sorted(Reference.parse(text) for text in texts)
    assert [one.familiar for one in found] == ["a", f"a@{DIGEST}", "a:1", "a:2", "b", "quay.io/a"]
    assert len({Reference.parse("a"), Reference.parse("docker.io/library/a")}) == 1


def test_any() -> None:
    assert parse_any(str(DIGEST)) == DIGEST
    assert parse_any(DIGEST.encoded) == DIGEST
    assert parse_any(f"sha256:{DIGEST.short}") == Reference("docker.io", "library/sha256", DIGEST.short)
    for text in ("", "a b", f"SHA256:{DIGEST.encoded}"):
        with pytest.raises(InvalidReference):
            parse_any(text)


MATCHES = [
    # Go's table of path.Match (path/match_test.go), in other words: pattern, text, whether it fits.
    ("abc", "abc", True),
    ("*", "abc", True),
    ("*c", "abc", True),
    ("a*", "a", True),
    ("a*", "ab/c", False),
    ("a*/b", "abc/b", True),
    ("a*/b", "a/c/b", False),
    ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False),
    ("a*b?c*x", "abxbbxdbxebxczzx", True),
    ("a*b?c*x", "abxbbxdbxebxczzy", False),
    ("ab[c]", "abc", True),
    ("ab[b-d]", "abc", True),
    ("ab[e-g]", "abc", False),
    ("ab[^c]", "abc", False),
    ("ab[^e-g]", "abc", True),
    ("a\\*b", "a*b", True),
    ("a\\*b", "ab", False),
    ("a?b", "a☺b", True),
    ("a[^a]b", "a☺b", True),
    ("a???b", "a☺b", False),
    ("[a-ζ]*", "\u03b1", True),
    ("*[a-ζ]", "A", False),
    ("a?b", "a/b", False),
    ("a*b", "a/b", False),
    ("[\\]a]", "]", True),
    ("[\\-]", "-", True),
    ("[x\\-]", "z", False),
    ("[\\-x]", "a", False),
    ("*x", "xxx", True),
    ("", "", True),
    ("", "a", False),
    ("a[^z]b", "a/b", True),
    ("[z-a]", "m", False),
    ("[^z-a]", "m", True),
    ("a.c", "abc", False),
    ("(a|b)", "a", False),
    ("**", "a/b", False),
    ("*/*", "a/b", True),
]


@pytest.mark.parametrize(("pattern", "text", "fits"), MATCHES)
def test_patterns(pattern: str, text: str, fits: bool) -> None:
    assert (compile_pattern(pattern).fullmatch(text) is not None) == fits


@pytest.mark.parametrize(
    "pattern",
    ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[a\\", "a[^]", "[a-]"],
)
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match=re.escape(repr(pattern))):
        Reference.parse("a").matches(pattern)


def test_many_stars_do_not_hang() -> None:
    pattern = compile_pattern("*a" * 60 + "*b")
    assert pattern.fullmatch("a" * 2000) is None  # going back over every star would never end


def test_a_pattern_is_held_against_name_and_whole() -> None:
    found = Reference.parse("nginx:1.27")
    for pattern in ("nginx", "nginx:1.27", "ngin?", "*:1.*", "nginx*"):
        assert found.matches(pattern)
    for pattern in ("nginx:1", "docker.io/library/nginx", "library/nginx", "*/nginx", "1.27"):
        assert not found.matches(pattern)
