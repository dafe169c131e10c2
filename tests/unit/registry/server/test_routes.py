"""Paths, against the router's table of docker's registry (vectors: distribution-routes)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shale.errors import Invalid, NotFound
from shale.registry.server.names import parse_repository
from shale.registry.server.routes import Endpoint, NoSuchPath, Route, match
from shared_vectors import VECTORS

ENDPOINTS = {
    "RouteNameBase": Endpoint.VERSION,
    "RouteNameManifest": Endpoint.MANIFEST,
    "RouteNameTags": Endpoint.TAGS,
    "RouteNameBlob": Endpoint.BLOB,
    "RouteNameBlobUpload": Endpoint.UPLOADS,
    "RouteNameBlobUploadChunk": Endpoint.UPLOAD,
}


def _cases(function: str) -> list[dict[str, Any]]:
    document = json.loads((VECTORS / "distribution-routes" / "routes.json").read_bytes())
    (table,) = (table for table in document["tables"] if table["func"] == function)
    cases: list[dict[str, Any]] = table["cases"]
    return cases


@pytest.mark.parametrize("case", _cases("TestRouter"), ids=lambda case: case["RequestURI"])
def test_the_table_of_docker(case: dict[str, Any]) -> None:
    route = match(case["RequestURI"])
    assert route.endpoint is ENDPOINTS[case["RouteName"]["$go"]]
    if case.get("StatusCode") == 404:
        assert not route.reference.isalnum(), "its id is refused, not its path"
        return
    variables = case["Vars"]
    expected = [variables[key] for key in ("reference", "digest", "uuid") if key in variables]
    assert (route.repository, route.reference) == (variables.get("name", ""), "".join(expected))


@pytest.mark.parametrize(
    "case", _cases("TestRouterWithPathTraversals") + _cases("TestRouterWithBadCharacters"), ids=str
)
def test_what_docker_cleans_or_refuses_is_refused(case: dict[str, Any]) -> None:
    try:
        route = match(case["RequestURI"])
        parse_repository(route.repository)
    except (Invalid, NotFound):
        return
    assert not route.reference.isascii(), route


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v2", Route(Endpoint.VERSION)),
        ("/v2/_catalog", Route(Endpoint.CATALOG)),
        ("/v2/a/blobs/uploads", Route(Endpoint.UPLOADS, "a")),
        ("/v2/a/referrers/sha256:0", Route(Endpoint.REFERRERS, "a", "sha256:0")),
        ("/v2/blobs/uploads/blobs/uploads/", Route(Endpoint.UPLOADS, "blobs/uploads")),
        ("/v2/a/blobs/blobs/blobs/x", Route(Endpoint.BLOB, "a/blobs/blobs", "x")),
        ("/v2/tags/list/tags/list", Route(Endpoint.TAGS, "tags/list")),
        ("/v2/manifests/manifests/x", Route(Endpoint.MANIFEST, "manifests", "x")),
    ],
)
def test_names_made_of_the_endpoints_words(path: str, route: Route) -> None:
    assert match(path) == route


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v1/", "/v2a", "//v2/", "/v2/a", "/v2/manifests/x", "/v2/a/manifests/", "/v2/a/tags/x", "*"],
)
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(NoSuchPath):
        match(path)
