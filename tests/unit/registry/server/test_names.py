from __future__ import annotations

import pytest

from shale.oci.digest import Digest, InvalidDigest
from shale.registry.server.names import InvalidRepository, InvalidTag, parse_reference, parse_repository


@pytest.mark.parametrize(
    "name", ["a", "library/nginx", "a/b/c/d", "a-b", "a__b", "a.b", "a--b", "0", "x" * 255]
)
def test_repositories(name: str) -> None:
    assert parse_repository(name) == name


@pytest.mark.parametrize(
    "name", ["localhost/a", "docker.io/a", "index.docker.io/a", "tags/list", "blobs/uploads"]
)
def test_words_that_mean_something_elsewhere_are_names_here(name: str) -> None:
    assert parse_repository(name) == name


@pytest.mark.parametrize(
    "name", ["", "/", "a/", "/a", "a//b", "A", "a:b", "a@b", "..", "a/../b", "é", "a\n", "a\0", "_a", "x" * 256]
)
def test_what_is_not_a_repository(name: str) -> None:
    with pytest.raises(InvalidRepository, match="invalid repository"):
        parse_repository(name)


def test_references() -> None:
    digest = Digest.of(b"")
    assert parse_reference(str(digest)) == digest
    for tag in ("latest", "V1.0_x-y", "_", "a" * 128, "0"):
        assert parse_reference(tag) == tag


@pytest.mark.parametrize("text", ["", ".a", "-a", "a" * 129, "a/b", "a b", "a\n", "é"])
def test_what_is_not_a_tag(text: str) -> None:
    with pytest.raises(InvalidTag):
        parse_reference(text)


@pytest.mark.parametrize("text", ["sha256:", "sha256:abc", "x:y", "md5:" + "a" * 32, ":"])
def test_what_is_not_a_digest(text: str) -> None:
    with pytest.raises(InvalidDigest):
        parse_reference(text)
