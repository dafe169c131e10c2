"""The client against Debian's docker-registry: open, with a password, with TLS."""

from __future__ import annotations

import json
import random
from io import FileIO
from pathlib import Path

import pytest
from msgspec.structs import replace

from faults.clients import MemorySink, described, opener, rig
from peers.authority import Authority
from peers.fixtures import StartRegistry
from peers.registry import Login, Registry
from shale.errors import Unauthorized
from shale.oci.digest import Digest
from shale.oci.mediatype import OCI_CONFIG, OCI_EMPTY, OCI_MANIFEST
from shale.registry.client.client import RepositoryClient
from shale.registry.client.endpoint import Credential, Tls
from shale.registry.client.exchange import Exchange
from shale.registry.client.failures import BlobNotFound, ManifestNotFound, RepositoryNotFound
from shale.registry.client.payload import Payload
from shale.registry.client.sending import Sending

CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
LAYER = random.Random(3).randbytes(3_000_000)


def manifest(subject: Digest | None = None) -> bytes:
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": str(Digest.of(CONFIG)), "size": len(CONFIG)},
        "layers": [{"mediaType": OCI_EMPTY, "digest": str(Digest.of(LAYER)), "size": len(LAYER)}],
    }
    if subject is not None:
        document["subject"] = {"mediaType": OCI_MANIFEST, "digest": str(subject), "size": 1}
    return json.dumps(document).encode()


def push(repository: RepositoryClient, tag: str = "v1") -> Digest:
    for content in (CONFIG, LAYER):
        repository.uploads.put(described(content), opener(content))
    return repository.manifests.put(manifest(), OCI_MANIFEST, tag).digest


def pull(repository: RepositoryClient, tag: str = "v1") -> bytes:
    assert repository.manifests.fetch(tag).raw == manifest()
    sink = MemorySink()
    repository.blobs.fetch(described(LAYER), sink)
    return bytes(sink.data)


def test_what_is_pushed_comes_back(docker_registry: Registry) -> None:
    made = rig(docker_registry.host)
    with made.client:
        repository = made.repository()
        digest = push(repository)
        assert str(digest) == docker_registry.digest("app", "v1")
        assert pull(repository) == LAYER
        assert repository.manifests.head("v1").digest == digest
        assert repository.manifests.fetch(digest).media_type == OCI_MANIFEST
        assert repository.blobs.head(Digest.of(LAYER)) == len(LAYER)
        assert list(repository.listings.tags()) == ["v1"]
        assert list(repository.listings.catalog()) == ["app"]
        assert list(repository.listings.referrers(digest)) == []


def test_range_is_continued(docker_registry: Registry) -> None:
    made = rig(docker_registry.host)
    with made.client:
        push(made.repository())
        sink = MemorySink(bytearray(LAYER[:1_234_567]))
        made.repository().blobs.fetch(described(LAYER), sink)
        assert sink.data == LAYER
        assert sink.received == len(LAYER) - 1_234_567


def test_what_is_not_there(docker_registry: Registry) -> None:
    made = rig(docker_registry.host)
    with made.client:
        push(made.repository())
        with pytest.raises(ManifestNotFound):
            made.repository().manifests.fetch("v2")
        with pytest.raises(BlobNotFound):
            made.repository().blobs.head(Digest.of(b"other"))
        with pytest.raises(RepositoryNotFound):
            list(made.repository("other").listings.tags())
        made.repository().manifests.delete(Digest.of(manifest()))
        with pytest.raises(ManifestNotFound):
            made.repository().manifests.fetch("v1")


def test_blob_is_mounted_from_another_repository(docker_registry: Registry) -> None:
    made = rig(docker_registry.host)
    with made.client:
        push(made.repository("source"))
        target = made.repository("target").uploads
        assert not target.exists(Digest.of(LAYER))
        assert target.mount(Digest.of(LAYER), "source") is None
        assert target.exists(Digest.of(LAYER))
        session = target.mount(Digest.of(b"nowhere"), "source")
        assert session is not None
        target.put(described(b"nowhere"), opener(b"nowhere"), session=session)
        assert target.exists(Digest.of(b"nowhere"))


def sending(exchange: Exchange, chunk: int | None = None) -> Sending:
    return Sending(exchange, described(LAYER), opener(LAYER), lambda _: None, chunk=chunk)


def test_chunks_are_put_together(docker_registry: Registry) -> None:
    made = rig(docker_registry.host)
    with made.client:
        uploads = made.repository().uploads
        work = sending(uploads.exchange, chunk=700_000)
        steps = 0
        while not work.done:
            work.advance()
            steps += 1
        assert steps == 1 + 5 + 1, "POST, five chunks, PUT"
        assert uploads.exists(Digest.of(LAYER))


def test_interrupted_upload_is_continued_where_the_registry_is(docker_registry: Registry) -> None:
    made = rig(docker_registry.host)
    with made.client:
        uploads = made.repository().uploads
        work = sending(uploads.exchange, chunk=1_000_000)
        work.advance()
        work.advance()
        assert work.session is not None
        # The answer to the first chunk is lost: nothing is known but the session.
        work.session = replace(work.session, offset=0)
        work._doubtful = True
        work.advance()
        assert work.offset == 1_000_000
        while not work.done:
            work.advance()
        assert uploads.exists(Digest.of(LAYER))


def test_payload_is_read_from_a_file(docker_registry: Registry, tmp_path: Path) -> None:
    source = tmp_path / "layer"
    source.write_bytes(LAYER)

    def open_at(offset: int) -> FileIO:
        stream = FileIO(source)
        stream.seek(offset)
        return stream

    assert (
        b"".join(bytes(each) for each in Payload(open_at, 5, 1_500_000, lambda _: None).chunks())
        == (LAYER[5:1_500_000])
    )
    made = rig(docker_registry.host)
    with made.client:
        made.repository().uploads.put(described(LAYER), open_at)
        assert made.repository().uploads.exists(Digest.of(LAYER))


def test_password(start_docker_registry: StartRegistry) -> None:
    registry = start_docker_registry(login=Login("alice", "secret"))
    made = rig(registry.host, credential=Credential("alice", "secret"))
    with made.client:
        made.repository().listings.ping()
        push(made.repository())
        assert pull(made.repository()) == LAYER
    for credential in (None, Credential("alice", "wrong")):
        made = rig(registry.host, credential=credential)
        with made.client, pytest.raises(Unauthorized, match="shale login"):
            made.repository().listings.ping()


def test_tls(start_docker_registry: StartRegistry, authority: Authority) -> None:
    registry = start_docker_registry(authority=authority)
    tls = Tls(authorities=(authority.certificate,))
    for plain_http in (False, True):  # as configured for https, and as found out on loopback
        made = rig(registry.host, plain_http=plain_http, change=lambda each: replace(each, tls=tls))
        with made.client:
            push(made.repository())
            assert pull(made.repository()) == LAYER
