"""RF and MR rows for whole images: who is asked, and who gets to see credentials.

After each of them the store is sound, and nothing is named that did not come whole.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.bad_registry import Content, Reply, error
from faults.hands import LAYER, LAYERS, MANIFEST, Hands, blob_path, changed, manifest_of
from faults.image_registry import ImageRegistry
from faults.image_work import LARGE
from shale.errors import ShaleError
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.registry.client.endpoint import Credential
from shale.registry.client.failures import (
    BlobNotFound,
    NotLoggedIn,
)
from shale.registry.client.realm import UntrustedRealm
from shale.store.check import check
from shale.store.store import Store


def test_a_registry_that_wants_credentials_again_and_again(hands: Hands, registry: ImageRegistry) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token",service="s"'}
    registry.script("GET", MANIFEST, error(401, "UNAUTHORIZED", "no", challenge))
    registry.script("GET", "/token", Reply(200, {}, b'{"token": "t"}'))
    hands.fails(NotLoggedIn)
    assert len(registry.requests("GET", MANIFEST)) < 6


@pytest.mark.parametrize(
    "realm",
    [
        "http://192.0.2.7/token",
        "http://10.0.0.1/token",
        "https://10.0.0.1/token",
        "http://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/token",
        "http://tokens.example.com/token",
        "file:///etc/passwd",
        "/token",
        "https://user@example.com/token",
    ],
)
def test_credentials_do_not_go_to_a_realm_elsewhere(store: Store, registry: ImageRegistry, realm: str) -> None:
    """Threats "registry-client": CVE-2019-10214, CVE-2026-33540, CVE-2026-65388 (MR-1, MR-3)."""
    registry.offer(LARGE, "v1")
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'}
    registry.script("GET", MANIFEST, error(401, "UNAUTHORIZED", "no", challenge))
    Hands(store, registry, Credential("me", "secret")).fails(UntrustedRealm)
    assert [seen.path for seen in registry.seen] == [MANIFEST]
    assert "authorization" not in registry.seen[0].headers


def test_credentials_do_not_follow_a_redirect_to_another_host(store: Store, registry: ImageRegistry) -> None:
    content = LARGE.layers[2]
    with ImageRegistry() as elsewhere:
        registry.offer(LARGE, "v1")
        elsewhere.script("GET", "/layer", Content(content))
        registry.script("GET", blob_path(content), Reply(307, {"Location": f"http://{elsewhere.host}/layer"}))
        challenge = {"WWW-Authenticate": 'Basic realm="x"'}
        opened = manifest_of(LARGE.manifest)
        registry.script("GET", MANIFEST, error(401, "UNAUTHORIZED", "no", challenge), opened)
        Hands(store, registry, Credential("me", "secret")).succeeds(LARGE)
        assert "authorization" in registry.requests("GET", blob_path(content))[0].headers
        (seen,) = elsewhere.seen
        assert "authorization" not in seen.headers


def test_foreign_urls_are_not_followed(hands: Hands, registry: ImageRegistry) -> None:
    """MR-2: a layer's `urls` name another server, which is not asked (CVE-2020-15157)."""
    with ImageRegistry() as elsewhere:
        elsewhere.script("GET", "/layer", Content(LAYER))
        layers = [*LAYERS[:2], {**LAYERS[2], "urls": [f"http://{elsewhere.host}/layer"]}]
        registry.script("GET", MANIFEST, manifest_of(changed(layers=layers)))
        registry.script("GET", blob_path(LAYER), error(404, "BLOB_UNKNOWN", "elsewhere"))
        hands.fails(BlobNotFound)
        assert elsewhere.seen == []


def test_a_digest_is_asked_of_the_repository_that_is_named(hands: Hands, store: Store) -> None:
    """MR-5: that another repository's image is here does not make it this repository's."""
    hands.succeeds(LARGE)
    other = Reference("registry.test", "other", "v1", LARGE.digest)
    path = f"/v2/other/manifests/{LARGE.digest}"
    hands.registry.script("GET", path, error(404, "MANIFEST_UNKNOWN", "never had it"))
    with pytest.raises(ShaleError, match="never had it"):
        hands.pull(other)
    assert {name.reference.repository for name in store.names.all()} == {"app"}
    before = len(hands.registry.asked)
    hands.registry.script("GET", path, manifest_of(LARGE.manifest))
    assert hands.pull(other) == LARGE.digest
    assert len(hands.registry.asked) == before  # the blobs need not come again
    asked = len(hands.registry.requests("GET", path))
    assert hands.pull(other) == LARGE.digest
    assert len(hands.registry.requests("GET", path)) == asked  # now it is known to have it


def test_damaged_documents_are_healed_by_the_next_pull(hands: Hands, store: Store, tmp_path: Path) -> None:
    hands.succeeds(LARGE)
    for content in (LARGE.config, LARGE.manifest):
        path = tmp_path / "root/blobs/sha256" / Digest.of(content).encoded
        path.chmod(0o600)
        path.write_bytes(bytes(len(content)))
        assert not check(store).is_sound
        hands.succeeds(LARGE)
