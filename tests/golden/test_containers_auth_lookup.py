"""containers/image's table of credential look-ups.

The table names input files that are not among the vectors; what they hold follows from the expectations, and is
written here. Cases that need containers/image's own interface are named with their reason, none is left out
silently.
"""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from shale.registry.client.credentials.account import scopes_of
from shale.registry.client.credentials.auth_files import AuthFiles
from shale.registry.client.endpoint import Credential
from shared_vectors import VECTORS

TABLES = json.loads((VECTORS / "c-image" / "auth_get.json").read_text())["tables"]


def table(function: str, size: int) -> list[dict[str, Any]]:
    (found,) = (one for one in TABLES if one["func"] == function and one["var"] == "range" and one["n"] == size)
    cases: list[dict[str, Any]] = found["cases"]
    return cases


def auths(**pairs: str) -> dict[str, Any]:
    return {key: {"auth": b64encode(value.encode()).decode()} for key, value in pairs.items()}


FILES: dict[str, dict[str, Any]] = {
    "example.json": auths(**{"example.org": "example:org"}),
    "full.json": auths(
        **{
            "example.org": "example:org",
            "index.docker.io": "index:docker.io",
            "docker.io": "docker:io",
            "localhost": "local:host",
            "localhost:5000": "local:host-5000",
            "10.10.30.45": "10.10:30.45",
            "10.10.30.45:5000": "10.10:30.45-5000",
            "https://normalize.example.org/v1": "normalize:example",
        }
    ),
    "abnormal.json": auths(
        **{
            "https://index.docker.io/v1": "index:docker.io",
            "localhost": "local:host",
            "https://localhost:5000/v2/": "local:host-5000",
        }
    ),
    "refpath.json": auths(
        **{
            "example.org/repo": "example:org",
            "example.org": "local:host",
            "docker.io/library/busybox": "library:busybox",
            "docker.io/library": "library:other",
            "docker.io/vendor": "first:level",
            "docker.io": "top:level",
        }
    ),
    "example_identitytoken.json": {
        "example.org": {
            "auth": b64encode(b"00000000-0000-0000-0000-000000000000:").decode(),
            "identitytoken": "some very long identity token",
        }
    },
    "empty.json": {},
}
HELPERS = "shale takes helpers from credHelpers and credsStore only"
OTHER = {
    "use system context": "a credential given by the caller needs no look-up here",
    "credhelper from registries.conf": HELPERS,
    "identity token credhelper from registries.conf": HELPERS,
}
LOOKUPS = table("TestGetAuth", 23)


def test_the_cases_left_to_others_are_known() -> None:
    assert len(LOOKUPS) == 23
    assert OTHER.keys() <= {case["name"] for case in LOOKUPS}


@pytest.mark.parametrize(
    "case", [case for case in LOOKUPS if case["name"] not in OTHER], ids=lambda c: c["name"]
)
@pytest.mark.parametrize("place", ["auth.json", "config.json"])
def test_finds_what_containers_image_finds(case: dict[str, Any], place: str, tmp_path: Path) -> None:
    path = tmp_path / place
    if "path" in case:
        path.write_text(json.dumps({"auths": FILES[case["path"]["args"][-1]]}))
    account, _, repository = case.get("key", "").partition("/")
    if account == "index.docker.io":
        account = "docker.io"
    said = case["expected"]
    wanted = Credential(said.get("Username", ""), said.get("Password", ""), said.get("IdentityToken", ""))
    found = AuthFiles([path], {}).find(account, repository)
    assert (found or Credential()) == wanted


@pytest.mark.parametrize("case", table("TestAuthKeyLookupOrder", 5), ids=lambda c: c["name"])
def test_looks_in_the_same_order(case: dict[str, Any]) -> None:
    account, _, repository = case["input"].partition("/")
    assert list(scopes_of(account, repository)) == case["expected"]


@pytest.mark.parametrize("case", table("TestSetGetCredentials", 5), ids=lambda c: c["name"])
def test_an_entry_speaks_for_its_own_part(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": auths(**{case["set"]: "user:password"})}))
    account, _, repository = case["get"].partition("/")
    found = AuthFiles([path], {}).find(account, repository)
    assert (found == Credential("user", "password")) is case["shouldAuth"]


@pytest.mark.parametrize("case", table("TestGetCredentialsInteroperability", 7), ids=lambda c: c["queryKey"])
def test_finds_what_docker_login_wrote(case: dict[str, Any], tmp_path: Path) -> None:
    # `docker login` without a server is Docker Hub.
    key = case["loginKey"] or "https://index.docker.io/v1/"
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"auths": auths(**{key: "user:password"})}))
    account, _, repository = case["queryKey"].partition("/")
    assert AuthFiles([path], {}).find(account, repository) == Credential("user", "password")
