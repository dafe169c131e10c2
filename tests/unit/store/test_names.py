from __future__ import annotations

import pytest

from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.store.names import NameNotFound
from shale.store.store import Store

NAME = Reference.parse("docker.io/library/nginx:latest")
A, B = Digest.of(b"a"), Digest.of(b"b")


def move(store: Store, name: Reference, target: Digest, command: str = "tag") -> bool:
    with store.database.write() as tx:
        return store.names.move(tx, name, target, command)


def test_a_name_moves_and_every_move_is_logged(store: Store) -> None:
    assert move(store, NAME, A, "pull nginx")
    assert not move(store, NAME, A, "pull nginx again")
    assert move(store, NAME, B, "pull nginx")
    with store.database.write() as tx:
        store.names.remove(tx, NAME, "rmi nginx")
    log = store.names.log(NAME)
    assert [(entry.target, entry.command) for entry in log] == [
        (None, "rmi nginx"), (B, "pull nginx"), (A, "pull nginx"),
    ]  # fmt: skip
    assert store.names.log() == log
    with pytest.raises(NameNotFound, match="no such image: nginx:latest"):
        store.names.get(NAME)


def test_looking_names_up(store: Store) -> None:
    other = Reference.parse("registry.example:5000/team/app:1")
    by_digest = Reference.parse(f"docker.io/library/nginx@{A}")
    for name in (NAME, other, by_digest):
        move(store, name, A)
    assert store.names.get(other).target == A
    assert [name.reference for name in store.names.all()] == [NAME, by_digest, other]
    assert store.names.of(A) == [NAME, by_digest, other]
    assert store.names.of(B) == []
    assert [entry.reference for entry in store.names.log()] == [other, NAME]  # a digest never moves


def test_a_target_becomes_a_root_and_stays_one_without_the_name(store: Store) -> None:
    move(store, NAME, A)
    with store.database.write() as tx:
        store.names.remove(tx, NAME, "untag")
        assert tx.rows("SELECT digest FROM roots") == [(str(A),)]
        store.names.keep(tx, A)
        store.names.forget(tx, A)
        assert tx.rows("SELECT digest FROM roots") == []


def test_removing_what_is_not_there(store: Store) -> None:
    with pytest.raises(NameNotFound), store.database.write() as tx:
        store.names.remove(tx, NAME, "rmi")
    assert store.names.log() == []


def test_a_move_that_is_rolled_back_leaves_no_trace(store: Store) -> None:
    def fail() -> None:
        with store.database.write() as tx:
            store.names.move(tx, NAME, A, "pull")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert store.names.all() == []
    assert store.names.log() == []
