from __future__ import annotations

import gzip
import os
import threading
import time
from pathlib import Path

import pytest

from fake_form import FakeForm
from faults.disk import overwrite
from image_factory import build_image, keep
from shale.errors import Cancelled, NotFound
from shale.layer.field import InvalidTar
from shale.linux.durable import DiskFull, StorageFailure
from shale.oci.digest import DiffID, Digest
from shale.snapshot.form import LayerDamaged
from shale.snapshot.layers import LayerKey, Layers, close_all
from shale.store.blobs import BlobDamaged, BlobNotFound
from shale.store.layerfiles import layer_name
from shale.store.store import Store
from store_images import Image, keep_image, put

IMAGE = build_image(layers=({"a": b"1"}, {"b": b"2"}, {"c": b"3"}))


def keys(image: Image) -> list[LayerKey]:
    return [LayerKey(Digest.of(tar), DiffID.of(tar)) for tar in image.layers]


def rows(store: Store) -> list[str]:
    with store.database.read() as tx:
        return [str(layer.diff_id) for layer in store.unpacked.all(tx)]


def change_rows(store: Store, change: str) -> None:
    with store.database.write() as tx:
        tx.run(f"UPDATE unpacked SET {change}")


def test_layers_are_made_from_their_blobs_once(store: Store, form: FakeForm) -> None:
    keep(store, IMAGE)
    layers = Layers(store, form)
    layers.ensure(keys(IMAGE))
    layers.ensure(keys(IMAGE))
    assert form.made == 3
    assert rows(store) == sorted(str(key.diff_id) for key in keys(IMAGE))
    assert sorted(store.layers) == sorted(layer_name(key.diff_id, "fake") for key in keys(IMAGE))
    assert store.layers.unfinished() == []
    for key in keys(IMAGE):
        layers.verify(key.diff_id)


def test_compressed_layers_are_measured_on_the_way(store: Store, form: FakeForm) -> None:
    tar = IMAGE.layers[0]
    packed = gzip.compress(tar)
    put(store, packed)
    Layers(store, form).ensure([LayerKey(Digest.of(packed), DiffID.of(tar))])
    with store.database.read() as tx:
        assert tx.rows("SELECT digest, diff_id FROM layers") == [(str(Digest.of(packed)), str(DiffID.of(tar)))]


def test_roots_come_topmost_first_and_each_once(store: Store, form: FakeForm) -> None:
    keep(store, IMAGE)
    one, two, three = keys(IMAGE)
    roots = Layers(store, form).open_all([one, two, one, three])
    try:
        found = [Path(f"/proc/self/fd/{root}/tar").read_bytes() for root in roots]
    finally:
        close_all(roots)
    assert found == [IMAGE.layers[2], IMAGE.layers[0], IMAGE.layers[1]]


def test_two_that_want_the_same_do_it_once(store: Store, form: FakeForm) -> None:
    keep(store, IMAGE)
    workers = [threading.Thread(target=Layers(store, form).ensure, args=(keys(IMAGE),)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert form.made == 3


def test_layers_of_an_earlier_boot_that_were_never_synced_are_made_again(store: Store, form: FakeForm) -> None:
    keep(store, IMAGE)
    Layers(store, form, boot="earlier").ensure(keys(IMAGE))
    for name in store.layers:  # what a power cut does to files that nobody synced
        os.truncate(f"/proc/self/fd/{store.layers.folder}/{name}/tar", 0)
    Layers(store, form, boot="now").ensure(keys(IMAGE))
    assert form.made == 6
    for key in keys(IMAGE):
        Layers(store, form).verify(key.diff_id)
    assert store.layers.unfinished() == []


def test_a_layer_is_synced_when_it_is_used_a_minute_later(store: Store, form: FakeForm) -> None:
    keep(store, IMAGE)
    layers = Layers(store, form, boot="now")
    layers.ensure(keys(IMAGE))
    layers.ensure(keys(IMAGE))
    assert form.synced == []
    change_rows(store, "written = written - 61")
    layers.ensure(keys(IMAGE))
    assert len(form.synced) == 3
    layers.ensure(keys(IMAGE))
    assert len(form.synced) == 3
    Layers(store, form, boot="later").ensure(keys(IMAGE))
    assert form.made == 3  # durable, so the next boot takes them


def test_a_layer_that_cannot_be_synced_is_made_again(store: Store, root: Path) -> None:
    class Bad(FakeForm):
        def sync(self, folder: int, name: str) -> None:
            super().sync(folder, name)
            raise StorageFailure("writing failed")

    form = Bad()
    keep(store, IMAGE)
    layers = Layers(store, form, boot="now")
    layers.ensure(keys(IMAGE))
    change_rows(store, "written = written - 61")
    layers.ensure(keys(IMAGE))
    assert (len(form.synced), form.made) == (3, 6)


def test_a_layer_whose_files_are_gone_or_damaged_is_made_again(
    store: Store, form: FakeForm, root: Path
) -> None:
    keep(store, IMAGE)
    layers = Layers(store, form)
    layers.ensure(keys(IMAGE))
    first, second, _ = (root / "layers" / layer_name(key.diff_id, "fake") for key in keys(IMAGE))
    store.layers.set_gone(first.name)
    (second / "whole").unlink()
    close_all(layers.open_all(keys(IMAGE)))
    assert form.made == 5
    assert store.layers.unfinished() == []


def test_a_blob_with_other_bytes_is_told_as_damage(store: Store, form: FakeForm, root: Path) -> None:
    keep(store, IMAGE)
    overwrite(root / "blobs/sha256" / Digest.of(IMAGE.layers[1]).encoded, IMAGE.layers[2])
    with pytest.raises(BlobDamaged, match="store check --repair"):
        Layers(store, form).ensure(keys(IMAGE))
    assert str(DiffID.of(IMAGE.layers[1])) not in rows(store)


def test_a_blob_that_is_not_here_is_told(store: Store, form: FakeForm) -> None:
    with pytest.raises(BlobNotFound):
        Layers(store, form).ensure(keys(IMAGE))
    assert store.layers.unfinished() == []


def test_a_hostile_layer_is_refused(store: Store, form: FakeForm) -> None:
    image = build_image(layers=({"f": b"hostile"},))
    keep(store, image)
    with pytest.raises(InvalidTar):
        Layers(store, form).ensure(keys(image))
    assert rows(store) == []
    assert list(store.layers) == []


def test_trouble_with_the_disk_leaves_nothing(store: Store, form: FakeForm) -> None:
    keep(store, IMAGE)
    form.trouble = DiskFull("no room")
    with pytest.raises(DiskFull):
        Layers(store, form).ensure(keys(IMAGE))
    assert os.listdir(store.layers.folder) == []
    form.trouble = None
    Layers(store, form).ensure(keys(IMAGE))
    assert form.made == 3


def test_the_caller_can_stop_it(store: Store, form: FakeForm) -> None:
    def stop() -> None:
        raise Cancelled("stopped")

    keep(store, IMAGE)
    with pytest.raises(Cancelled):
        Layers(store, form).ensure(keys(IMAGE), stop)
    assert rows(store) == []


def test_what_killed_processes_left_is_cleared_away(store: Store, form: FakeForm, root: Path) -> None:
    keep(store, IMAGE)
    (root / "layers/.new-sha256-1234/layer").mkdir(parents=True)
    (root / "layers/.gone-1234/some/folder").mkdir(parents=True)
    with store.layers.workplace("sha256-5678") as living:
        os.mkdir("layer", dir_fd=living.folder)
        Layers(store, form)
        assert os.listdir(root / "layers") == [".new-sha256-5678"]
        assert os.listdir(living.folder) == ["layer"]


def test_what_another_form_has_counts_for_that_form(store: Store) -> None:
    keep(store, IMAGE)
    one, two = FakeForm("one"), FakeForm("two")
    Layers(store, one).ensure(keys(IMAGE))
    Layers(store, two).ensure(keys(IMAGE))
    assert (one.made, two.made) == (3, 3)
    assert len(list(store.layers)) == 6


def test_removed_layers_are_not_there(store: Store, form: FakeForm) -> None:
    keep(store, IMAGE)
    layers = Layers(store, form)
    layers.ensure(keys(IMAGE))
    layers.remove(keys(IMAGE)[0].diff_id)
    with pytest.raises(NotFound):
        layers.open(keys(IMAGE)[0].diff_id)
    damaged = keys(IMAGE)[1].diff_id
    os.truncate(f"/proc/self/fd/{store.layers.folder}/{layer_name(damaged, 'fake')}/tar", 0)
    with pytest.raises(LayerDamaged):
        layers.verify(damaged)


def test_the_collector_takes_the_layers_of_what_it_takes(store: Store, form: FakeForm) -> None:
    other = build_image(layers=({"a": b"1"}, {"other": b"2"}))
    keep(store, IMAGE)
    keep(store, other)
    layers = Layers(store, form)
    layers.ensure([*keys(IMAGE), *keys(other)])
    with store.database.write() as tx:
        store.names.forget(tx, IMAGE.digest)
    with store.database.write() as tx:
        garbage = store.collector.collect(tx)
    assert {str(diff_id) for diff_id, _ in garbage.layers} == {str(key.diff_id) for key in keys(IMAGE)[1:]}
    assert garbage.size == sum(size for _, size in (*garbage.blobs, *garbage.layers))
    assert sorted(store.layers) == sorted(layer_name(key.diff_id, "fake") for key in keys(other))
    store.layers.sweep()
    assert len(os.listdir(store.layers.folder)) == 2


def test_files_that_have_no_row_go_at_once(store: Store, form: FakeForm, root: Path) -> None:
    keep_image(store, IMAGE)
    (root / "layers/sha256-00.fake").mkdir()
    with store.database.write() as tx:
        store.collector.collect(tx)
    assert list(store.layers) == []


def test_a_time_in_the_future_does_not_keep_a_layer_from_being_synced(store: Store, form: FakeForm) -> None:
    keep(store, IMAGE)
    layers = Layers(store, form)
    layers.ensure(keys(IMAGE))
    change_rows(store, f"written = {time.time() + 9e9}")
    layers.ensure(keys(IMAGE))
    assert len(form.synced) == 3
