"""skopeo, podman and docker push to our registry and pull from it; bytes and digests stay what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.containerd import Containerd
from peers.dockerd import DockerEngine
from peers.images import Artifact, Images
from peers.layout import LayoutImage, open_layout
from peers.podman import Podman
from peers.skopeo import Skopeo
from registry_wire import Wire, digest_of
from shale.registry.server.service import RegistryServer


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with RegistryServer(tmp_path / "registry") as server:
        yield server.address


def assert_same(wire: Wire, image: LayoutImage, reference: str) -> None:
    """The registry has the image byte for byte."""
    answer = wire("GET", f"manifests/{reference}")
    assert answer.body == image.blob(image.digest).read_bytes()
    assert (answer["Docker-Content-Digest"], answer["Content-Type"]) == (image.digest, image.media_type)
    for digest in image.manifests():
        assert wire("GET", f"manifests/{digest}").body == image.blob(digest).read_bytes()
    for digest in image.blobs():
        assert wire("GET", f"blobs/{digest}").body == image.blob(digest).read_bytes()


@pytest.mark.parametrize("name", ["busybox", "layers", "index", "zstd"])
def test_skopeo_in_and_out(address: str, skopeo: Skopeo, images: Images, name: str, tmp_path: Path) -> None:
    image: LayoutImage = getattr(images, name)()
    skopeo.copy(image.name, f"docker://{address}/test/{name}:latest")
    assert_same(Wire(address, f"test/{name}"), image, "latest")
    skopeo.copy(f"docker://{address}/test/{name}:latest", f"oci:{tmp_path}/back:latest")
    back = open_layout(tmp_path / "back", "latest")
    assert back.digest == image.digest
    for digest in image.blobs():
        assert back.blob(digest).read_bytes() == image.blob(digest).read_bytes()
    listed = skopeo("list-tags", "--tls-verify=false", f"docker://{address}/test/{name}").stdout
    assert json.loads(listed)["Tags"] == ["latest"]
    skopeo("delete", "--tls-verify=false", f"docker://{address}/test/{name}:latest")
    assert Wire(address, f"test/{name}")("GET", "manifests/latest").status == 404


def test_skopeo_mounts_between_repositories(address: str, skopeo: Skopeo, busybox_image: LayoutImage) -> None:
    skopeo.copy(busybox_image.name, f"docker://{address}/test/one:latest")
    skopeo.copy(f"docker://{address}/test/one:latest", f"docker://{address}/test/two:latest")
    assert_same(Wire(address, "test/two"), busybox_image, "latest")


def test_skopeo_pushes_an_artifact_and_its_subject(address: str, skopeo: Skopeo, artifact: Artifact) -> None:
    wire = Wire(address, "test/artifact")
    skopeo.copy(artifact.image.name, f"docker://{address}/test/artifact:note")
    assert [one["digest"] for one in _referrers(wire, artifact)] == [artifact.image.digest]
    skopeo.copy(artifact.subject.name, f"docker://{address}/test/artifact:latest")
    assert_same(wire, artifact.image, "note")
    (found,) = _referrers(wire, artifact)
    assert found["artifactType"] == artifact.image.document()["artifactType"]


def _referrers(wire: Wire, artifact: Artifact) -> list[dict[str, str]]:
    found: list[dict[str, str]] = wire("GET", f"referrers/{artifact.subject.digest}").json["manifests"]
    return found


def test_podman_pushes_and_pulls(
    address: str, podman: Podman, skopeo: Skopeo, busybox_image: LayoutImage
) -> None:
    skopeo.copy(busybox_image.name, f"docker://{address}/test/in:latest")
    podman("pull", "--quiet", f"{address}/test/in:latest")
    podman("push", "--quiet", f"{address}/test/in:latest", f"{address}/test/out:1.0")
    assert _shape(Wire(address, "test/out"), "1.0") == _shape(Wire(address, "test/in"), "latest")
    podman("rmi", "--all", "--force")
    podman("pull", "--quiet", f"{address}/test/out:1.0")
    said = podman("run", "--rm", "--network=none", f"{address}/test/out:1.0", "echo", "hello").stdout
    assert said == "hello\n"


def test_docker_pushes_and_pulls(
    address: str, dockerd: DockerEngine, skopeo: Skopeo, images: Images, busybox_image: LayoutImage
) -> None:
    dockerd.forget()
    for name in ("busybox", "index"):
        skopeo.copy(getattr(images, name)().name, f"docker://{address}/test/{name}:latest")
        dockerd("pull", "--quiet", f"{address}/test/{name}:latest")
    dockerd("tag", f"{address}/test/busybox:latest", f"{address}/test/out:1.0")
    pushed = dockerd("push", f"{address}/test/out:1.0").stdout
    wire = Wire(address, "test/out")
    raw = wire("GET", "manifests/1.0")
    assert f"digest: {digest_of(raw.body)}" in pushed
    assert _shape(wire, "1.0") == _shape(Wire(address, "test/busybox"), "latest")
    dockerd.forget()
    pulled = dockerd("pull", f"{address}/test/out:1.0").stdout
    assert f"Digest: {digest_of(raw.body)}" in pulled


def _shape(wire: Wire, tag: str) -> list[str]:
    """The DiffIDs of an image in the registry, after every one of its blobs was checked."""
    document = wire("GET", f"manifests/{tag}").json
    for one in (document["config"], *document["layers"]):
        assert digest_of(wire("GET", f"blobs/{one['digest']}").body) == one["digest"]
    diff_ids: list[str] = wire("GET", f"blobs/{document['config']['digest']}").json["rootfs"]["diff_ids"]
    return diff_ids


def test_containerd_pushes_and_pulls(
    address: str, skopeo: Skopeo, containerd: Containerd, busybox_image: LayoutImage
) -> None:
    skopeo.copy(busybox_image.name, f"docker://{address}/test/in:latest")
    containerd("content", "fetch", "--plain-http", f"{address}/test/in:latest")
    containerd("images", "tag", f"{address}/test/in:latest", f"{address}/test/out:latest")
    containerd("images", "push", "--plain-http", f"{address}/test/out:latest")
    assert_same(Wire(address, "test/out"), busybox_image, "latest")
