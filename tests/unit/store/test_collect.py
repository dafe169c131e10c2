from __future__ import annotations

import os
from pathlib import Path

from shale.oci.digest import Digest
from shale.store.collect import GRACE, Garbage, is_old
from shale.store.store import Store
from store_images import keep_image, keep_index, make_image, make_index, noise, put

SHARED = noise("shared", 9000)
ONE = make_image("one", layers=(SHARED, noise("1", 100)))
TWO = make_image("two", layers=(SHARED, noise("2", 100)))


def collect(store: Store) -> Garbage:
    with store.database.write() as tx:
        return store.collector.collect(tx)


def forget(store: Store, *digests: Digest) -> None:
    with store.database.write() as tx:
        for digest in digests:
            store.names.forget(tx, digest)


def here(store: Store) -> set[Digest]:
    return set(store.blobs)


def digests(*contents: bytes) -> set[Digest]:
    return {Digest.of(content) for content in contents}


def test_nothing_reachable_goes(store: Store) -> None:
    keep_image(store, ONE)
    keep_image(store, TWO, "docker.io/library/two:1")
    keep_index(store, make_index(ONE.manifest))
    forget(store, ONE.digest, TWO.digest)  # one has its index, two its name
    assert collect(store) == Garbage()
    assert here(store) >= digests(*ONE.blobs, *TWO.blobs)


def test_what_is_shared_stays_and_the_rest_goes_with_its_rows(store: Store) -> None:
    keep_image(store, ONE)
    keep_image(store, TWO)
    forget(store, ONE.digest)
    garbage = collect(store)
    gone = digests(*ONE.blobs) - digests(SHARED)
    assert {digest for digest, _ in garbage.blobs} == gone
    assert garbage.size == sum(len(content) for content in ONE.blobs) - len(SHARED)
    assert here(store) == digests(*TWO.blobs)
    with store.database.read() as tx:
        for table, column in (
            ("blobs", "digest"),
            ("manifests", "digest"),
            ("edges", "parent"),
            ("layers", "digest"),
        ):
            rows = tx.rows(f"SELECT {column} FROM {table}")
            assert gone.isdisjoint(Digest.parse(digest) for (digest,) in rows)
    assert collect(store) == Garbage()


def test_a_signature_lives_as_long_as_what_it_signs(store: Store) -> None:
    signature = make_image("signature", subject=ONE.manifest)
    keep_image(store, ONE)
    keep_image(store, signature)
    forget(store, signature.digest)
    assert collect(store) == Garbage()
    forget(store, ONE.digest)
    assert len(collect(store).blobs) == len({*ONE.blobs, *signature.blobs})
    assert here(store) == set()


def test_a_lease_protects_what_it_names_and_all_below(store: Store) -> None:
    keep_image(store, ONE)
    forget(store, ONE.digest)
    with store.leases.hold("push") as lease:
        lease.protect([ONE.digest])
        assert collect(store) == Garbage()
    assert len(collect(store).blobs) == 4


def test_the_lease_of_a_dead_process_protects_nothing(store: Store) -> None:
    keep_image(store, ONE)
    forget(store, ONE.digest)
    with store.database.write() as tx:
        tx.run("INSERT INTO leases VALUES ('x', 'another boot', 1, 1, 1, 9e9, 'pull')")
        tx.run("INSERT INTO lease_content VALUES ('x', ?)", (str(ONE.digest),))
    assert len(collect(store).blobs) == 4


def test_files_without_rows_have_a_grace(store: Store, root: Path) -> None:
    digest, leased = put(store, b"young"), put(store, b"leased")
    assert collect(store) == Garbage()
    for one in (digest, leased):
        os.utime(root / "blobs/sha256" / one.encoded, (1, 1))
    with store.leases.hold("pull") as lease:
        lease.protect([leased])
        assert collect(store) == Garbage(((digest, 5),))
    assert here(store) == {leased}


def test_a_time_in_the_future_is_no_eternal_life() -> None:
    assert [is_old(at, 1e6) for at in (1e6 - GRACE - 1, 1e6, 1e6 + GRACE - 1, 1e6 + GRACE + 1)] == [
        True, False, False, True,
    ]  # fmt: skip


def test_a_rehearsal_changes_nothing(store: Store) -> None:
    keep_image(store, ONE)
    forget(store, ONE.digest)

    class Undo(Exception):
        pass

    planned = Garbage()
    try:
        with store.database.write() as tx:
            planned = store.collector.collect(tx, files=False)
            raise Undo
    except Undo:
        pass
    assert here(store) == digests(*ONE.blobs)
    assert collect(store) == planned


def test_files_that_are_gone_already_are_no_obstacle(store: Store, root: Path) -> None:
    keep_image(store, ONE)
    forget(store, ONE.digest)
    (root / "blobs/sha256" / ONE.digest.encoded).unlink()  # a collector was killed before it committed
    assert len(collect(store).blobs) == 4
    assert here(store) == set()
