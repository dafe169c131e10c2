from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from image_factory import build_image, keep
from shale.image.listing import list_images
from shale.image.remove import Remover
from shale.image.uses import UsedImage
from shale.linux.boot import boot_id, current_process
from shale.oci.digest import Digest
from shale.oci.platform import Platform
from shale.store.store import Store, open_store
from store_images import Image

HOST = Platform(os="linux", architecture="amd64")
IMAGE = build_image()
ID = Digest.of(IMAGE.config).short
CONTAINER = "c0ffee" * 10 + "abcd"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "root") as opened:
        yield opened


def add_container(store: Store, image: Image, *, running: bool = False) -> None:
    process = current_process()
    identity = (process.boot, process.namespace, process.pid, process.started) if running else (None,) * 4
    with store.database.write() as tx:
        tx.run(
            "INSERT INTO containers"
            " (id, name, image, manifest, created, spec, state, boot, namespace, pid, ticks)"
            " VALUES (?, 'some_name', 'app', ?, 1, '{}', 'running', ?, ?, ?, ?)",
            (CONTAINER, str(image.digest), *identity),
        )


def add_mount(store: Store, image: Image) -> None:
    with store.database.write() as tx:
        tx.run("INSERT INTO mounts VALUES ('/here', ?, ?, 1)", (str(image.digest), boot_id()))


def refused(store: Store, name: str, *, force: bool = False) -> str:
    with pytest.raises(UsedImage) as caught:
        Remover(store, HOST).remove(name, force=force)
    assert len(list_images(store, HOST)) == 1
    return caught.value.message


def test_the_last_name_of_a_used_image_stays_as_in_docker(store: Store) -> None:
    keep(store, IMAGE, "docker.io/library/app:v1", "docker.io/library/other:v1")
    add_container(store, IMAGE)
    removal = Remover(store, HOST).remove("other:v1")
    assert (removal.untagged, removal.deleted) == (("other:v1",), ())
    assert refused(store, "app:v1") == (
        'conflict: unable to remove repository reference "app:v1" (must force) - '
        f"container {CONTAINER[:12]} is using its referenced image {ID}"
    )


def test_by_id_it_matters_whether_the_container_runs(store: Store) -> None:
    keep(store, IMAGE, "docker.io/library/app:v1")
    add_container(store, IMAGE)
    assert refused(store, ID) == (
        f"conflict: unable to delete {ID} (must be forced) - "
        f"image is being used by stopped container {CONTAINER[:12]}"
    )
    removal = Remover(store, HOST).remove(ID, force=True)
    assert removal.untagged == ("app:v1",)
    assert removal.garbage.blobs == ()  # the container has it still
    assert list_images(store, HOST) == []


def test_what_runs_cannot_be_forced_away(store: Store) -> None:
    keep(store, IMAGE, "docker.io/library/app:v1")
    add_container(store, IMAGE, running=True)
    assert refused(store, ID, force=True) == (
        f"conflict: unable to delete {ID} (cannot be forced) - "
        f"image is being used by running container {CONTAINER[:12]}"
    )
    removal = Remover(store, HOST).remove("app:v1", force=True)
    assert (removal.untagged, removal.deleted) == (("app:v1",), ())
    (left,) = list_images(store, HOST)
    assert left.is_dangling


def test_a_mounted_image_says_where(store: Store) -> None:
    keep(store, IMAGE, "docker.io/library/app:v1")
    add_mount(store, IMAGE)
    assert "image is mounted at /here" in refused(store, "app:v1")
    assert "image is mounted at /here" in refused(store, ID)
    Remover(store, HOST).remove("app:v1", force=True)
    assert store.blobs.holds(IMAGE.digest)


def test_a_prune_leaves_what_is_used(store: Store) -> None:
    other = build_image(layers=({"other": b"1"},))
    keep(store, IMAGE)
    keep(store, other)
    add_container(store, IMAGE)
    images = list_images(store, HOST)
    rehearsed = Remover(store, HOST).remove_images(images, "prune", rehearse=True)
    removal = Remover(store, HOST).remove_images(images, "prune")
    assert rehearsed == removal
    (left,) = list_images(store, HOST)
    assert left.target == IMAGE.digest
