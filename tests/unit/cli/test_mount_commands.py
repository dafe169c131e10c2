"""image mount, umount and unpack, as root on a kernel that mounts layers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Shale
from image_factory import add_image, build_image
from shale.engine.engine import Engine
from shale.linux.mount import unmount
from shale.oci.digest import Digest

IMAGE = build_image(
    layers=({"etc/hello": b"hello\n", "etc/gone": b"x"}, {"etc/.wh.gone": b"", "etc/added": b"+"})
)
ALONE = build_image(layers=({"etc/.wh.gone": b"", "etc/alone": b"1"},))


@pytest.fixture
def mounting(shale: Shale) -> Iterator[Shale]:
    add_image(shale.root, IMAGE, "docker.io/library/app:v1")
    add_image(shale.root, ALONE, "docker.io/library/alone:v1")
    yield shale
    for place in (shale.root / "mounts").glob("*"):
        if place.is_mount():
            unmount(str(place), detach=True)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_mounted_image_shows_its_tree_and_takes_no_writes(mounting: Shale) -> None:
    place = Path(mounting.ok("image", "mount", "app:v1").rstrip("\n"))
    assert place.parent == mounting.root / "mounts"
    assert names(place) == ["etc", "etc/added", "etc/hello"]
    assert (place / "etc/hello").read_bytes() == b"hello\n"
    with pytest.raises(OSError, match="Read-only"):
        (place / "etc/new").touch()


def test_a_single_layer_shows_no_whiteouts(mounting: Shale) -> None:
    place = Path(mounting.ok("image", "mount", "alone:v1").rstrip("\n"))
    assert names(place) == ["etc", "etc/alone"]


def test_mounts_are_listed_and_the_same_for_all(mounting: Shale) -> None:
    assert mounting.ok("image", "mount") == "IMAGE     IMAGE ID   MOUNT POINT\n"
    place = mounting.ok("image", "mount", "app:v1").rstrip("\n")
    assert mounting.ok("image", "mount", Digest.of(IMAGE.config).short) == f"{place}\n"
    other = mounting.ok("image", "mount", "alone:v1").rstrip("\n")
    listed = mounting.ok("image", "mount").splitlines()
    assert [line.split() for line in listed[1:]] == [
        ["app:v1", Digest.of(IMAGE.config).short, place],
        ["alone:v1", Digest.of(ALONE.config).short, other],
    ]
    assert mounting.ok("image", "mount", "--format", "{{.Path}}") == f"{place}\n{other}\n"
    assert mounting.ok("image", "mount", "app:v1", "alone:v1") == f"app:v1 {place}\nalone:v1 {other}\n"


def test_what_is_mounted_is_kept_until_it_is_unmounted(mounting: Shale) -> None:
    place = mounting.ok("image", "mount", "app:v1").rstrip("\n")
    assert f"image is mounted at {place}" in mounting.fails("rmi", "app:v1")
    mounting.ok("image", "prune", "-a", "-f")
    assert mounting.ok("images", "--format", "{{.Repository}}") == "app\n"
    assert Path(place, "etc/hello").exists()
    assert mounting.ok("image", "umount", "app:v1") == f"{place}\n"
    assert not Path(place).exists()
    assert "Deleted: " in mounting.ok("rmi", "app:v1")
    assert os.listdir(mounting.root / "layers") == []


def test_unmounting_names_what_is_not_mounted_and_what_is_in_use(mounting: Shale) -> None:
    assert "is not mounted" in mounting.fails("image", "umount", "app:v1")
    place = Path(mounting.ok("image", "mount", "app:v1").rstrip("\n"))
    with (place / "etc/hello").open():
        assert "busy" in mounting.fails("image", "umount", "app:v1")
        assert (place / "etc/hello").exists()
        mounting.ok("image", "umount", "--force", str(place))
    assert mounting.ok("image", "mount").count("\n") == 1


def test_all_are_unmounted(mounting: Shale) -> None:
    for name in ("app:v1", "alone:v1"):
        mounting.ok("image", "mount", name)
    assert mounting.ok("image", "umount", "--all").count("\n") == 2
    assert os.listdir(mounting.root / "mounts") == []
    assert mounting.ok("image", "umount", "--all") == ""
    assert mounting("image", "umount").code == 1
    assert mounting("image", "umount", "--all", "app:v1").code == 1


def test_what_was_unmounted_by_hand_is_forgotten(mounting: Shale) -> None:
    place = mounting.ok("image", "mount", "app:v1").rstrip("\n")
    unmount(place)
    assert mounting.ok("image", "mount").count("\n") == 1
    assert mounting.ok("image", "mount", "app:v1") == f"{place}\n"
    unmount(place)
    mounting.ok("image", "umount", "app:v1")
    assert "is not mounted" in mounting.fails("image", "umount", "app:v1")


def test_mounts_of_an_earlier_boot_are_forgotten(mounting: Shale) -> None:
    place = mounting.ok("image", "mount", "app:v1").rstrip("\n")
    unmount(place)
    with Engine.open(mounting.root) as engine, engine.store.database.write() as tx:
        tx.run("UPDATE mounts SET boot = 'earlier'")
    assert mounting.ok("image", "mount").count("\n") == 1
    assert "Deleted: " in mounting.ok("rmi", "app:v1")
    mounting.ok("image", "mount", "alone:v1")
    assert not Path(place).exists()


def test_the_library_mounts_for_a_while(mounting: Shale) -> None:
    with Engine.open(mounting.root) as engine:
        with engine.images.mount("app:v1") as one, engine.images.mount("app:v1") as two:
            assert one != two
            assert names(one) == names(two) == ["etc", "etc/added", "etc/hello"]
            assert [mount.place for mount in engine.images.mounts()] == [one, two]
        assert engine.images.mounts() == []
        assert os.listdir(mounting.root / "mounts") == []


def test_unpacked_trees(mounting: Shale, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    for name in ("new", "empty"):
        assert mounting.ok("image", "unpack", "app:v1", str(tmp_path / name)) == f"{tmp_path / name}\n"
        assert names(tmp_path / name) == ["etc", "etc/added", "etc/hello"]
    assert "is not empty" in mounting.fails("image", "unpack", "app:v1", str(tmp_path / "full"))
    assert "is no folder" in mounting.fails("image", "unpack", "app:v1", str(tmp_path / "full/file"))
    assert "make it first" in mounting.fails("image", "unpack", "app:v1", str(tmp_path / "no/such"))
    assert "no such image" in mounting.fails("image", "unpack", "none:v1", str(tmp_path / "other"))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_what_a_killed_unpacking_left_is_no_obstacle(mounting: Shale, tmp_path: Path) -> None:
    (tmp_path / ".new.unpacking/half/done").mkdir(parents=True)
    mounting.ok("image", "unpack", "app:v1", str(tmp_path / "new"))
    assert names(tmp_path / "new") == ["etc", "etc/added", "etc/hello"]
    assert not (tmp_path / ".new.unpacking").exists()


def test_what_another_user_put_in_the_way_is_not_filled(mounting: Shale, tmp_path: Path) -> None:
    """In a folder where everybody may write: its owner could put files into the tree."""
    (tmp_path / ".new.unpacking").mkdir()
    (tmp_path / ".new.unpacking/theirs").touch()
    os.chown(tmp_path / ".new.unpacking", 12345, 12345)
    refused = mounting.fails("image", "unpack", "app:v1", str(tmp_path / "new"))
    assert f"{tmp_path}/.new.unpacking is in the way, and another user's" in refused
    assert names(tmp_path / ".new.unpacking") == ["theirs"]
    assert not (tmp_path / "new").exists()


def test_info_tells_the_form(mounting: Shale) -> None:
    assert " Layer Form: erofs (erofs works here)\n" in mounting.ok("info")


def test_check_reads_mountable_layers_and_heals_them(mounting: Shale) -> None:
    mounting.ok("image", "mount", "app:v1")
    mounting.ok("image", "umount", "app:v1")
    assert "and 2 mountable layers: 0 damaged, 0 left over" in mounting.ok("store", "check")
    layer = next((mounting.root / "layers").iterdir())
    with layer.open("r+b") as file:
        file.seek(4096 + 600)
        file.write(b"\xff")
    assert "a mountable layer is not what its layer says" in mounting("store", "check").out
    mounting.ok("store", "check", "--quick")
    assert "is made again when it is used" in mounting.ok("store", "check", "--repair")
    place = Path(mounting.ok("image", "mount", "app:v1").rstrip("\n"))
    assert (place / "etc/hello").read_bytes() == b"hello\n"
    assert "and 2 mountable layers: 0 damaged, 0 left over" in mounting.ok("store", "check")
