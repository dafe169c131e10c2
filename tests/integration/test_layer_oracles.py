"""Layers as GNU tar, tarfile and umoci unpack them."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from layer_trees import (
    Entry,
    Seen,
    apply,
    device,
    fifo,
    file,
    folder,
    hard_link,
    layer,
    look,
    symlink,
    umoci_unpack,
)

NAMES = "abc"


def without_times_of_folders(root: Path) -> dict[str, Seen]:
    """Umoci leaves the time of its own work where a whiteout took something out of a folder."""
    return {
        name: replace(seen, mtime=0) if seen.kind == "folder" else seen for name, seen in look(root).items()
    }


def described(chance: random.Random, name: str) -> list[Entry]:
    """A folder entry for each folder on the way: umoci and containerd differ on what is only implied."""
    parts = name.split("/")[:-1]
    return [
        folder("/".join(parts[:depth]), chance.choice([0o755, 0o711])) for depth in range(1, len(parts) + 1)
    ]


def random_layer(chance: random.Random) -> Sequence[Entry]:
    entries: list[Entry] = []
    for _ in range(chance.randint(1, 14)):
        name = "/".join(chance.choice(NAMES) for _ in range(chance.randint(1, 3)))
        entries += described(chance, name)
        roll = chance.random()
        above, _, base = name.rpartition("/")
        above += "/" if above else ""
        if roll < 0.35:
            entries.append(
                file(name, chance.randbytes(5), mode=chance.choice([0o644, 0o4755]), uid=chance.randrange(3))
            )
        elif roll < 0.5:
            entries.append(folder(name, chance.choice([0o700, 0o1777]), gid=chance.randrange(3)))
        elif roll < 0.6:
            entries.append(symlink(name, chance.choice(NAMES)))
        elif roll < 0.65:
            entries.append(chance.choice([fifo(name), device(name, tarfile.BLKTYPE, 7, 1)]))
        elif roll < 0.7:
            entries += [file(name, b"linked"), hard_link(f"{above}linked-{base}", name)]
        elif roll < 0.9:
            entries.append(file(f"{above}.wh.{base}"))
        else:
            entries.append(file(f"{above}.wh..wh..opq"))
    return entries


@pytest.mark.parametrize("seed", range(25))
def test_chains_with_whiteouts_are_as_umoci_unpacks_them(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    chain = [layer(folder("."), *random_layer(chance)) for _ in range(chance.randint(2, 4))]
    ours = tmp_path / "ours"
    ours.mkdir()
    for content in chain:
        apply(ours, content)
    assert without_times_of_folders(ours) == without_times_of_folders(umoci_unpack(tmp_path, *chain))


def random_tree(root: Path, chance: random.Random) -> None:
    root.mkdir()
    for _ in range(6):
        apply(root, layer(folder("."), *(one for one in random_layer(chance) if ".wh." not in one.name)))
    apply(
        root, layer(folder("d" * 90), file("d" * 90 + "/" + "f" * 90, b"long"), file("big", bytes(3_000_000)))
    )


@pytest.mark.parametrize("form", ["ustar", "oldgnu", "gnu", "posix"])
def test_trees_are_as_gnu_tar_unpacks_them(tmp_path: Path, form: str) -> None:
    source, theirs, ours = tmp_path / "source", tmp_path / "theirs", tmp_path / "ours"
    random_tree(source, random.Random(form))
    for path in (theirs, ours):
        path.mkdir()
    made = tmp_path / "made.tar"
    sparse = ["--sparse"] if form in ("gnu", "posix") else []
    subprocess.run(["tar", f"--format={form}", *sparse, "-C", str(source), "-cf", str(made), "."], check=True)
    subprocess.run(["tar", "--numeric-owner", "-xpf", str(made), "-C", str(theirs)], check=True)
    apply(ours, made.read_bytes(), step=10_000)
    assert look(ours) == look(theirs)
    assert (ours / "big").stat().st_blocks == (theirs / "big").stat().st_blocks


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_trees_are_as_tarfile_unpacks_them(tmp_path: Path, form: int) -> None:
    source, theirs, ours = tmp_path / "source", tmp_path / "theirs", tmp_path / "ours"
    random_tree(source, random.Random(form))
    for path in (theirs, ours):
        path.mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        archive.add(source, ".")
    apply(ours, buffer.getvalue())
    with tarfile.open(fileobj=io.BytesIO(buffer.getvalue())) as archive:
        archive.extractall(theirs, filter="fully_trusted", numeric_owner=True)
    # It sets no times of symbolic links.
    found, wanted = ({name: timeless(seen) for name, seen in look(root).items()} for root in (ours, theirs))
    assert found == wanted


def timeless(seen: Seen) -> Seen:
    return replace(seen, mtime=0) if seen.kind == "symlink" else seen
