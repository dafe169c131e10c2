"""What images, arguments and disks may say: one line of complaint at most, and never in the way of the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import Shale
from image_factory import add_image, build_image, tar_of
from shale.engine.engine import Engine
from shale.engine.policy import Policy
from shale.errors import NotFound, Unavailable
from shale.oci import mediatype
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import encode_document
from shale.oci.manifest import Manifest
from shale.oci.reference import Reference
from shale.store.store import open_store
from store_images import Image, keep_image, keep_index, make_index


def add_index(root: Path, name: str, *images: Image) -> Digest:
    """An image for several platforms under a name."""
    with open_store(root) as store:
        for image in images:
            keep_image(store, image)
        digest = keep_index(store, make_index(*(image.manifest for image in images)))
        with store.database.write() as tx:
            store.names.move(tx, Reference.parse(name), digest, "test")
            for image in images:
                store.names.forget(tx, image.digest)
    return digest


def with_raw_config(image: Image, more: bytes) -> Image:
    """The image, with fields at the end of its config that no encoder of ours would write."""
    config = image.config[:-1] + b"," + more + b"}"
    manifest = image.manifest.replace(
        str(Digest.of(image.config)).encode(), str(Digest.of(config)).encode()
    ).replace(b'"size":%d' % len(image.config), b'"size":%d' % len(config), 1)
    return Image(manifest, config, image.layers)


def test_a_platform_that_makes_no_sense_hides_no_image(shale: Shale) -> None:
    add_image(shale.root, build_image(), "docker.io/library/good:latest")
    odd = build_image(platform=("line\nux", "a b/c/d/e"))
    add_index(shale.root, "docker.io/library/odd:latest", odd, build_image())
    assert set(shale.ok("image", "ls", "--format", "{{.Repository}}").split()) == {"good", "odd"}
    assert shale.ok("image", "inspect", "-f", "{{.Os}}", "odd") == "linux\n"
    assert "Images" in shale.ok("system", "df")
    refused = shale("image", "inspect", "--platform", "linux/arm64", "odd")
    assert refused.code == 1
    assert "not for linux/arm64" in refused.err


def test_an_image_is_chosen_by_the_version_of_its_windows(shale: Shale) -> None:
    old, new = (
        with_raw_config(build_image(platform=("windows", "amd64")), b'"os.version":"%s"' % version)
        for version in (b"10.0.17763.1", b"10.0.20348.1")
    )
    add_index(shale.root, "docker.io/library/win:latest", old, new)
    wanted = ("image", "inspect", "-f", "{{.OsVersion}}", "--platform", "windows(10.0.20348.9)/amd64", "win")
    assert shale.ok(*wanted) == "10.0.20348.1\n"


@pytest.mark.parametrize(
    "created",
    ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "\x1b[31m", ""],
)  # fmt: skip
def test_an_image_of_no_time(shale: Shale, created: str) -> None:
    add_image(shale.root, build_image(created=created), "docker.io/library/odd:latest")
    assert shale.ok("image", "ls", "--format", "{{.CreatedSince}} {{.CreatedAt}}") == "N/A N/A\n"
    assert "odd" in shale.ok("image", "ls", "--filter", "until=1s") or created.startswith("9999")
    assert shale.ok("history", "-q", "odd")


def test_nanoseconds_are_a_time(shale: Shale) -> None:
    add_image(shale.root, build_image(created="2023-05-04T17:37:03.872958712Z"), "docker.io/library/n:latest")
    assert shale.ok("image", "ls", "--format", "{{.CreatedAt}}").startswith("2023-05-0")


def test_a_number_that_python_refuses(shale: Shale) -> None:
    image = with_raw_config(build_image(), b'"x":' + b"1" * 5000)
    add_image(shale.root, image, "docker.io/library/big:latest")
    refused = shale("image", "inspect", "big")
    assert refused.code == 1
    assert "cannot be shown" in refused.err
    assert shale.ok("rmi", "big").startswith("Untagged: big:latest\n")


def test_a_damaged_image_can_be_removed(shale: Shale) -> None:
    image = build_image()
    add_image(shale.root, image, "docker.io/library/broken:latest")
    config = shale.root / "blobs" / "sha256" / Digest.of(image.config).encoded
    config.chmod(0o600)
    config.write_bytes(b"x" * len(image.config))
    assert "Images" in shale.ok("system", "df")
    assert shale.ok("rmi", "broken").startswith("Untagged: broken:latest\n")
    assert not config.exists()


def test_the_digest_of_what_a_tag_keeps_is_not_removed_in_silence(shale: Shale) -> None:
    image = build_image()
    index = add_index(shale.root, "docker.io/library/app:v1", image)
    for digest in (index, image.digest):
        refused = shale("rmi", f"app@{digest}")
        assert refused.code == 1
        assert "app:v1" in refused.err
    assert "app" in shale.ok("image", "ls")


@pytest.mark.parametrize(
    "arguments", [("-m", "\udcff"), ("-c", "ENV A=\udcff"), ("-c", 'CMD ["\\ud800"]')], ids=str
)
def test_an_argument_that_is_no_text(shale: Shale, tmp_path: Path, arguments: tuple[str, str]) -> None:
    archive = tmp_path / "rootfs.tar"
    archive.write_bytes(tar_of({"a": b"b"}))
    refused = shale("import", *arguments, str(archive))
    assert refused.code == 1
    assert "is not UTF-8" in refused.err
    assert shale.ok("image", "ls", "-q") == ""


@pytest.mark.parametrize("url", ["http://[::", "https://", "http://user:secret@host/"])
def test_a_url_that_is_none(shale: Shale, url: str) -> None:
    assert "a URL such as" in shale("import", url).err


def test_a_root_that_cannot_be(shale: Shale, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for root in (file, file / "below", tmp_path / ("a" * 300)):
        refused = shale("--root", str(root), "image", "ls")
        assert refused.code == 1
        assert "choose a folder with --root" in refused.err


@pytest.mark.parametrize("arguments", [("image", "ls"), ("version",), ("--help",)], ids=" ".join)
def test_a_full_disk_under_the_output(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """In a process of its own, because the end of Python is part of it."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "shale", "--root", str(tmp_path / "store"), *arguments],
            stdout=full, stderr=subprocess.PIPE, check=False, timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == b"shale: standard output: no space left on device\n"


def test_beside_an_artifact_layers_are_verified_too(shale: Shale, tmp_path: Path) -> None:
    """Nothing of an image goes into the store unread because an artifact of the same index came first."""
    artifact = make_artifact(b"a signature")
    lying = build_image(layers=({"a": b"a"},))
    wrong = with_raw_config(lying, b'"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}' % (b"0" * 64))
    add_index(shale.root, "docker.io/library/both:latest", artifact, wrong)
    shale.ok("save", "--format", "oci-dir", "-o", str(tmp_path / "layout"), "both")
    other = tmp_path / "other"
    refused = shale("--root", str(other), "load", "-i", str(tmp_path / "layout"))
    assert "the image's config says sha256:000" in refused.err
    with open_store(other) as store:
        assert store.content.holds(Digest.of(b"a signature"))
        assert not store.content.holds(Digest.of(wrong.layers[0]))


def make_artifact(content: bytes) -> Image:
    """A manifest with one blob that is no layer."""
    document = Manifest(
        schema_version=2,
        media_type=mediatype.OCI_MANIFEST,
        artifact_type="application/x.test",
        config=Descriptor(media_type="application/vnd.oci.empty.v1+json", digest=Digest.of(b"{}"), size=2),
        layers=(Descriptor(media_type="text/plain", digest=Digest.of(content), size=len(content)),),
    )
    return Image(encode_document(document), b"{}", (content,))


@pytest.mark.parametrize("steps", [-1, -2, 7])
def test_the_log_has_no_steps_ahead(shale: Shale, steps: int) -> None:
    add_image(shale.root, build_image(), "docker.io/library/app:v1")
    with Engine.open(shale.root, {}) as engine, pytest.raises(NotFound, match="not in the log"):
        engine.images.restore("app:v1", steps)


def test_a_missing_platform_is_asked_for_at_the_registry(shale: Shale) -> None:
    add_image(shale.root, build_image(), "127.0.0.1:1/app:v1")
    with Engine.open(shale.root, {}) as engine:
        here = engine.images.pull("127.0.0.1:1/app:v1", platform="linux/amd64", policy=Policy.MISSING)
        assert here.platform is not None
        with pytest.raises(Unavailable, match="cannot connect"):
            engine.images.pull("127.0.0.1:1/app:v1", platform="linux/arm64", policy=Policy.MISSING)
        with pytest.raises(NotFound, match="not for linux/arm64"):
            engine.images.pull("127.0.0.1:1/app:v1", platform="linux/arm64", policy=Policy.NEVER)
