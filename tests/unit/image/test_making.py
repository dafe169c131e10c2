"""Pulls that make layers mountable on the way, with a form that any kernel has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_form import FakeForm
from faults.disk import small_disk
from image_factory import build_image
from shale.errors import Denied, NotFound, Unavailable, Unsupported
from shale.events import silent
from shale.image.expectation import DiffIDMismatch
from shale.image.making import Mountable
from shale.image.ports import BlobSink, Document
from shale.image.pull import Puller
from shale.layer.field import InvalidTar
from shale.linux.durable import DiskFull
from shale.oci import mediatype
from shale.oci.descriptor import Descriptor
from shale.oci.digest import DiffID, Digest
from shale.oci.platform import Platform
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.snapshot.layers import Layers
from shale.store.store import Store, open_store
from store_images import Image, noise

MACHINE = Platform(os="linux", architecture="amd64")
NAME = Reference.parse("docker.io/library/app:v1")
IMAGE = build_image(layers=({"a": noise("a", 3 << 20)}, {"b": b"2"}))


class Server:
    """A source that has one image."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._blobs = {Digest.of(blob): blob for blob in image.blobs}
        self.fetched: list[Digest] = []
        self.break_after: int | None = None

    def document(self, reference: Digest | str) -> Document:
        return Document(self._image.manifest, mediatype.OCI_MANIFEST, self._image.digest)

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        self.fetched.append(descriptor.digest)
        blob = self._blobs[descriptor.digest]
        for at in range(sink.offset, len(blob), 65536):
            if self.break_after is not None and at >= self.break_after:
                raise Unavailable("the connection broke")
            sink.write(memoryview(blob)[at : at + 65536])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "root") as opened:
        yield opened


def pull(store: Store, form: FakeForm, server: Server, machine: Platform = MACHINE) -> None:
    layers = Layers(store, form)
    mountable = Mountable(store, lambda: layers, machine)
    Puller(store, silent, Cancellation(), mountable=lambda: mountable).pull(server, NAME, None, "pull")


def made(store: Store) -> set[DiffID]:
    with store.database.read() as tx:
        rows = {layer.diff_id for layer in store.unpacked.all(tx)}
    assert len(rows) == len(list(store.layers))
    assert store.layers.unfinished() == []
    return rows


def diff_ids(image: Image) -> set[DiffID]:
    return {DiffID.of(tar) for tar in image.layers}


def test_a_pull_leaves_layers_mountable(store: Store) -> None:
    form = FakeForm()
    pull(store, form, Server(IMAGE))
    assert made(store) == diff_ids(IMAGE)
    for diff_id in diff_ids(IMAGE):
        Layers(store, form).verify(diff_id)
    assert form.made == 2


def test_what_runs_elsewhere_is_not_made_mountable(store: Store) -> None:
    pull(store, FakeForm(), Server(IMAGE), Platform(os="linux", architecture="s390x"))
    assert made(store) == set()
    assert store.names.get(NAME).target == IMAGE.digest


@pytest.mark.parametrize("trouble", [DiskFull("full"), Denied("no"), Unavailable("broken"), Unsupported("no")])
def test_what_goes_wrong_with_it_alone_harms_no_pull(
    store: Store, trouble: DiskFull | Denied | Unavailable | Unsupported
) -> None:
    form = FakeForm()
    form.trouble = trouble
    pull(store, form, Server(IMAGE))
    assert made(store) == set()
    assert store.names.get(NAME).target == IMAGE.digest
    assert all(store.blobs.verify(Digest.of(blob)) for blob in IMAGE.blobs)


def test_a_hostile_layer_is_refused_by_the_pull(store: Store) -> None:
    image = build_image(layers=({"f": b"hostile"},))
    with pytest.raises(InvalidTar, match="it is hostile"):
        pull(store, FakeForm(), Server(image))
    assert made(store) == set()
    with pytest.raises(NotFound):
        store.names.get(NAME)


def test_a_layer_that_is_another_than_the_config_says_is_thrown_away(store: Store) -> None:
    other = build_image(layers=({"a": b"1"}, {"b": b"3"}))
    config = IMAGE.config.replace(
        str(DiffID.of(IMAGE.layers[1])).encode(), str(DiffID.of(other.layers[1])).encode()
    )
    manifest = IMAGE.manifest.replace(str(Digest.of(IMAGE.config)).encode(), str(Digest.of(config)).encode())
    with pytest.raises(DiffIDMismatch):
        pull(store, FakeForm(), Server(Image(manifest, config, IMAGE.layers)))
    assert DiffID.of(IMAGE.layers[1]) not in made(store)
    assert DiffID.of(other.layers[1]) not in made(store)


def test_a_pull_that_goes_on_makes_it_of_all_the_bytes(store: Store) -> None:
    form, server = FakeForm(), Server(IMAGE)
    server.break_after = 2 << 20
    with pytest.raises(Unavailable):
        pull(store, form, server)
    assert DiffID.of(IMAGE.layers[0]) not in made(store)
    server.break_after = None
    pull(store, form, server)
    assert made(store) == diff_ids(IMAGE)
    for diff_id in diff_ids(IMAGE):
        Layers(store, form).verify(diff_id)


def test_bytes_that_were_damaged_on_the_way_are_in_no_layer(store: Store) -> None:
    """What an earlier process left is wrong: the layer is begun again with the first right byte."""
    form = FakeForm()
    digest = Digest.of(IMAGE.layers[0])
    with store.ingests.open(f"sha256-{digest.encoded}") as ingest:
        ingest.write(IMAGE.layers[0][: 1 << 20][:-1] + b"!")
    pull(store, form, Server(IMAGE))
    assert made(store) == diff_ids(IMAGE)
    for diff_id in diff_ids(IMAGE):
        Layers(store, form).verify(diff_id)


def test_a_blob_without_a_row_is_taken_and_made_mountable(store: Store) -> None:
    form, server = FakeForm(), Server(IMAGE)
    digest = Digest.of(IMAGE.layers[0])
    with store.ingests.open(f"sha256-{digest.encoded}") as ingest:
        ingest.write(IMAGE.layers[0])
        ingest.commit(digest)
    pull(store, form, server)
    assert digest not in server.fetched
    assert made(store) == diff_ids(IMAGE)


def test_blobs_come_first_where_there_is_little_room(tmp_path: Path) -> None:
    image = build_image(layers=({"a": noise("a", 3 << 20)},))
    with small_disk(tmp_path / "disk", size=9 << 20) as disk, open_store(disk / "root") as store:
        form = FakeForm()
        pull(store, form, Server(image))
        assert made(store) == set()
        assert os.statvfs(disk).f_bavail > 0
        assert store.blobs.verify(Digest.of(image.layers[0]))
