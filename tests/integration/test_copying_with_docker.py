"""`cp` beside docker's, case by case: where things land, what is refused, what is diffed and committed."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from peers.dockerd import DockerEngine
from shale.container.changes import changes_of, shown
from shale.container.files.copying import CopyOptions, FileCopier
from shale.container.files.copyrules import parse_place
from shale.container.files.export import export
from shale.engine.engine import Engine
from shale.errors import ShaleError
from still_containers import StillContainers
from tree_facts import Fact, facts_of, facts_of_tar, seconds

CASES = [
    # Files into the container:
    ("host/f", "box:/"),
    ("host/f", "box:/tmp/new"),
    ("host/f", "box:/tmp/newdir/"),
    ("host/f", "box:/nope/new"),
    ("host/f", "box:/etc/passwd"),
    ("host/f", "box:/etc/passwd/"),
    ("host/f", "box:/etc/passwd/below"),
    ("host/f/", "box:/tmp/q"),
    ("host/f", "box:tmp/relative"),
    ("host/f", "box:/link"),
    ("host/f", "box:/link/through"),
    ("host/f", "box:/tofile"),
    ("host/f", "box:/dangling"),
    ("host/f", "box:/loop"),
    ("host/f", "box:"),
    ("host/lf", "box:/tmp/"),
    ("-L host/lf", "box:/tmp/followed"),
    ("-L host/lf", "box:/tmp/"),
    ("host/missing", "box:/tmp"),
    ("host/empty", "box:/tmp"),
    # Folders into it, from here on:
    ("host/d", "box:/etc/passwd"),
    ("host/d", "box:/tmp"),
    ("host/d/", "box:/tmp/"),
    ("host/d/.", "box:/tmp"),
    ("host/d/.", "box:/tmp/."),
    ("host/d", "box:/tmp/nd"),
    ("host/d/.", "box:/tmp/nd2"),
    ("host/d", "box:/tmp/nd3/"),
    ("host/d", "box:/tmp/no/nd"),
    ("host/ld", "box:/tmp"),
    ("host/ld/", "box:/tmp/ld2"),
    ("host/ld/.", "box:/tmp/ld4"),
    ("-L host/ld", "box:/tmp/ld3"),
    ("-L host/ld", "box:/tmp"),
    ("host/d", "box:/link"),
    ("host/d", "box:/dangling"),
    ("host/x", "box:/tmp/d"),
    ("host/sub", "box:/tmp/d"),
    # Out of it, files first and folders.
    ("box:/etc/passwd", "out/"),
    ("box:/etc/passwd", "out"),
    ("box:/etc/passwd", "out/p2"),
    ("box:/etc/passwd", "out/nd/"),
    ("box:/etc/passwd", "out/nd/x"),
    ("box:/etc/passwd/", "out/p3"),
    ("box:/etc", "out/"),
    ("box:/etc/", "out/e1"),
    ("box:/etc/.", "out/e2"),
    ("box:/etc/.", "out"),
    ("box:/etc", "out/e3/"),
    ("box:/etc", "out/file"),
    ("box:/etc/passwd", "out/file"),
    ("box:/etc/passwd", "out/link"),
    ("box:/etc", "out/linkd"),
    ("box:/etc", "out/dangling"),
    ("box:/etc/passwd", "out/dangling"),
    ("box:/tofile", "out/tf"),
    ("-L box:/tofile", "out/tf2"),
    ("-L box:/tofile", "out/"),
    ("box:/link/", "out/l1"),
    ("-L box:/link", "out/l2"),
    ("box:/link/motd", "out/m"),
    ("box:/missing", "out"),
    ("box:/etc/../etc/motd", "out/dots"),
    ("box:/etc/passwd", "/dev/null"),
    ("box:", "out"),
    ("host/f", "host/g"),
    ("box:/etc", "box:/tmp"),
]
"""Source and destination, in this order on the same container and the same folder."""

RUNTIME = {
    "dev",
    "console",
    "pts",
    "shm",
    "proc",
    "sys",
    ".dockerenv",
    "hosts",
    "hostname",
    "resolv.conf",
    "mtab",
}
"""What docker's own lowest layer of a container has."""

WRITTEN = (".", "etc", "tmp", "tmp/d", "out", "out/folder")
"""Folders whose times are those of the last copy into them."""


def fill(tree: Path) -> None:
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (tree / "etc/motd").write_text("hello\n")
    os.chown(tree / "etc/motd", 12, 34)
    os.link(tree / "etc/motd", tree / "etc/motd2")
    (tree / "tmp").mkdir(mode=0o1777)
    os.symlink("etc", tree / "link")
    os.symlink("/etc/passwd", tree / "tofile")
    os.symlink("tmp/nothing", tree / "dangling")
    os.symlink("loop", tree / "loop")
    for folder, _, files in os.walk(tree, topdown=False):
        for name in [*files, "."]:
            os.utime(os.path.join(folder, name), (1_500_000_000, 1_500_000_000), follow_symlinks=False)


def fill_here(folder: Path) -> None:
    (folder / "host/d/sub").mkdir(parents=True)
    (folder / "host/d/x").write_text("x")
    (folder / "host/d/sub/y").write_text("y")
    (folder / "host/f").write_text("f")
    (folder / "host/x").mkdir()
    (folder / "host/sub").write_text("in the way")
    os.chown(folder / "host/f", 1234, 4321)
    (folder / "host/empty").touch()
    os.symlink("d", folder / "host/ld")
    os.symlink("f", folder / "host/lf")
    (folder / "out").mkdir()
    (folder / "out/file").write_text("was here")
    (folder / "out/folder").mkdir()
    os.symlink("file", folder / "out/link")
    os.symlink("folder", folder / "out/linkd")
    os.symlink("nothing", folder / "out/dangling")
    for path in folder.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000), follow_symlinks=False)


class Shale:
    """`shale cp` by way of the library."""

    def __init__(self, still: StillContainers, folder: Path) -> None:
        self.still = still
        self.folder = folder
        self.record = still.make("base:1", "box")
        self.copier = FileCopier(still.views, str(folder), lambda: None)

    def copy(self, source: str, target: str) -> bool:
        options = CopyOptions(follow=source.startswith("-L "))
        origin, goal = parse_place(source.removeprefix("-L ")), parse_place(target)
        try:
            if origin.container and not goal.container:
                self.copier.out(self.record, "box", origin.path, goal.path, options)
            elif goal.container and not origin.container:
                self.copier.into(self.record, "box", origin.path, goal.path, options)
            else:
                return False
        except ShaleError:
            return False
        return True


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    fill(tree)
    tar = tmp_path / "base.tar"
    subprocess.run(["tar", "--sort=name", "--numeric-owner", "-C", tree, "-cf", tar, "."], check=True)
    return tar


@pytest.fixture
def still(tmp_path: Path, base: Path) -> Iterator[StillContainers]:
    with Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path)}) as engine:
        with base.open("rb") as tar:
            engine.images.import_rootfs(tar, "base:1", changes=['CMD ["sh"]'])
        yield StillContainers(engine)


def test_every_case_ends_as_with_docker(
    still: StillContainers, base: Path, dockerd: DockerEngine, tmp_path: Path
) -> None:
    dockerd("import", "--change", 'CMD ["sh"]', str(base), "base:1")
    dockerd("create", "--name", "box", "--network", "none", "base:1")
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder in (theirs, ours):
        fill_here(folder)
    shale = Shale(still, ours)
    try:
        for source, target in CASES:
            words = source.split()
            done = subprocess.run(
                ["docker", "--host", f"unix://{dockerd.socket}", "cp", *words, target],
                cwd=theirs, env=dockerd.ground.env, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert shale.copy(source, target) == (done.returncode == 0), (source, target, done.stderr)
        exported = tmp_path / "docker.tar"
        dockerd("export", "--output", str(exported), "box")
        changed = set(dockerd("diff", "box").stdout.splitlines())
    finally:
        dockerd("rm", "--force", "box")
    mine = tmp_path / "shale.tar"
    with mine.open("wb") as stream:
        export(still.views, shale.record, stream, lambda: None)
    assert _told(facts_of_tar(mine)) == _told(facts_of_tar(exported))
    assert _told(facts_of(ours)) == _told(facts_of(theirs))
    with still.views.changed(shale.record) as found:
        assert {shown(one) for one in changes_of(found)} == changed


def _told(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """What both keep: whole seconds, and of folders that were written into not even these."""
    told = {name: fact for name, fact in seconds(facts).items() if name.rpartition("/")[2] not in RUNTIME}
    return {
        name: replace(fact, mtime=0) if name in WRITTEN or fact.kind == stat.S_IFLNK else fact
        for name, fact in told.items()
    }
