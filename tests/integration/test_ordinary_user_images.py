"""An ordinary user, who may not mount: what they are told, and what they can do instead."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import stat
import sys
import tarfile
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.hands import build
from faults.image_work import archived
from faults.layer_work import tree
from image_factory import build_image
from ordinary_user import ordinary_user
from shale.engine import archives
from shale.engine.engine import Engine
from shale.engine.snapshotting import NothingMountable
from shale.engine.upkeep import check_store
from shale.image import mounts, unpack
from shale.linux.syscall import library
from shale.snapshot import corrections, snapshots
from shale.snapshot.probe import probe
from shale.snapshot.tree import TreeForm
from store_images import Image

NOBODY = 65534
_SET_DUMPABLE = 4
_NEW_USER = 0x10000000
_NEW_MOUNTS = 0x00020000
LAZY = (TreeForm, archives, corrections, mounts, probe, snapshots, unpack, codecs.lookup("ascii"))
"""Imported here already: the user of the test may not be able to read where shale lies."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that an ordinary user owns and can reach."""
    folder = Path(tempfile.mkdtemp(prefix="shale-user-"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def as_nobody(work: Callable[[], None]) -> None:
    """Do something as another user, in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            library("prctl", _SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self stays root's
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - told to the parent
            os.write(write, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as said:
        problem = said.read()
    assert os.waitpid(child, 0)[1] == 0, problem


def in_namespace(work: Callable[[], None]) -> Callable[[], None]:
    """The work as root of a user namespace with one user, where mounts are one's own."""

    def inside() -> None:
        user, group = os.getuid(), os.getgid()
        library("unshare", _NEW_USER | _NEW_MOUNTS)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        work()

    return inside


def owned_image() -> Image:
    """A layer with owners and a device node."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, mode in (("dev", tarfile.DIRTYPE, 0o755), ("dev/null", tarfile.CHRTYPE, 0o666)):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.devmajor, member.devminor = kind, mode, 1, 3
            tar.addfile(member)
        member = tarfile.TarInfo("secret")
        member.size, member.mode, member.uid, member.gid = 2, 0o4700, 12, 34
        tar.addfile(member, io.BytesIO(b"me"))
    return build([out.getvalue()], [out.getvalue()])


def test_pulls_of_users_leave_blobs_alone_and_trees_are_theirs(home: Path) -> None:
    image = owned_image()
    archive = home / "image.tar"
    archive.write_bytes(archived(image))
    archive.chmod(0o644)

    def work() -> None:
        with Engine.open(home / "root", environ={"HOME": str(home)}) as engine:
            (loaded,) = engine.images.load(archive)
            assert os.listdir(home / "root/layers") == []
            with pytest.raises(NothingMountable, match="shale unshare makes; shale image unpack"):
                engine.images.mount_for_all(str(loaded.target))
            done = engine.images.unpack(str(loaded.target), home / "tree")
            assert any("dev/null" in note for note in done.notes), done.notes
            assert engine.parts.snapshotting.verdict().name == "copying"

    as_nobody(work)
    found = os.stat(home / "tree/secret")
    assert (found.st_uid, found.st_gid) == (NOBODY, NOBODY)
    assert stat.S_IMODE(found.st_mode) & 0o700 == 0o700
    assert not (home / "tree/dev/null").exists()


def test_root_keeps_owners_and_devices(tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(archived(owned_image()))
    with Engine.open(tmp_path / "root", environ={"HOME": str(tmp_path)}) as engine:
        (loaded,) = engine.images.load(archive)
        assert len(os.listdir(tmp_path / "root/layers")) == 1
        engine.images.unpack(str(loaded.target), tmp_path / "tree")
        with engine.images.mount(str(loaded.target)) as mounted:
            for tree in (tmp_path / "tree", mounted):
                found = os.stat(tree / "secret")
                assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12, 34, 0o4700)
                assert os.stat(tree / "dev/null").st_rdev == os.makedev(1, 3)


def test_in_a_user_namespace_layers_are_trees(home: Path) -> None:
    """Made, mounted and checked there; removed outside of it, where they are the user's own files."""
    images = build_image(
        layers=({"etc/kept": b"kept", "etc/gone": b"x"}, {"etc/.wh.gone": b"", "usr/added": b"added"})
    )
    archive = home / "image.tar"
    archive.write_bytes(archived(images))
    archive.chmod(0o644)

    def inside() -> None:
        with Engine.open(home / "root", environ={"HOME": str(home)}) as engine:
            assert engine.parts.snapshotting.verdict().name == "tree-one"
            (loaded,) = engine.images.load(archive)
            assert {name.rpartition(".")[2] for name in os.listdir(home / "root/layers")} == {"tree-one"}
            place = engine.images.mount_for_all(str(loaded.target))
            assert tree(place) == {"etc/kept": b"kept", "usr/added": b"added"}
            assert [mounted.place for mounted in engine.images.mounts()] == [place]
            engine.images.umount(place)
            report = check_store(engine.settings, read_data=True, progress=lambda _: None)
            assert (report.damage, report.leftovers, report.layers) == ((), (), 2)

    def outside() -> None:
        with Engine.open(home / "root", environ={"HOME": str(home)}) as engine:
            assert engine.images.mounts() == []
            engine.images.prune(all_images=True)
            assert os.listdir(home / "root/layers") == []

    as_nobody(in_namespace(inside))
    as_nobody(outside)


def test_the_commands_of_a_user_with_many_users(tmp_path: Path) -> None:
    """Pulled (here: loaded), mounted in a namespace that lasts, unpacked, run as a bundle, removed."""
    with ordinary_user() as user:
        archive = user.home / "image.tar"
        archive.write_bytes(archived(owned_image()))
        archive.chmod(0o644)
        said = user.shale("load", "--input", str(archive))
        assert said.returncode == 0, said.stderr
        key = said.stdout.decode().split()[-1]
        refused = user.shale("image", "mount", key)
        assert refused.returncode == 1
        assert b"which shale unshare makes" in refused.stderr
        shale = f"{sys.executable} -m shale image"
        look = f"cd $({shale} mount {key}) && stat -c '%u %g %n' * && cd / && {shale} umount {key}"
        seen = user.shale("unshare", "sh", "-c", look)
        assert seen.returncode == 0, seen.stderr
        assert seen.stdout.decode().splitlines()[:2] == ["0 0 dev", "12 34 secret"]
        assert user.shale("image", "mount").stdout.count(b"\n") == 1
        unpacked = user.shale("image", "unpack", "--bundle", key, str(user.home / "bundle"))
        assert unpacked.returncode == 0, unpacked.stderr
        assert os.stat(user.home / "bundle/rootfs/secret").st_uid == NOBODY
        with_owners = f"{shale} unpack {key} tree"
        assert user.shale("unshare", "sh", "-c", with_owners).returncode == 0
        assert os.stat(user.home / "tree/secret").st_uid == 300_000 + 12 - 1
        removed = user.shale("image", "prune", "--all", "--force")
        assert removed.returncode == 0, removed.stderr
        assert os.listdir(user.home / ".local/share/shale/layers") == []
