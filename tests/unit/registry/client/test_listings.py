"""Lists in pages, honest and not (trials RF-13)."""

from __future__ import annotations

import json

import pytest

from faults.bad_registry import BadRegistry, Reply, Seen, Step, as_json, error
from faults.clients import described, rig
from shale.errors import Invalid, ShaleError
from shale.oci.mediatype import OCI_INDEX
from shale.registry.client.failures import BadAnswer, NotLoggedIn, RefusedTarget, RepositoryNotFound

TAGS = "/v2/app/tags/list"
SUBJECT = described(b"subject").digest
SIGNATURE = {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": str(described(b"signature").digest),
    "size": 9,
    "artifactType": "application/x-signature",
}
SBOM = {**SIGNATURE, "digest": str(described(b"sbom").digest), "artifactType": "application/x-sbom"}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [SIGNATURE, SBOM]}


def tags(*steps: Step) -> list[str]:
    with BadRegistry() as registry:
        registry.script("GET", TAGS, *steps)
        made = rig(registry.host)
        with made.client:
            return list(made.repository().listings.tags())


def page(items: list[str], link: str = "") -> Reply:
    return as_json({"name": "app", "tags": items}, headers={"Link": link} if link else {})


def test_pages_are_followed() -> None:
    second = f'<{TAGS}?last=b&n=2>; rel="next"'
    assert tags(page(["a", "b"], second), page(["c"])) == ["a", "b", "c"]


def test_relative_link_is_followed() -> None:
    assert tags(page(["a"], '<list?last=a>; rel="next"'), page(["b"])) == ["a", "b"]


@pytest.mark.parametrize("empty", [b'{"tags": null}', b'{"tags": []}', b"{}"])
def test_no_tags(empty: bytes) -> None:
    assert tags(Reply(body=empty)) == []


def test_circle_of_pages_ends() -> None:
    with pytest.raises(BadAnswer, match="do not end"):
        tags(page(["a"], f'<{TAGS}?last=a>; rel="next"'))


def test_pages_that_never_end_are_cut_off() -> None:
    count = iter(range(10**9))

    def step(_: Seen) -> Reply:
        return as_json({"tags": ["x"] * 200_000}, headers={"Link": f'<{TAGS}?last={next(count)}>; rel="next"'})

    with pytest.raises(BadAnswer, match="do not end"):
        tags(step)


@pytest.mark.parametrize(
    "link", ["http://other.test/v2/app/tags/list", "https://127.0.0.1/x", "file:///x", "http://[/"]
)
def test_link_to_another_host_is_refused(link: str) -> None:
    with pytest.raises((BadAnswer, RefusedTarget)):
        tags(page(["a"], f'<{link}>; rel="next"'))


@pytest.mark.parametrize("junk", [b"<html>", b"[]", b'{"tags": [1]}', b'{"tags": {}}', b"[" * 100_000])
def test_junk_is_not_a_list(junk: bytes) -> None:
    with pytest.raises(Invalid):
        tags(Reply(body=junk))


def test_missing_repository() -> None:
    with pytest.raises(RepositoryNotFound):
        tags(Reply(404))


def test_catalog() -> None:
    with BadRegistry() as registry:
        registry.script("GET", "/v2/_catalog", as_json({"repositories": ["app", "library/debian"]}))
        made = rig(registry.host)
        with made.client:
            assert list(made.repository().listings.catalog()) == ["app", "library/debian"]


def referrers(registry: BadRegistry, artifact_type: str | None = None) -> list[str]:
    made = rig(registry.host)
    with made.client:
        found = made.repository().listings.referrers(SUBJECT, artifact_type)
        return [str(each.artifact_type) for each in found]


def test_referrers_are_filtered_here_too() -> None:
    with BadRegistry() as registry:
        registry.script("GET", f"/v2/app/referrers/{SUBJECT}", as_json(INDEX))
        assert referrers(registry) == ["application/x-signature", "application/x-sbom"]
        assert referrers(registry, "application/x-sbom") == ["application/x-sbom"]
        assert registry.seen[-1].target.endswith("?artifactType=application%2Fx-sbom")


def test_referrers_tag_is_the_fall_back() -> None:
    with BadRegistry() as registry:
        reply = Reply(headers={"Content-Type": OCI_INDEX}, body=json.dumps(INDEX).encode())
        registry.script("GET", f"/v2/app/manifests/sha256-{SUBJECT.encoded}", reply)
        assert referrers(registry, "application/x-sbom") == ["application/x-sbom"]


def test_no_referrers_anywhere() -> None:
    with BadRegistry() as registry:
        registry.script("GET", f"/v2/app/referrers/{SUBJECT}", error(404, "UNSUPPORTED", "no"))
        assert referrers(registry) == []


def test_ping_wants_a_registry() -> None:
    with BadRegistry() as registry:
        made = rig(registry.host)
        with made.client:
            with pytest.raises(ShaleError):
                made.repository().listings.ping()
            registry.script("GET", "/v2/", Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}))
            with pytest.raises(NotLoggedIn):
                made.repository().listings.ping()
            registry.script("GET", "/v2/", Reply(body=b"{}"))
            made.repository().listings.ping()
