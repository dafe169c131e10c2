"""The peers themselves: what shale is compared with works, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from peers.authority import Authority
from peers.dockerd import DockerEngine
from peers.fixtures import StartRegistry
from peers.ground import Ground
from peers.images import Artifact, Images
from peers.layout import INDEX, LayoutImage
from peers.podman import Podman
from peers.process import Daemon, PeerFailed, tool
from peers.registry import Login, Registry
from peers.skopeo import Skopeo, Umoci

LOGIN = Login("olga", "a password: with, marks")


def push(skopeo: Skopeo, image: LayoutImage, registry: Registry, repository: str) -> str:
    """Push with skopeo; the reference of what was pushed."""
    reference = f"{registry.host}/{repository}:{image.tag}"
    skopeo.copy(image.name, f"docker://{reference}")
    return reference


@pytest.mark.parametrize("name", ["busybox", "layers", "index", "zstd", "debian"])
def test_skopeo_pushes_an_image_and_gets_the_same_bytes_back(
    name: str, images: Images, docker_registry: Registry, skopeo: Skopeo, tmp_path: Path
) -> None:
    image: LayoutImage = getattr(images, name)()
    reference = push(skopeo, image, docker_registry, f"test/{name}")
    assert docker_registry.digest(f"test/{name}", "latest") == image.digest
    skopeo.copy(f"docker://{reference}", f"oci:{tmp_path}:latest")
    for digest in [image.digest, *image.manifests(), *image.blobs()]:
        algorithm, encoded = digest.split(":")
        assert (tmp_path / "blobs" / algorithm / encoded).read_bytes() == image.blob(digest).read_bytes()


def test_docker_pulls_what_skopeo_pushed_and_runs_it(
    busybox_image: LayoutImage, docker_registry: Registry, dockerd: DockerEngine, skopeo: Skopeo
) -> None:
    reference = push(skopeo, busybox_image, docker_registry, "busybox")
    dockerd.forget()
    dockerd("pull", "--quiet", reference)
    repository = reference.removesuffix(":latest")
    inspected = json.loads(dockerd("image", "inspect", reference).stdout)
    assert inspected[0]["RepoDigests"] == [f"{repository}@{busybox_image.digest}"]
    said = dockerd("run", "--rm", "--network", "none", reference, "echo", "from a container").stdout
    assert said == "from a container\n"
    dockerd.forget()
    assert dockerd("image", "ls", "--quiet").stdout == ""


def test_podman_pulls_what_skopeo_pushed_and_runs_it(
    busybox_image: LayoutImage, docker_registry: Registry, podman: Podman, skopeo: Skopeo
) -> None:
    reference = push(skopeo, busybox_image, docker_registry, "busybox")
    podman("pull", "--quiet", reference)
    inspected = json.loads(podman("image", "inspect", reference).stdout)
    assert inspected[0]["Digest"] == busybox_image.digest
    said = podman("run", "--rm", "--network", "none", reference, "echo", "from a container").stdout
    assert said == "from a container\n"


def test_docker_pushes_what_podman_pulls(
    busybox_image: LayoutImage,
    docker_registry: Registry,
    dockerd: DockerEngine,
    podman: Podman,
    skopeo: Skopeo,
) -> None:
    reference = push(skopeo, busybox_image, docker_registry, "first")
    again = f"{docker_registry.host}/second:latest"
    dockerd("pull", "--quiet", reference)
    dockerd("tag", reference, again)
    dockerd("push", "--quiet", again)
    pushed = docker_registry.digest("second", "latest")
    podman("pull", "--quiet", again)
    assert json.loads(podman("image", "inspect", again).stdout)[0]["Digest"] == pushed


def test_a_registry_with_a_password_lets_in_only_those_who_know_it(
    start_docker_registry: StartRegistry, busybox_image: LayoutImage, skopeo: Skopeo
) -> None:
    registry = start_docker_registry(login=LOGIN)
    target = f"docker://{registry.host}/busybox:latest"
    with pytest.raises(PeerFailed, match="authentication required"):
        skopeo.copy(busybox_image.name, target)
    skopeo.copy(busybox_image.name, target, "--dest-creds", f"{LOGIN.username}:{LOGIN.password}")
    assert registry.digest("busybox", "latest") == busybox_image.digest


def test_a_registry_with_tls_is_trusted_by_those_who_have_its_authority(
    start_docker_registry: StartRegistry, authority: Authority, busybox_image: LayoutImage, skopeo: Skopeo
) -> None:
    registry = start_docker_registry(authority=authority)
    target = f"docker://{registry.host}/busybox:latest"
    strict = ("copy", "--quiet", busybox_image.name, target)
    with pytest.raises(PeerFailed, match="x509"):
        skopeo(*strict)
    skopeo(*strict, "--dest-cert-dir", str(authority.folder))
    assert registry.digest("busybox", "latest") == busybox_image.digest


def test_a_registry_deletes_manifests(
    docker_registry: Registry, busybox_image: LayoutImage, skopeo: Skopeo
) -> None:
    push(skopeo, busybox_image, docker_registry, "busybox")
    deleted = docker_registry.request(f"busybox/manifests/{busybox_image.digest}", method="DELETE")
    assert deleted.status == 202
    assert docker_registry.request("busybox/manifests/latest").status == 404


def test_two_registries_have_nothing_in_common(
    start_docker_registry: StartRegistry, busybox_image: LayoutImage, skopeo: Skopeo
) -> None:
    one, other = start_docker_registry(), start_docker_registry()
    push(skopeo, busybox_image, one, "busybox")
    assert json.loads(one.request("_catalog").body) == {"repositories": ["busybox"]}
    assert json.loads(other.request("_catalog").body) == {"repositories": []}


def test_umoci_unpacks_whiteouts_as_the_recipe_meant_them(
    layers_image: LayoutImage, umoci: Umoci, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    umoci("unpack", *rootless, "--image", f"{layers_image.layout}:{layers_image.tag}", str(bundle))
    srv = bundle / "rootfs" / "srv"
    assert (srv / "files/00/000").read_text() == "back\n"
    assert [path.name for path in (srv / "files/01").iterdir()] == ["only"]
    assert [path.name for path in (srv / "files/02").iterdir()] == ["new"]
    assert (srv / "files/03/001/inside").read_text() == "was a file\n"
    assert not (srv / "hard").exists()
    assert len(list((srv / "files").rglob("[0-9][0-9][0-9]"))) == 20_000 - 2 * 200


def test_the_layers_image_is_as_large_as_it_says(layers_image: LayoutImage) -> None:
    document = layers_image.document()
    assert len(document["layers"]) == 4
    with tarfile.open(layers_image.blob(document["layers"][1]["digest"])) as tar:
        assert sum(entry.isfile() for entry in tar) > 20_000


def test_the_debian_image_is_a_real_system(debian_image: LayoutImage) -> None:
    (layer,) = debian_image.document()["layers"]
    with tarfile.open(debian_image.blob(layer["digest"])) as tar:
        names = {entry.name: entry.size for entry in tar}
    assert {"./etc/debian_version", "./var/lib/dpkg/status"} <= names.keys()
    assert 80_000_000 < sum(names.values()) < 250_000_000


def test_the_index_names_two_platforms(index_image: LayoutImage, skopeo: Skopeo) -> None:
    assert index_image.media_type == INDEX
    for architecture in ("amd64", "arm64"):
        config = skopeo("--override-arch", architecture, "inspect", "--config", index_image.name).stdout
        assert json.loads(config)["architecture"] == architecture


def test_the_registry_keeps_an_artifact_and_its_subject(
    artifact: Artifact, docker_registry: Registry, skopeo: Skopeo
) -> None:
    push(skopeo, artifact.subject, docker_registry, "busybox")
    push(skopeo, artifact.image, docker_registry, "busybox")
    answer = docker_registry.request(
        f"busybox/manifests/{artifact.image.digest}", headers={"Accept": artifact.image.media_type}
    )
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["subject"]["digest"] == artifact.subject.digest


def test_images_are_made_once(images: Images, busybox_image: LayoutImage) -> None:
    before = busybox_image.layout.stat()
    assert images.busybox() == busybox_image
    assert busybox_image.layout.stat().st_ino == before.st_ino


def test_a_missing_tool_fails_the_test_and_names_the_package() -> None:
    with pytest.raises(pytest.fail.Exception, match="apt-get install no-such-package"):
        tool("no-such-program", "no-such-package")


def test_the_ground_finds_ends_and_reports_what_is_left(tmp_path: Path) -> None:
    ground = Ground(tmp_path, {})
    daemon = Daemon(["/bin/sleep", "600"], env=ground.env, log=ground.folder / "log")
    assert ground.processes() == {daemon.pid: "/bin/sleep 600"}
    left = ground.clear(patience=0)
    assert left == [f"process {daemon.pid}: /bin/sleep 600"]
    assert not ground.folder.exists()
    daemon.stop()
    assert ground.processes() == {}


def test_a_program_that_ends_at_once_is_reported_with_its_log(peer_ground: Ground) -> None:
    log = peer_ground.fresh("sh") / "log"
    daemon = Daemon(["/bin/sh", "-c", "echo 'no such option'; exit 3"], env=peer_ground.env, log=log)
    with pytest.raises(PeerFailed, match=r"ended with 3:\nno such option"):
        daemon.wait_until(lambda: None)
    daemon.stop()
