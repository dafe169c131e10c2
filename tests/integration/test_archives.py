"""Archives and folders of images, exchanged with docker, podman, skopeo and umoci in both directions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.dockerd import DockerEngine
from peers.images import Images
from peers.layout import LayoutImage
from peers.podman import Podman
from peers.skopeo import Skopeo, Umoci
from shale.engine.engine import Engine
from shale.engine.saveformat import SaveFormat

NAMES = ["busybox", "layers", "index"]  # docker 20.10 does not know zstd


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path)}) as engine:
        yield engine


def load_layout(engine: Engine, image: LayoutImage, name: str) -> str:
    """Load an image of the tests and name it; its image id."""
    (loaded,) = engine.images.load(image.layout)
    assert str(loaded.target) == image.digest
    engine.images.tag(str(loaded.target), name)
    return str(loaded.id)


@pytest.mark.parametrize("name", NAMES)
def test_docker_loads_what_shale_saved(
    name: str, images: Images, engine: Engine, dockerd: DockerEngine, tmp_path: Path
) -> None:
    load_layout(engine, getattr(images, name)(), f"{name}:v1")
    image_id = engine.images.get(f"{name}:v1").id
    engine.images.tag(f"{name}:v1", "localhost:5000/other/name:v2")
    archive = tmp_path / "saved.tar"
    engine.images.save(f"{name}:v1", "localhost:5000/other/name:v2", to=archive)
    said = dockerd("load", "-i", str(archive)).stdout
    assert set(said.splitlines()) == {f"Loaded image: {name}:v1", "Loaded image: localhost:5000/other/name:v2"}
    (inspected,) = json.loads(dockerd("image", "inspect", f"{name}:v1").stdout)
    assert inspected["Id"] == image_id
    ran = dockerd("run", "--rm", "--network", "none", f"{name}:v1", "echo", "it runs").stdout
    assert ran == "it runs\n"
    dockerd.forget()


@pytest.mark.parametrize("name", NAMES)
def test_shale_loads_what_docker_saved(
    name: str, images: Images, engine: Engine, dockerd: DockerEngine, tmp_path: Path
) -> None:
    load_layout(engine, getattr(images, name)(), f"{name}:v1")
    image_id = engine.images.get(f"{name}:v1").id
    ours, theirs = tmp_path / "ours.tar", tmp_path / "theirs.tar"
    engine.images.save(f"{name}:v1", to=ours)
    dockerd("load", "-i", str(ours))
    dockerd("save", "-o", str(theirs), f"{name}:v1")
    dockerd.forget()
    with Engine.open(tmp_path / "second", environ={"HOME": str(tmp_path)}) as second:
        (loaded,) = second.images.load(theirs)
        assert str(loaded.id) == image_id
        assert [one.familiar for one in loaded.names] == [f"{name}:v1"]
        assert second.images.get(f"{name}:v1").size == engine.images.get(f"{name}:v1").size


@pytest.mark.parametrize("name", ["busybox", "layers"])  # podman 4.3 cannot save zstd for docker
def test_podman_loads_what_shale_saved_and_shale_what_podman_saved(
    name: str, images: Images, engine: Engine, podman: Podman, tmp_path: Path
) -> None:
    image_id = load_layout(engine, getattr(images, name)(), f"localhost/{name}:v1")
    archive = tmp_path / "saved.tar"
    engine.images.save(f"localhost/{name}:v1", to=archive)
    podman("load", "-i", str(archive))
    (inspected,) = json.loads(podman("image", "inspect", f"localhost/{name}:v1").stdout)
    assert f"sha256:{inspected['Id']}" == image_id
    for form in ("docker-archive", "oci-archive"):
        theirs = tmp_path / f"{form}.tar"
        podman("save", "--format", form, "-o", str(theirs), f"localhost/{name}:v1")
        with Engine.open(tmp_path / form, environ={"HOME": str(tmp_path)}) as second:
            (loaded,) = second.images.load(theirs)
            assert [one.familiar for one in loaded.names] == [f"localhost/{name}:v1"]
            diff_ids = second.images.inspect(f"localhost/{name}:v1")["RootFS"]["Layers"]
            assert diff_ids == engine.images.inspect(f"localhost/{name}:v1")["RootFS"]["Layers"]


def test_podman_loads_an_archive_of_several_images(
    images: Images, engine: Engine, podman: Podman, tmp_path: Path
) -> None:
    load_layout(engine, images.busybox(), "localhost/one:v1")
    load_layout(engine, images.zstd(), "localhost/two:v1")
    archive = tmp_path / "saved.tar"
    engine.images.save("localhost/one:v1", "localhost/two:v1", to=archive)
    podman("load", "-i", str(archive))
    for name in ("one", "two"):
        podman("image", "exists", f"localhost/{name}:v1")


@pytest.mark.parametrize("name", ["busybox", "layers", "zstd", "index"])
def test_skopeo_reads_every_form_that_shale_writes(
    name: str, images: Images, engine: Engine, skopeo: Skopeo, tmp_path: Path
) -> None:
    image: LayoutImage = getattr(images, name)()
    load_layout(engine, image, f"{name}:v1")
    full = f"docker.io/library/{name}:v1"
    for form in SaveFormat:
        saved = tmp_path / form.value
        engine.images.save(f"{name}:v1", to=saved, format=form)
    skopeo.copy(f"oci-archive:{tmp_path}/oci-archive:{full}", f"oci:{tmp_path}/a:x")
    skopeo.copy(f"oci-archive:{tmp_path}/docker-archive:{full}", f"oci:{tmp_path}/b:x")
    skopeo.copy(f"oci:{tmp_path}/oci-dir:{full}", f"oci:{tmp_path}/c:x")
    for folder in ("a", "b", "c"):
        assert skopeo.inspect(f"oci:{tmp_path}/{folder}:x", "--raw") == image.document()
        for blob in image.blobs():
            encoded = blob.removeprefix("sha256:")
            assert (tmp_path / folder / "blobs/sha256" / encoded).read_bytes() == image.blob(blob).read_bytes()
    config = skopeo.inspect(f"docker-archive:{tmp_path}/docker-archive:{full}", "--config")
    assert config == image.document(image.document(image.manifests()[0])["config"]["digest"])


@pytest.mark.parametrize("name", ["busybox", "layers", "zstd", "index"])
def test_shale_copies_what_skopeo_wrote_and_back(
    name: str, images: Images, engine: Engine, skopeo: Skopeo, tmp_path: Path
) -> None:
    image: LayoutImage = getattr(images, name)()
    skopeo.copy(image.name, f"oci-archive:{tmp_path}/a.tar:some-tag")
    engine.images.copy(f"oci-archive:{tmp_path}/a.tar:some-tag", f"oci:{tmp_path}/b:again")
    engine.images.copy(f"oci:{tmp_path}/b:again", f"oci-archive:{tmp_path}/c.tar:third")
    skopeo.copy(f"oci-archive:{tmp_path}/c.tar:third", f"oci:{tmp_path}/d:x")
    assert skopeo.inspect(f"oci:{tmp_path}/d:x", "--raw") == image.document()


def test_shale_loads_skopeos_docker_archive(
    images: Images, engine: Engine, skopeo: Skopeo, tmp_path: Path
) -> None:
    image = images.layers()
    skopeo("copy", "--quiet", image.name, f"docker-archive:{tmp_path}/a.tar:some/name:v1")
    (loaded,) = engine.images.load(tmp_path / "a.tar")
    assert [one.familiar for one in loaded.names] == ["some/name:v1"]
    assert str(loaded.id) == image.document()["config"]["digest"]


def test_docker_saves_two_images_that_share_layers_and_shale_loads_both(
    images: Images, engine: Engine, dockerd: DockerEngine, tmp_path: Path
) -> None:
    load_layout(engine, images.busybox(), "bb:v1")
    engine.images.save("bb:v1", to=tmp_path / "ours.tar")
    dockerd("load", "-i", str(tmp_path / "ours.tar"))
    dockerd("build", "-q", "-t", "child:v1", "-", stdin="FROM bb:v1\nENV A=1\n")
    dockerd("save", "-o", str(tmp_path / "theirs.tar"), "bb:v1", "child:v1")
    dockerd.forget()
    loaded = engine.images.load(tmp_path / "theirs.tar")
    assert {name.familiar for one in loaded for name in one.names} == {"bb:v1", "child:v1"}
    assert engine.images.inspect("child:v1")["Config"]["Env"][-1] == "A=1"


def test_umoci_unpacks_a_layout_that_shale_saved(
    images: Images, engine: Engine, umoci: Umoci, tmp_path: Path
) -> None:
    load_layout(engine, images.layers(), "layers:v1")
    engine.images.copy(images.layers().name, f"oci:{tmp_path}/layout:v1")
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    umoci("unpack", *rootless, "--image", f"{tmp_path}/layout:v1", str(tmp_path / "bundle"))
    assert (tmp_path / "bundle/rootfs/srv/files/00/000").read_text() == "back\n"


def test_docker_and_shale_import_the_same_root_file_system(
    images: Images, engine: Engine, dockerd: DockerEngine, tmp_path: Path
) -> None:
    image = images.busybox()
    layer = image.blob(image.document()["layers"][0]["digest"])
    changes = ['CMD ["sh", "-c", "echo $A $B"]', 'ENV A=1 B="x y"', "EXPOSE 80 90/udp", "LABEL a.b=c",
               "USER nobody", "VOLUME /data", "WORKDIR /srv", "ENTRYPOINT env", "ONBUILD RUN true",
               "HEALTHCHECK --interval=1m30s --retries=3 CMD true"]  # fmt: skip
    options = [word for change in changes for word in ("--change", change)]
    dockerd("import", *options, str(layer), "imported:v1")
    (theirs,) = json.loads(dockerd("image", "inspect", "imported:v1").stdout)
    dockerd.forget()
    with layer.open("rb") as stream:
        engine.images.import_rootfs(stream, "imported:v1", changes=changes)
    ours = engine.images.inspect("imported:v1")
    assert ours["RootFS"] == theirs["RootFS"]
    for field in ("Cmd", "Env", "ExposedPorts", "Labels", "User", "Volumes", "WorkingDir",
                  "Entrypoint", "OnBuild", "Healthcheck"):  # fmt: skip
        assert ours["Config"].get(field) == theirs["Config"].get(field), field
