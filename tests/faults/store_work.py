"""Workloads on the store itself: what the faults interrupt."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.store.store import Store, open_store
from store_images import keep_image, make_image, noise, put

__all__ = [
    "FIRST",
    "NAME",
    "SECOND",
    "bring",
    "bring_blob",
    "bring_into_half_made",
    "bring_large",
    "kept",
    "prepare",
    "prune",
]

Say = Callable[[str], None]

FIRST = make_image("first", layers=(noise("shared", 5000), noise("first", 40_000)))
SECOND = make_image("second", layers=(noise("shared", 5000), noise("second", 40_000)))
NAME = Reference.parse("docker.io/library/work:latest")


def prepare(root: Path) -> None:
    """A store with the first image, named."""
    with open_store(root) as store:
        keep_image(store, FIRST, str(NAME))


def bring_blob(root: Path, say: Say) -> None:
    """Open (or make) a store, bring a blob, say that it is durable."""
    with open_store(root) as store:
        digest = put(store, b"a blob on its own")
        with store.database.write() as tx:
            store.content.record_blobs(tx, [(digest, 17)])
        say(f"blob {digest}")


def bring(root: Path, say: Say) -> None:
    """Bring a blob, then the second image, and move a name to it."""
    bring_blob(root, say)
    with open_store(root) as store:
        digest = keep_image(store, SECOND, str(NAME))
        say(f"name {digest}")


def bring_large(root: Path, say: Say) -> None:
    """Bring a blob that is larger than the database."""
    with open_store(root) as store:
        say(f"blob {put(store, noise('large', 400_000))}")


def bring_into_half_made(root: Path, say: Say) -> None:
    """Bring a blob to where another process was killed after it made the folders, before it synced them."""
    for folder in ("blobs", "blobs/sha256", "blobs/sha512", "ingest"):
        os.mkdir(root / folder, 0o700)
    bring_blob(root, say)


def prune(root: Path, say: Say) -> None:
    """Bring the second image, move the name to it, then take away and collect the first."""
    with open_store(root) as store:
        digest = keep_image(store, SECOND, str(NAME))
        say(f"name {digest}")
        with store.database.write() as tx:
            store.names.forget(tx, FIRST.digest)
        with store.database.write() as tx:
            store.collector.collect(tx)
        say(f"gone {FIRST.digest}")


def kept(store: Store, line: str) -> bool:
    """Whether what a workload said still holds."""
    what, _, text = line.partition(" ")
    digest = Digest.parse(text)
    if what == "blob":
        return store.content.holds(digest)
    if what == "gone":
        return not store.blobs.holds(digest)
    return store.names.get(NAME).target == digest and store.content.has_manifest(digest)
