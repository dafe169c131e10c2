"""Tokens and passwords: who gets them, and what ends the asking (trials RF-8; MR-1, MR-3)."""

from __future__ import annotations

import base64
import threading
from urllib.parse import parse_qs

import pytest

from faults.bad_registry import BadRegistry, Reply, as_json
from faults.clients import rig
from faults.guards import PATH, RAW, bearer, guarded, query, wants
from shale.errors import Denied, Invalid, ShaleError, Unauthorized
from shale.oci.digest import Digest
from shale.registry.client.endpoint import Credential
from shale.registry.client.failures import AccessDenied, NotLoggedIn, RefusedTarget

ALICE = Credential("alice", "secret")


def test_anonymous_token_is_fetched_once() -> None:
    with BadRegistry() as registry:
        made = guarded(registry, as_json({"token": "t1"}), lambda sent: sent == "Bearer t1")
        with made.client:
            for _ in range(3):
                assert made.repository().manifests.fetch("v1").raw == RAW
        (asked,) = registry.requests("GET", "/token")
        assert query(asked) == {"service": ["test"], "scope": ["repository:app:pull"]}
        assert "authorization" not in asked.headers
        assert len(registry.requests("GET", PATH)) == 4, "later requests carry the token at once"


def test_password_goes_to_the_token_service_and_not_to_the_registry() -> None:
    with BadRegistry() as registry:
        made = guarded(registry, as_json({"access_token": "t1"}), lambda s: s == "Bearer t1", credential=ALICE)
        with made.client:
            made.repository().manifests.fetch("v1")
        (asked,) = registry.requests("GET", "/token")
        assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"alice:secret"
        assert query(asked)["account"] == ["alice"]
        assert not [seen for seen in registry.requests("GET", PATH) if "Basic" in str(seen.headers)]
        assert made.purse.asked == [(registry.host, "app")], "the source is asked once"


def test_identity_token_is_exchanged_by_post() -> None:
    with BadRegistry() as registry:
        made = guarded(
            registry, Reply(500), lambda s: s == "Bearer t1", credential=Credential(identity_token="id")
        )
        registry.script("POST", "/token", as_json({"access_token": "t1"}))
        with made.client:
            made.repository().manifests.fetch("v1")
        (asked,) = registry.requests("POST", "/token")
        form = parse_qs(asked.body.decode())
        assert form["grant_type"] == ["refresh_token"]
        assert form["refresh_token"] == ["id"]
        assert form["scope"] == ["repository:app:pull"]


@pytest.mark.parametrize("status", [404, 405])
def test_service_without_post_is_asked_by_get(status: int) -> None:
    with BadRegistry() as registry:
        credential = Credential("alice", identity_token="id")
        made = guarded(registry, as_json({"token": "t1"}), lambda s: s == "Bearer t1", credential=credential)
        registry.script("POST", "/token", Reply(status))
        with made.client:
            made.repository().manifests.fetch("v1")


def test_ready_bearer_token_is_sent_as_it_is() -> None:
    with BadRegistry() as registry:
        ready = Credential(registry_token="ready")
        made = guarded(registry, Reply(500), lambda s: s == "Bearer ready", credential=ready)
        with made.client:
            made.repository().manifests.fetch("v1")
        assert not registry.requests("GET", "/token")


def test_basic_authentication() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, wants('Basic realm="x"', lambda sent: sent.startswith("Basic ")))
        made = rig(registry.host, credential=ALICE)
        with made.client:
            made.repository().manifests.fetch("v1")
            made.repository().manifests.fetch("v1")
        assert len(registry.seen) == 3


def test_basic_without_credentials_says_how_to_log_in() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, wants('Basic realm="x"', bool))
        made = rig(registry.host)
        with made.client, pytest.raises(NotLoggedIn, match=f"shale login {registry.host}"):
            made.repository().manifests.fetch("v1")


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_401_again_ends_the_asking(scheme: str) -> None:
    with BadRegistry() as registry:
        made = guarded(registry, as_json({"token": "t"}), lambda _: False, credential=ALICE)
        if scheme == "Basic":
            registry.script("GET", PATH, wants('Basic realm="x"', lambda _: False))
        with made.client, pytest.raises(Unauthorized, match="did not accept"):
            made.repository().manifests.fetch("v1")
        assert len(registry.requests("GET", PATH)) == 2


def test_insufficient_scope_is_a_denial() -> None:
    with BadRegistry() as registry:
        made = guarded(registry, as_json({"token": "t"}), lambda _: False)
        registry.script(
            "GET", PATH, wants(bearer(registry, extra=',error="insufficient_scope"'), lambda _: False)
        )
        with made.client, pytest.raises(AccessDenied, match="may not exist"):
            made.repository().manifests.fetch("v1")


def test_token_that_the_registry_tires_of_is_renewed_once() -> None:
    good = ["Bearer t1"]
    tokens = iter(["t1", "t2"])
    with BadRegistry() as registry:
        made = guarded(registry, lambda _: as_json({"token": next(tokens)}), lambda sent: sent in good)
        with made.client:
            made.repository().manifests.fetch("v1")
            good[:] = ["Bearer t2"]
            made.repository().manifests.fetch("v1")
        assert len(registry.requests("GET", "/token")) == 2


def test_many_threads_fetch_one_token() -> None:
    with BadRegistry() as registry:
        made = guarded(registry, as_json({"token": "t1"}), lambda sent: sent == "Bearer t1")
        with made.client:
            threads = [
                threading.Thread(target=made.repository().manifests.fetch, args=("v1",)) for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(registry.requests("GET", "/token")) == 1


def test_push_and_mount_ask_for_their_scopes() -> None:
    with BadRegistry() as registry:
        target = "/v2/app/blobs/uploads/"
        registry.script("POST", target, wants(bearer(registry), lambda sent: sent == "Bearer t1"))
        registry.script("GET", "/token", as_json({"token": "t1"}))
        made = rig(registry.host)
        with made.client, pytest.raises(ShaleError):
            made.repository().uploads.mount(Digest.of(b""), "other/source")
        (asked,) = registry.requests("GET", "/token")
        assert query(asked)["scope"] == [
            "repository:app:pull",
            "repository:app:pull,push",
            "repository:other/source:pull",
        ]


def test_wrong_password_says_whose() -> None:
    with BadRegistry() as registry:
        made = guarded(registry, Reply(401), lambda _: False, credential=ALICE)
        with made.client, pytest.raises(NotLoggedIn, match="alice"):
            made.repository().manifests.fetch("v1")


@pytest.mark.parametrize(
    "realm",
    [
        "file:///etc/passwd",
        "/token",
        "",
        "http://auth.example.com/token",
        "http://169.254.169.254/latest",
        "https://10.0.0.1/",
        "gopher://x/",
    ],
)
def test_realm_that_no_credentials_may_go_to(realm: str) -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, wants(bearer(registry, realm), lambda _: False))
        made = rig(registry.host, credential=ALICE)
        with made.client, pytest.raises((Denied, Invalid)):
            made.repository().manifests.fetch("v1")
        assert all("authorization" not in seen.headers for seen in registry.seen)


@pytest.mark.parametrize(
    "challenge", ["Negotiate", "Basic realm=", 'Bearer realm="x', "", "Digest realm=x, nonce=y"]
)
def test_challenge_that_we_cannot_answer(challenge: str) -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, Reply(401, {"WWW-Authenticate": challenge}))
        made = rig(registry.host)
        with made.client, pytest.raises((Unauthorized, Invalid)):
            made.repository().manifests.fetch("v1")


def test_several_challenges_prefer_the_token() -> None:
    with BadRegistry() as registry:
        made = guarded(registry, as_json({"token": "t1"}), lambda sent: sent == "Bearer t1", credential=ALICE)
        headers = {"WWW-Authenticate": 'Basic realm="x"', "Www-Authenticate-2": bearer(registry)}
        registry.script("GET", PATH, Reply(401, headers), Reply(body=RAW))
        with made.client:
            made.repository().manifests.fetch("v1")
        assert registry.seen[-1].headers["authorization"] == "Bearer t1"


def test_redirected_token_request_keeps_its_secrets() -> None:
    with BadRegistry() as other, BadRegistry() as registry:
        other.script("GET", "/token", as_json({"token": "t1"}))
        other.script("POST", "/token", as_json({"token": "t1"}))
        away = Reply(307, {"Location": f"http://{other.host}/token"})
        made = guarded(registry, away, lambda sent: sent == "Bearer t1", credential=ALICE)
        with made.client:
            made.repository().manifests.fetch("v1")
        assert "authorization" not in other.seen[0].headers
        made = guarded(registry, away, lambda _: False, credential=Credential(identity_token="id"))
        registry.script("POST", "/token", away)
        with made.client, pytest.raises(RefusedTarget):
            made.repository().manifests.fetch("v1")
        assert not other.requests("POST")


def test_challenge_of_a_redirected_host_is_not_answered() -> None:
    with BadRegistry() as storage, BadRegistry() as registry:
        storage.script("GET", "/data", Reply(401, {"WWW-Authenticate": 'Basic realm="give me"'}))
        registry.script("GET", PATH, Reply(307, {"Location": f"http://{storage.host}/data"}))
        made = rig(registry.host, credential=ALICE)
        with made.client, pytest.raises(Unauthorized):
            made.repository().manifests.fetch("v1")
        assert all("authorization" not in seen.headers for seen in storage.seen)


def test_login_checks_the_credentials() -> None:
    with BadRegistry() as registry:
        registry.script("GET", "/v2/", wants('Basic realm="x"', lambda sent: sent.startswith("Basic ")))
        made = rig(registry.host, credential=ALICE)
        with made.client:
            made.repository().listings.ping()
