"""The interoperation matrix: shale and its registry with docker, podman, skopeo and docker-registry, both ways.

Every case ends in the same question: are the bytes of every document and blob the ones that went in?
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import shale
from peers.dockerd import DockerEngine
from peers.images import Artifact, Images
from peers.layout import LayoutImage
from peers.podman import Podman
from peers.registry import Registry
from peers.skopeo import Skopeo
from shale.oci.digest import Digest
from shale.registry.server.service import RegistryServer

IMAGES = ["busybox", "debian", "layers"]
EXACT = [*IMAGES, "index", "zstd"]


@pytest.fixture(params=["docker-registry", "shale"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The host of an empty registry: the one that everybody uses, or ours."""
    if request.param == "docker-registry":
        found: Registry = request.getfixturevalue("docker_registry")
        yield found.host
    else:
        with RegistryServer(tmp_path / "registry") as server:
            yield server.address


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[shale.Engine]:
    with shale.Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path)}) as engine:
        yield engine


def holds_exactly(engine: shale.Engine, image: LayoutImage) -> bool:
    """Whether a store has every document and blob of an image, to the byte."""
    digests = [Digest.parse(text) for text in (image.digest, *image.manifests(), *image.blobs())]
    return all(content(engine, digest) == image.blob(str(digest)).read_bytes() for digest in digests)


def content(engine: shale.Engine, digest: Digest) -> bytes:
    with engine.store.blobs.open(digest) as blob:
        return blob.read()


def is_served_exactly(skopeo: Skopeo, reference: str, image: LayoutImage, folder: Path) -> bool:
    """Whether a registry has every document and blob of an image, to the byte, as skopeo reads it."""
    skopeo.copy(f"docker://{reference}", f"oci:{folder}:checked", "--all")
    blobs = folder / "blobs" / "sha256"
    digests = [image.digest, *image.manifests(), *image.blobs()]
    return all((blobs / one.split(":")[1]).read_bytes() == image.blob(one).read_bytes() for one in digests)


@pytest.mark.parametrize("name", EXACT)
def test_skopeo_pushes_shale_pulls_and_pushes_skopeo_pulls(
    name: str, registry: str, engine: shale.Engine, skopeo: Skopeo, images: Images, tmp_path: Path
) -> None:
    image: LayoutImage = getattr(images, name)()
    skopeo.copy(image.name, f"docker://{registry}/in/{name}:v1", "--all")
    pulled = engine.images.pull(f"{registry}/in/{name}:v1", platform="all")
    assert str(pulled.summary.target) == image.digest
    assert holds_exactly(engine, image)
    engine.images.tag(f"{registry}/in/{name}:v1", f"{registry}/out/{name}:v2")
    (pushed,) = engine.images.push(f"{registry}/out/{name}:v2")
    assert str(pushed.digest) == image.digest
    assert is_served_exactly(skopeo, f"{registry}/out/{name}:v2", image, tmp_path / "layout")


@pytest.mark.parametrize("name", IMAGES)
def test_docker_and_podman_pull_what_shale_pushes(
    name: str,
    registry: str,
    engine: shale.Engine,
    skopeo: Skopeo,
    images: Images,
    dockerd: DockerEngine,
    podman: Podman,
) -> None:
    image: LayoutImage = getattr(images, name)()
    skopeo.copy(image.name, f"docker://{registry}/in/{name}:v1")
    ours = engine.images.pull(f"{registry}/in/{name}:v1")
    target = f"{registry}/out/{name}:v1"
    engine.images.tag(f"{registry}/in/{name}:v1", target)
    engine.images.push(target)
    dockerd.forget()
    dockerd("pull", "--quiet", target)
    (theirs,) = json.loads(dockerd("image", "inspect", target).stdout)
    assert theirs["Id"] == ours.id
    assert theirs["RepoDigests"] == [f"{registry}/out/{name}@{image.digest}"]
    assert theirs["RootFS"] == ours.document["RootFS"]
    podman("pull", "--quiet", target)
    (theirs,) = json.loads(podman("image", "inspect", target).stdout)
    assert (f"sha256:{theirs['Id']}", theirs["Digest"]) == (ours.id, image.digest)


@pytest.mark.parametrize("name", IMAGES)
def test_shale_pulls_what_docker_and_podman_push(
    name: str,
    registry: str,
    engine: shale.Engine,
    skopeo: Skopeo,
    images: Images,
    dockerd: DockerEngine,
    podman: Podman,
) -> None:
    image: LayoutImage = getattr(images, name)()
    skopeo.copy(image.name, f"docker://{registry}/in/{name}:v1")
    for peer in (dockerd, podman):
        target = f"{registry}/{type(peer).__name__.lower()}/{name}:v1"
        peer("pull", "--quiet", f"{registry}/in/{name}:v1")
        peer("tag", f"{registry}/in/{name}:v1", target)
        peer("push", "--quiet", target)
        ours = engine.images.pull(target)
        (theirs,) = json.loads(peer("image", "inspect", target).stdout)
        assert ours.id.removeprefix("sha256:") == theirs["Id"].removeprefix("sha256:")
        assert ours.document["RootFS"]["Layers"] == theirs["RootFS"]["Layers"]
        assert ours.platform is not None
        assert ours.id == str(Digest.of(content(engine, ours.platform.config)))
    dockerd.forget()


def test_size_is_what_docker_counts(
    engine: shale.Engine, docker_registry: Registry, skopeo: Skopeo, images: Images, dockerd: DockerEngine
) -> None:
    for name in IMAGES:
        reference = f"{docker_registry.host}/{name}:v1"
        image: LayoutImage = getattr(images, name)()
        skopeo.copy(image.name, f"docker://{reference}")
        dockerd("pull", "--quiet", reference)
        (theirs,) = json.loads(dockerd("image", "inspect", reference).stdout)
        assert engine.images.pull(reference).size == theirs["Size"], name
    dockerd.forget()


def test_an_artifact_goes_through_unchanged(
    registry: str, engine: shale.Engine, skopeo: Skopeo, artifact: Artifact, tmp_path: Path
) -> None:
    skopeo.copy(artifact.subject.name, f"docker://{registry}/signed:v1")
    skopeo.copy(artifact.image.name, f"docker://{registry}/signed:note")
    engine.images.pull(f"{registry}/signed:v1")
    summary = engine.images.pull(f"{registry}/signed:note").summary
    assert str(summary.target) == artifact.image.digest
    assert holds_exactly(engine, artifact.image)
    for tag in ("v1", "note"):
        engine.images.tag(f"{registry}/signed:{tag}", f"{registry}/copied:{tag}")
        engine.images.push(f"{registry}/copied:{tag}")
    assert is_served_exactly(skopeo, f"{registry}/copied:note", artifact.image, tmp_path / "layout")
