"""What a container changed, and getting it in and out: containers in which nothing runs, really mounted."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shale.container.changes import changes_of, shown
from shale.container.commit import Committer, CommitWishes
from shale.container.files.copying import CopyOptions, FileCopier
from shale.container.files.export import export
from shale.container.record import ContainerRecord
from shale.engine.engine import Engine
from shale.layer.verify import LayerScanner
from shale.oci.manifest import Manifest
from shale.oci.reference import Reference
from still_containers import StillContainers
from tree_facts import facts_of, seconds

NEVER = lambda: None  # noqa: E731 - nobody stops these


@pytest.fixture
def still(tmp_path: Path) -> Iterator[StillContainers]:
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (tree / "etc/motd").write_text("hello\n")
    (tree / "bin").mkdir()
    (tree / "bin/sh").write_text("#!\n")
    (tree / "bin/sh").chmod(0o755)
    os.link(tree / "bin/sh", tree / "bin/ash")
    (tree / "var/lib/deep/deeper").mkdir(parents=True)
    (tree / "var/lib/deep/deeper/file").write_text("deep\n")
    (tree / "tmp").mkdir(mode=0o1777)
    os.symlink("bin", tree / "sbin")
    with Engine.open(
        tmp_path / "store", environ={"HOME": str(tmp_path), "SOURCE_DATE_EPOCH": "1700000000"}
    ) as engine:
        containers = StillContainers(engine)
        containers.import_tree("base:1", tree)
        yield containers


def diff(still: StillContainers, record: ContainerRecord) -> list[str]:
    with still.views.changed(record) as changed:
        return [shown(one) for one in changes_of(changed)]


def commit(still: StillContainers, record: ContainerRecord, name: str) -> str:
    wishes = CommitWishes(
        "2024-01-02T03:04:05Z", author="me", comment="why", reference=Reference.parse(name).with_default_tag()
    )
    return str(Committer(still.engine.store, still.views, NEVER).commit(record, wishes).id)


def test_a_fresh_container_has_changed_nothing(still: StillContainers) -> None:
    assert diff(still, still.make("base:1", "fresh")) == []


def test_changes_are_told_with_the_folders_above(still: StillContainers) -> None:
    record = still.make("base:1", "c1")
    with still.tree(record) as tree:
        (tree / "etc/passwd").write_text("changed")
        (tree / "new/in").mkdir(parents=True)
        (tree / "new/in/file").touch()
        (tree / "bin/ash").unlink()
        (tree / "var/lib/deep/deeper/other").touch()
        (tree / "tmp").chmod(0o755)
    assert diff(still, record) == [
        "C /bin", "D /bin/ash", "C /etc", "C /etc/passwd", "A /new", "A /new/in", "A /new/in/file", "C /tmp",
        "C /var", "C /var/lib", "C /var/lib/deep", "C /var/lib/deep/deeper", "A /var/lib/deep/deeper/other",
    ]  # fmt: skip


def hard_use(tree: Path) -> None:
    (tree / "etc/passwd").write_text("changed")
    (tree / "etc/motd").unlink()
    (tree / "etc/motd").mkdir()
    (tree / "etc/motd/inside").write_text("x")
    (tree / "bin/ash").unlink()
    os.symlink("sh", tree / "bin/ash")
    for name in ("deeper", "again"):
        subprocess.run(["rm", "-rf", tree / "var/lib/deep"], check=True)
        (tree / "var/lib/deep").mkdir()
        (tree / "var/lib/deep" / name).write_text(name)
    (tree / "tmp").rmdir()
    (tree / "dev").mkdir()
    os.mkfifo(tree / "dev/fifo")
    os.mknod(tree / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    (tree / "first").write_text("linked")
    os.link(tree / "first", tree / "second")
    os.setxattr(tree / "first", "user.note", b"\x00\xff")
    os.chown(tree / "first", 1000, 1000)
    (tree / "first").chmod(0o4755)
    (tree / os.fsdecode(b"\xff odd\n name")).touch()
    os.utime(tree / "etc", ns=(1, 1_600_000_000_000_000_001))


def test_an_image_of_a_container_shows_what_the_container_saw(still: StillContainers) -> None:
    record = still.make("base:1", "c1", {"Cmd": ["sh", "-c", "x"], "Env": ["A=b"], "Hostname": "h"})
    before = still.engine.images.get("base:1")
    with still.tree(record) as tree:
        hard_use(tree)
        seen = facts_of(tree)
    identity = commit(still, record, "made:1")
    made = still.engine.images.get("made:1")
    assert made.id == identity
    with still.tree(still.make("made:1", "again")) as tree:
        facts = facts_of(tree)
    del facts["."], seen["."]
    assert facts == seen
    assert [layer.digest for layer in made.layers][:-1] == [layer.digest for layer in before.layers]
    assert made.document["Config"]["Cmd"] == ["sh", "-c", "x"]
    assert made.document["Config"]["Env"] == ["A=b"]
    step = still.engine.images.history("made:1")[0]
    assert (step.created_by, step.comment) == ("sh -c x", "why")
    store = still.engine.store
    document = store.content.manifest(made.summary.target)
    assert isinstance(document, Manifest)
    for known in store.content.layers(document.layers).values():
        with store.blobs.open(known.digest) as blob, LayerScanner() as scanner:
            scanner.feed(blob.read())
            found = scanner.result()
        # What was counted while it was written is what a pull would have measured.
        assert (known.diff_id, known.tar_size) == (found.diff_id, found.tar_size)
        assert known.content_size == found.content_size
    assert made.document["Author"] == "me"


def test_the_same_changes_make_the_same_layer(still: StillContainers) -> None:
    digests = []
    for name in ("one", "two"):
        record = still.make("base:1", name)
        with still.tree(record) as tree:
            hard_use(tree)
            for folder, _, files in os.walk(tree, topdown=False):
                for one in [*files, "."]:
                    os.utime(os.path.join(folder, one), (1, 1), follow_symlinks=False)
        commit(still, record, name)
        digests.append(still.engine.images.get(name).layers[-1].digest)
    assert digests[0] == digests[1]


def test_nothing_changed_is_a_step_without_a_layer(still: StillContainers) -> None:
    commit(still, still.make("base:1", "c1", {"Cmd": ["true"]}), "same:1")
    made = still.engine.images.get("same:1")
    assert len(made.layers) == 1
    step = still.engine.images.history("same:1")[0]
    assert (step.size, step.created_by) == (0, "true")


def test_ten_commits_in_a_row(still: StillContainers) -> None:
    image = "base:1"
    for number in range(10):
        record = still.make(image, f"c{number}")
        with still.tree(record) as tree:
            (tree / f"file{number}").write_text(str(number))
            if number:
                (tree / f"file{number - 1}").unlink()
        image = f"step:{number}"
        commit(still, record, image)
    assert len(still.engine.images.get(image).layers) == 11
    with still.tree(still.make(image, "last")) as tree:
        assert [one.name for one in sorted(tree.glob("file*"))] == ["file9"]


def test_an_export_is_the_tree(still: StillContainers, tmp_path: Path) -> None:
    record = still.make("base:1", "c1")
    with still.tree(record) as tree:
        hard_use(tree)
        seen = facts_of(tree)
    archives = []
    for _ in range(2):
        stream = io.BytesIO()
        export(still.views, record, stream, NEVER)
        archives.append(stream.getvalue())
    assert archives[0] == archives[1]
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(
        ["tar", "-x", "--xattrs", "--xattrs-include=*", "-p", "-C", unpacked], input=archives[0], check=True
    )
    facts = facts_of(unpacked)
    del facts["."], seen["."]
    assert facts == seen
    with tarfile.open(fileobj=io.BytesIO(archives[0])) as tar:
        assert not [name for name in tar.getnames() if "/.wh." in name]


@pytest.fixture
def copier(still: StillContainers, tmp_path: Path) -> FileCopier:
    return FileCopier(still.views, str(tmp_path), NEVER)


def test_files_come_out_and_go_in(still: StillContainers, copier: FileCopier, tmp_path: Path) -> None:
    record = still.make("base:1", "c1")
    (tmp_path / "f").write_text("from here")
    copier.into(record, "c1", "f", "/etc/motd", CopyOptions())
    copier.into(record, "c1", "f", "/sbin/f", CopyOptions())
    copier.out(record, "c1", "/bin/f", "back", CopyOptions())
    assert (tmp_path / "back").read_text() == "from here"
    copier.out(record, "c1", "etc/.", "etc", CopyOptions())
    assert sorted(os.listdir(tmp_path / "etc")) == ["motd", "passwd"]
    assert diff(still, record) == ["C /bin", "A /bin/f", "C /etc", "C /etc/motd"]


def test_archives_come_out_and_go_in(still: StillContainers, copier: FileCopier) -> None:
    record = still.make("base:1", "c1")
    stream = io.BytesIO()
    copier.read(record, "c1", "/etc", stream, CopyOptions())
    stream.seek(0)
    copier.write(record, "c1", "/tmp", stream)
    with still.tree(record) as tree:
        assert seconds(facts_of(tree / "tmp/etc")) == seconds(facts_of(tree / "etc"))
