"""What archives have: those of public projects, and those that lie."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from archive_files import (
    REF_NAME,
    blob_entry,
    descriptor,
    docker_entries,
    index_json,
    link,
    oci_entries,
    real_image,
    tar_of,
    write_folder,
)
from shale.engine.engine import Engine
from shale.errors import Corrupt, Invalid, NotFound, ShaleError, Unsupported
from shale.image.archive.opening import open_archive
from shale.image.archive.reading import Archive, read_archive
from shale.oci.digest import DiffID, Digest
from shared_vectors import VECTORS

TARBALLS = VECTORS / "ggcr" / "tarball"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path)}) as engine:
        yield engine


def read(source: Path | bytes, spool: Path) -> Archive:
    with open_archive(source if isinstance(source, Path) else io.BytesIO(source), spool) as members:
        return read_archive(members)


def names(archive: Archive) -> list[list[str]]:
    return [[name.familiar for name in image.names] for image in archive.images]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("test_image_1.tar", [["bazel/v1/tarball:test_image_1"]]),
        ("test_load_manifest.tar", [["bazel/v1/tarball:test_image_1"]]),
        ("test_bundle.tar", [["test_image_2:latest"], ["test_image_1:latest"]]),
        ("test_link.tar", [["bazel/v1/tarball:test_image_1"], ["bazel/v1/tarball:test_image_3"]]),
        ("hello-world-v25.tar", [[]]),
    ],
)
def test_dockers_archives_of_public_projects_are_loaded(
    file: str, expected: list[list[str]], engine: Engine
) -> None:
    assert names(read(TARBALLS / file, engine.store.root)) == expected
    loaded = engine.images.load(TARBALLS / file)
    assert [[name.familiar for name in one.names] for one in loaded] == expected
    with tarfile.open(TARBALLS / file) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        configs = [tar.extractfile(entry["Config"]) for entry in json.load(manifest)]
        assert [one.id for one in loaded] == [Digest.of(config.read()) for config in configs if config]


@pytest.mark.parametrize(
    ("file", "kind"),
    [("no_manifest.tar", Unsupported), ("null_manifest.tar", Invalid), ("content.tar", Invalid)],
)
def test_archives_without_images_are_refused(file: str, kind: type[ShaleError], tmp_path: Path) -> None:
    with pytest.raises(kind):
        read(TARBALLS / file, tmp_path)


@pytest.mark.parametrize("folder", ["test_index", "test_index_one_image", "test_index_media_type"])
def test_layouts_of_public_projects_are_read(folder: str, tmp_path: Path) -> None:
    layout = VECTORS / "ggcr" / "layout" / folder
    archive = read(layout, tmp_path)
    wanted = json.loads((layout / "index.json").read_bytes())["manifests"]
    known = {MANIFEST, "application/vnd.oci.image.index.v1+json",
             "application/vnd.docker.distribution.manifest.v2+json",
             "application/vnd.docker.distribution.manifest.list.v2+json"}  # fmt: skip
    targets = dict.fromkeys(one["digest"] for one in wanted if one["mediaType"] in known)
    assert [str(image.target) for image in archive.images] == list(targets)


def test_a_layout_with_many_tags_is_read_and_its_indexes_are_copied(engine: Engine, tmp_path: Path) -> None:
    layout = VECTORS / "regclient" / "testrepo"
    archive = read(layout, engine.store.root)
    labels = {label for image in archive.images for label in image.labels}
    assert {"v1", "v2", "v3", "b1"} <= labels
    for tag in ("v1", "v2", "v3", "b1"):
        engine.images.copy(f"oci:{layout}:{tag}", f"oci:{tmp_path}/copy:{tag}")
    copied = read(tmp_path / "copy", tmp_path)
    wanted = {label: image.target for image in archive.images for label in image.labels}
    assert {label: image.target for image in copied.images for label in image.labels} == {
        tag: wanted[tag] for tag in ("v1", "v2", "v3", "b1")
    }
    for blob in (tmp_path / "copy/blobs/sha256").iterdir():
        assert blob.read_bytes() == (layout / "blobs/sha256" / blob.name).read_bytes()


def test_images_with_configs_that_name_no_layers_are_refused(engine: Engine) -> None:
    with pytest.raises(Invalid, match="names 0 layers"):
        engine.images.load(VECTORS / "regclient" / "testrepo")


def test_docker_before_25_has_no_manifests_and_gets_the_same_one_each_time(
    engine: Engine, tmp_path: Path
) -> None:
    image = real_image("a")
    archive = tar_of(docker_entries(image, ["name:v1", "localhost:5000/other:v2"]))
    first, second = (engine.images.load(io.BytesIO(archive)) for _ in range(2))
    assert first == second
    (loaded,) = first
    assert loaded.id == Digest.of(image.config)
    assert [name.familiar for name in loaded.names] == ["name:v1", "localhost:5000/other:v2"]
    shown = engine.images.get("name:v1")
    assert [str(layer.diff_id) for layer in shown.layers] == [str(DiffID.of(one)) for one in image.layers]


def test_a_layer_that_is_a_link_is_looked_up_in_the_archive(engine: Engine) -> None:
    image = real_image("a")
    entries: list[tuple[str, bytes] | tarfile.TarInfo] = list(docker_entries(image, ["name:v1"]))
    first = entries[1]
    assert isinstance(first, tuple)
    name = first[0]
    entries[1] = ("elsewhere/layer.tar", first[1])
    entries.append(link(name, "../elsewhere/layer.tar"))
    (loaded,) = engine.images.load(io.BytesIO(tar_of(entries)))
    assert loaded.id == Digest.of(image.config)


def docker_with(layers: Sequence[str], config: str = "c.json") -> list[tuple[str, bytes] | tarfile.TarInfo]:
    image = real_image("evil", layers=len(layers))
    manifest = [{"Config": config, "RepoTags": ["evil:v1"], "Layers": list(layers)}]
    return [("c.json", image.config), ("manifest.json", json.dumps(manifest).encode())]


@pytest.mark.parametrize("name", ["../../etc/shadow", "/etc/shadow", "a/../../b", "", ".", "a\0b", "x" * 5000])
def test_names_that_lead_out_of_an_archive_are_refused(name: str, engine: Engine) -> None:
    with pytest.raises(Invalid, match="outside of itself"):
        engine.images.load(io.BytesIO(tar_of(docker_with([name]))))
    with pytest.raises(Invalid, match="outside of itself"):
        engine.images.load(io.BytesIO(tar_of(docker_with(["a"], config=name))))


@pytest.mark.parametrize(
    "entry",
    [
        link("l", "/etc/passwd"),
        link("l", "../../../etc/passwd"),
        link("l", "l"),
        link("l", "/etc/passwd", tarfile.LNKTYPE),
        link("l", "../etc/passwd", tarfile.LNKTYPE),
        link("l", "nowhere"),
        link("l", "", tarfile.FIFOTYPE),
        link("l", "", tarfile.CHRTYPE),
        link("l", "", tarfile.DIRTYPE),
    ],
)
def test_layers_that_are_links_out_of_an_archive_are_refused(entry: tarfile.TarInfo, engine: Engine) -> None:
    with pytest.raises((Invalid, NotFound)):
        engine.images.load(io.BytesIO(tar_of([*docker_with(["l"]), entry])))
    assert list(engine.images.list()) == []


def test_a_file_that_is_there_twice_is_refused(engine: Engine) -> None:
    entries = docker_entries(real_image("a"), ["a:v1"])
    with pytest.raises(Invalid, match="two files called"):
        engine.images.load(io.BytesIO(tar_of([*entries, ("./manifest.json", b"[]")])))


def test_documents_that_are_too_large_are_not_read(engine: Engine) -> None:
    for name in ("manifest.json", "index.json"):
        entries = [(name, b" " * (5 << 20)), ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]
        with pytest.raises(Invalid, match="more than the"):
            engine.images.load(io.BytesIO(tar_of(entries)))


@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        b"[{}]",
        b'[{"Config": 1}]',
        b"[" * 100_000,
        b"\xff\xfe",
        b"NaN",
        b"",
        b'[{"Config":"c","Layers":[1]}]',
    ],
)
def test_malformed_manifests_are_refused(document: bytes, engine: Engine) -> None:
    with pytest.raises(ShaleError):
        engine.images.load(io.BytesIO(tar_of([("manifest.json", document)])))


def test_one_name_for_two_images_is_refused(engine: Engine) -> None:
    one, other = real_image("one"), real_image("other")
    oci = oci_entries(one, {"io.containerd.image.name": "docker.io/library/a:v1"})
    entries = [*oci, *docker_entries(other, ["a:v1"])]
    with pytest.raises(Invalid, match="two different images"):
        engine.images.load(io.BytesIO(tar_of(entries)))


def test_content_that_is_not_what_its_digest_says_gets_no_name(engine: Engine) -> None:
    for at in range(4):
        image = real_image(f"damaged-{at}")
        entries = oci_entries(image, {REF_NAME: "localhost/a:v1"})
        name, content = entries[at]
        entries[at] = (name, content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises((Corrupt, Invalid)):
            engine.images.load(io.BytesIO(tar_of(entries)))
        assert list(engine.images.list()) == []


def test_a_layer_that_is_not_the_configs_is_refused(engine: Engine) -> None:
    image, other = real_image("a"), real_image("b")
    entries = docker_entries(image, ["a:v1"])
    entries[1] = (entries[1][0], other.layers[0])
    with pytest.raises(Corrupt):
        engine.images.load(io.BytesIO(tar_of(entries)))
    assert list(engine.images.list()) == []


def test_a_digest_in_an_index_is_never_a_path(engine: Engine) -> None:
    entry = {"mediaType": MANIFEST, "digest": "sha256:../../../../etc/passwd", "size": 10}
    entries = [("index.json", index_json(entry)), ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]
    with pytest.raises(Invalid, match="invalid digest"):
        engine.images.load(io.BytesIO(tar_of(entries)))


def test_a_link_in_a_folder_is_not_followed(engine: Engine, tmp_path: Path) -> None:
    image = real_image("a")
    folder = write_folder(tmp_path / "layout", oci_entries(image))
    blob = folder / blob_entry(image.config)[0]
    blob.rename(tmp_path / "secret")
    blob.symlink_to(tmp_path / "secret")
    with pytest.raises(Invalid, match="link"):
        engine.images.load(folder)
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(Invalid, match="not a regular file"):
        engine.images.load(folder)


def test_free_text_in_annotations_names_nothing(tmp_path: Path) -> None:
    for text in ("../../x:y", "latest", "x/UPPER:1", "a:b:c", "", " "):
        archive = read(tar_of(oci_entries(real_image("a"), {REF_NAME: text})), tmp_path)
        assert names(archive) == [[]]
        assert archive.images[0].labels == (text,)


def test_an_index_without_the_images_of_other_platforms_is_loaded(engine: Engine) -> None:
    image = real_image("a")
    there = descriptor(image.manifest, MANIFEST)
    gone = descriptor(real_image("b").manifest, MANIFEST)
    index = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [gone, there]
    }).encode()  # fmt: skip
    root = descriptor(index, "application/vnd.oci.image.index.v1+json", {REF_NAME: "localhost/a:v1"})
    entries = [*(blob_entry(one) for one in (*image.blobs, index)), ("index.json", index_json(root)),
               ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]  # fmt: skip
    (loaded,) = engine.images.load(io.BytesIO(tar_of(entries)))
    assert loaded.target == Digest.of(index)
    assert str(engine.images.get("localhost/a:v1").id) == str(Digest.of(image.config))
    nothing = [entry for entry in entries if entry[0] not in {blob_entry(one)[0] for one in image.blobs}]
    with pytest.raises(NotFound, match="none of the images"):
        engine.images.load(io.BytesIO(tar_of(nothing)))


def test_an_archive_that_was_cut_is_refused(engine: Engine) -> None:
    whole = tar_of(oci_entries(real_image("a")))
    for length in (1, 511, 513, 3000, len(whole) // 2):
        with pytest.raises(ShaleError):
            engine.images.load(io.BytesIO(whole[:length]))
    assert list(engine.images.list()) == []
