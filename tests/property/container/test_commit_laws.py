"""Laws of commit: the image of a container shows what the container saw, whatever was done in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shale.container.changes import changes_of
from shale.container.commit import Committer, CommitWishes
from shale.engine.engine import Engine
from shale.oci.reference import Reference
from shale.store.check import check
from still_containers import StillContainers
from tree_facts import facts_of

NAMES = ("a", "b", "c", os.fsdecode(b"\xff odd\n"), "a" * 255, ".wh", "é")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)

Step = Callable[[Path], object]


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def write(path: Path, size: int) -> None:
    # Without waiting for somebody at the other end of a fifo.
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK)
    try:
        os.write(file, b"x" * size)
    finally:
        os.close(file)


def mark(path: Path, value: str) -> None:
    os.setxattr(path, "user.n", value.encode("utf-8", "surrogateescape"))


def steps() -> st.SearchStrategy[list[Step]]:
    sizes, modes, owners = st.sampled_from((0, 1, 5000)), st.sampled_from((0o6711, 0o1777, 0)), st.just(70000)
    moments = st.sampled_from((0, -1, 10**18 + 1))
    one = st.one_of(
        st.builds(lambda at, size: lambda root: write(root / at, size), PATHS, sizes),
        st.builds(lambda at: lambda root: (root / at).mkdir(), PATHS),
        st.builds(lambda at: lambda root: remove(root / at), PATHS),
        st.builds(lambda at, to: lambda root: os.rename(root / at, root / to), PATHS, PATHS),
        st.builds(
            lambda at, to: lambda root: os.link(root / to, root / at, follow_symlinks=False), PATHS, PATHS
        ),
        st.builds(lambda at, to: lambda root: os.symlink(to, root / at), PATHS, PATHS),
        st.builds(lambda at: lambda root: os.mkfifo(root / at), PATHS),
        st.builds(lambda at, mode: lambda root: (root / at).chmod(mode), PATHS, modes),
        st.builds(lambda at, who: lambda root: os.lchown(root / at, who, 1), PATHS, owners),
        st.builds(lambda at, value: lambda root: mark(root / at, value), PATHS, PATHS),
        st.builds(
            lambda at, ns: lambda root: os.utime(root / at, ns=(1, ns), follow_symlinks=False), PATHS, moments
        ),
    )
    return st.lists(one, max_size=25)


def do(root: Path, work: list[Step]) -> None:
    for step in work:
        with suppress(OSError):  # nothing of that name, or something else
            step(root)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StillContainers]:
    folder = tmp_path_factory.mktemp("laws")
    tree = folder / "tree"
    for path in ("a/b/c", "b/a", "c"):
        (tree / path).mkdir(parents=True)
        for name in ("a", "c", ".wh"):
            with suppress(OSError):
                (tree / path / name).write_bytes(path.encode())
    os.link(tree / "b/a/c", tree / "b/link")
    with Engine.open(folder / "store", environ={"HOME": str(folder), "SOURCE_DATE_EPOCH": "1"}) as engine:
        containers = StillContainers(engine)
        containers.import_tree("base:1", tree)
        yield containers


def commit(still: StillContainers, container: str, name: str) -> None:
    wishes = CommitWishes("2024-01-02T03:04:05Z", reference=Reference.parse(name).with_default_tag())
    Committer(still.engine.store, still.views, lambda: None).commit(still.rows.find(container), wishes)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=steps(), second=steps())
def test_a_committed_image_is_what_the_container_saw(
    still: StillContainers, first: list[Step], second: list[Step]
) -> None:
    image = "base:1"
    layers = 1
    for work in (first, second):
        key = f"law{os.urandom(6).hex()}"
        record = still.make(image, key)
        with still.tree(record) as tree:
            do(tree, work)
            seen = facts_of(tree)
        with still.views.changed(record) as changed:
            different = list(changes_of(changed))
        commit(still, key, key)
        made = still.engine.images.get(key)
        layers += len(made.layers) > layers
        assert len(made.layers) == layers
        assert not different or layers > 1
        with still.tree(still.make(key, f"{key}-again")) as tree:
            facts = facts_of(tree)
        del facts["."], seen["."]
        assert facts == seen
        image = key


def test_an_image_stays_as_it_is_after_all_that(still: StillContainers) -> None:
    report = check(still.engine.store)
    assert (report.damage, report.leftovers) == ((), ())
    with still.tree(still.make("base:1", "pure")) as tree:
        assert (tree / "b/link").read_bytes() == b"b/a"


def test_a_hard_link_to_a_file_of_the_image_is_the_same_file(still: StillContainers) -> None:
    with still.tree(still.make("base:1", "linked")) as tree:
        os.link(tree / "b/a/a", tree / "again")
        assert (tree / "again").samefile(tree / "b/a/a")
        assert (tree / "again").lstat().st_nlink == 2
