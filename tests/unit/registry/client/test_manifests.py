"""Manifests from registries that lie, lack and ramble (trials RF-1, RF-5, RF-6; MR-4)."""

from __future__ import annotations

import gzip
import json

import pytest
from msgspec.structs import replace

from faults.bad_registry import BadRegistry, Reply, Step, error
from faults.clients import rig
from shale.errors import Invalid, ShaleError
from shale.oci.digest import Digest
from shale.oci.mediatype import OCI_INDEX, OCI_MANIFEST
from shale.registry.client.failures import (
    AccessDenied,
    AnswerTooLarge,
    BadAnswer,
    ManifestNotFound,
    RateLimited,
    RepositoryNotFound,
    RequestRefused,
    UnsupportedByRegistry,
)
from shale.registry.client.manifests import FetchedManifest, ManifestCorrupt, PutManifest

RAW = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": []}).encode()
DIGEST = Digest.of(RAW)
BY_TAG = "/v2/app/manifests/v1"
BY_DIGEST = f"/v2/app/manifests/{DIGEST}"
GOOD = Reply(headers={"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": str(DIGEST)}, body=RAW)


def fetch(*steps: Step, reference: Digest | str = "v1") -> FetchedManifest:
    with BadRegistry() as registry:
        registry.script("GET", f"/v2/app/manifests/{reference}", *steps)
        made = rig(registry.host)
        with made.client:
            return made.repository().manifests.fetch(reference)


def test_manifest_comes_as_it_is() -> None:
    assert fetch(GOOD) == FetchedManifest(RAW, OCI_MANIFEST, DIGEST)
    assert fetch(GOOD, reference=DIGEST) == FetchedManifest(RAW, OCI_MANIFEST, DIGEST)


def test_sha512_digest_is_checked_with_sha512() -> None:
    hasher = Digest("sha512", "0" * 128).new_hasher()
    hasher.update(RAW)
    digest = Digest.from_hasher("sha512", hasher)
    assert fetch(GOOD, reference=digest).digest == digest
    with pytest.raises(ManifestCorrupt):
        fetch(GOOD, reference=Digest("sha512", "0" * 128))


def test_other_bytes_than_the_digest_are_refused() -> None:
    lie = Reply(headers={"Docker-Content-Digest": str(DIGEST)}, body=RAW + b" ")
    with pytest.raises(ManifestCorrupt, match="nothing of it was kept"):
        fetch(lie, reference=DIGEST)


def test_digest_header_is_not_trusted_on_a_fetch_by_tag() -> None:
    lie = Reply(headers={"Docker-Content-Digest": "sha256:" + "0" * 64}, body=RAW)
    assert fetch(lie).digest == DIGEST


def test_all_manifest_types_are_asked_for() -> None:
    with BadRegistry() as registry:
        registry.script("GET", BY_TAG, GOOD)
        made = rig(registry.host)
        with made.client:
            made.repository().manifests.fetch("v1")
        (seen,) = registry.seen
    assert OCI_INDEX in seen.headers["accept"]
    assert seen.headers["user-agent"] == "shale/test"
    assert seen.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "junk",
    [b"", b"<html>Sign in to the hotel's network</html>", b"[1]", b"\xef\xbb\xbf{}", b"\x1f\x8b\x08"],
)
def test_junk_is_not_a_manifest(junk: bytes) -> None:
    with pytest.raises(BadAnswer):
        fetch(Reply(headers={"Content-Type": "text/html; charset=utf-8"}, body=junk))


def test_escape_codes_of_the_server_do_not_reach_the_message() -> None:
    with pytest.raises(ManifestNotFound) as caught:
        fetch(error(404, "MANIFEST_UNKNOWN", "\x1b[2J\u202egone\nforever"))
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "huge",
    [
        Reply(length=100_000_000, body=RAW, stall_at=10),
        Reply(length=-1, body=b"{" + b" " * 100_000, endless=True),
        Reply(length=10**30, body=RAW, stall_at=10),
    ],
)
def test_huge_manifest_is_refused_early(huge: Reply) -> None:
    with pytest.raises(AnswerTooLarge):
        fetch(huge)


def test_manifest_compressed_by_a_proxy_is_not_taken_for_one() -> None:
    with pytest.raises(BadAnswer):
        fetch(Reply(headers={"Content-Encoding": "gzip"}, body=gzip.compress(RAW)))


@pytest.mark.parametrize("cut", [0, 10, len(RAW) - 1])
def test_cut_manifest_is_fetched_again(cut: int) -> None:
    assert fetch(Reply(body=RAW, cut_at=cut), GOOD).digest == DIGEST


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200",
        b"\x00\x01\x02\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_broken_http_is_an_error_of_ours(raw: bytes) -> None:
    with pytest.raises(ShaleError):
        fetch(Reply(raw=raw))


def test_broken_http_passes() -> None:
    assert fetch(Reply(raw=b"HTTP/1.1 2"), Reply(raw=b""), GOOD).digest == DIGEST


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (
            error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            ManifestNotFound,
            "app:v1 not found: manifest unknown",
        ),
        (error(404, "NAME_UNKNOWN", "no such repository"), RepositoryNotFound, "no such repository"),
        (Reply(404, body=b"<html>"), ManifestNotFound, "not found"),
        (error(403, "DENIED", "requested access to the resource is denied"), AccessDenied, "is denied"),
        (error(400, "TAG_INVALID", "bad tag"), RequestRefused, "bad tag"),
        (error(405, "UNSUPPORTED", ""), UnsupportedByRegistry, "does not offer"),
        (Reply(418), BadAnswer, "418"),
        (Reply(204), BadAnswer, "204"),
        (Reply(404, body=b'{"errors":' + b"[" * 8000), ManifestNotFound, "not found"),
    ],
)
def test_statuses_become_kinds(reply: Reply, kind: type[ShaleError], words: str) -> None:
    with pytest.raises(kind, match=words):
        fetch(reply)


def test_error_body_that_is_cut_does_not_hide_the_status() -> None:
    with pytest.raises(ManifestNotFound):
        fetch(Reply(404, body=b'{"errors": []}', cut_at=3))


def test_rate_limit_beyond_our_patience_is_told_at_once() -> None:
    with BadRegistry() as registry:
        registry.script("GET", BY_TAG, error(429, "TOOMANYREQUESTS", "slow down", {"Retry-After": "21600"}))
        made = rig(registry.host)
        with made.client, pytest.raises(RateLimited, match="slow down") as caught:
            made.repository().manifests.fetch("v1")
        assert len(registry.seen) == 1
    assert caught.value.retry_after == 21600


def head(*steps: Step, get: Step = GOOD, reference: Digest | str = "v1") -> tuple[Digest, list[str]]:
    with BadRegistry() as registry:
        registry.script("HEAD", f"/v2/app/manifests/{reference}", *steps)
        registry.script("GET", f"/v2/app/manifests/{reference}", get)
        made = rig(registry.host)
        with made.client:
            found = made.repository().manifests.head(reference)
            assert found.size == len(RAW)
            assert found.media_type == OCI_MANIFEST
        return found.digest, [seen.method for seen in registry.seen]


def test_head_uses_the_headers() -> None:
    assert head(GOOD) == (DIGEST, ["HEAD"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": OCI_MANIFEST},
        {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": "sha256:../../x"},
        {"Content-Type": "text/html", "Docker-Content-Digest": str(DIGEST)},
    ],
)
def test_head_that_does_not_tell_enough_becomes_a_get(headers: dict[str, str]) -> None:
    assert head(Reply(headers=headers, body=RAW)) == (DIGEST, ["HEAD", "GET"])


def test_head_by_digest_does_not_believe_another_digest() -> None:
    lie = Reply(headers={"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": "sha256:" + "0" * 64}, body=RAW)
    assert head(lie, reference=DIGEST) == (DIGEST, ["HEAD", "GET"])


def put(step: Step, reference: Digest | str = "v1") -> tuple[PutManifest, bytes, str]:
    with BadRegistry() as registry:
        registry.script("PUT", f"/v2/app/manifests/{reference}", step)
        made = rig(registry.host)
        with made.client:
            done = made.repository().manifests.put(RAW, OCI_MANIFEST, reference)
        (seen,) = registry.seen
        return done, seen.body, seen.headers["content-type"]


def test_put_sends_the_exact_bytes() -> None:
    assert put(Reply(201)) == (PutManifest(DIGEST, None), RAW, OCI_MANIFEST)
    assert put(Reply(201), DIGEST)[0].digest == DIGEST


def test_put_tells_whether_the_registry_links_the_subject() -> None:
    subject = Digest.of(b"subject")
    assert put(Reply(201, {"OCI-Subject": str(subject)}))[0].subject == subject
    assert put(Reply(201, {"OCI-Subject": "junk"}))[0].subject is None


def test_put_notices_a_registry_that_stores_something_else() -> None:
    with pytest.raises(ManifestCorrupt):
        put(Reply(201, {"Docker-Content-Digest": "sha256:" + "1" * 64}))


def test_put_under_a_wrong_digest_is_not_even_sent() -> None:
    with pytest.raises(Invalid):
        put(Reply(201), Digest.of(b"other"))


def test_put_without_its_blobs_is_refused_with_the_registrys_words() -> None:
    with pytest.raises(RequestRefused, match="blob unknown"):
        put(error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"))


def test_delete() -> None:
    with BadRegistry() as registry:
        registry.script("DELETE", BY_DIGEST, Reply(202))
        made = rig(registry.host)
        with made.client:
            made.repository().manifests.delete(DIGEST)
            with pytest.raises(ManifestNotFound):
                made.repository().manifests.delete("gone")


def test_mirrors_are_asked_only_for_what_they_accept() -> None:
    with BadRegistry() as mirror, BadRegistry() as registry:
        mirror.script("GET", BY_DIGEST, GOOD)
        registry.script("GET", BY_TAG, GOOD)
        made = rig(mirror.host, registry.host, change=lambda each: replace(each, accepts_tags=False))
        with made.client:
            made.repository().manifests.fetch("v1")
            made.repository().manifests.fetch(DIGEST)
        assert [seen.target for seen in mirror.seen] == [BY_DIGEST]
        assert [seen.target for seen in registry.seen] == [BY_TAG]


def test_lying_mirror_is_passed_over() -> None:
    with BadRegistry() as mirror, BadRegistry() as registry:
        mirror.script("GET", BY_DIGEST, Reply(body=b'{"other": 1}'))
        registry.script("GET", BY_DIGEST, GOOD)
        made = rig(mirror.host, registry.host)
        with made.client:
            assert made.repository().manifests.fetch(DIGEST).raw == RAW
