"""Mounting with the real kernel. Needs root, as mounting does."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from erofs_images import small_image
from shale.errors import ShaleError
from shale.linux.fscontext import FilesystemContext
from shale.linux.loop import loop_device
from shale.linux.mount import (
    MOST_LOWERS,
    MountBusy,
    MountDenied,
    MountLimit,
    MountRefused,
    MountUnsupported,
    NoSuchPlace,
    attach,
    bind,
    clone,
    in_private_mounts,
    mount_erofs,
    mount_image,
    mount_overlay,
    mounted_at,
    unmount,
)
from shale.linux.overlaymount import Overlay, by_descriptors, by_places


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What closes descriptors at the end of a test."""
    with ExitStack() as stack:
        yield stack


def private(test: Callable[[], None]) -> None:
    """Run the part of a test that attaches mounts where nobody else sees them."""
    in_private_mounts(test)


def keep(opened: ExitStack, descriptor: int) -> int:
    opened.callback(os.close, descriptor)
    return descriptor


def folder(opened: ExitStack, path: Path, *files: str) -> int:
    path.mkdir()
    for name in files:
        (path / name).write_text(f"{path.name}/{name}")
    return keep(opened, os.open(path, os.O_RDONLY | os.O_DIRECTORY))


def image(opened: ExitStack, path: Path, name: bytes = b"file") -> int:
    path.write_bytes(small_image(name))
    return keep(opened, os.open(path, os.O_RDONLY))


def names(root: int) -> list[str]:
    handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=root)
    try:
        return sorted(os.listdir(handle))
    finally:
        os.close(handle)


def read(root: int, name: str) -> bytes:
    handle = os.open(name, os.O_RDONLY, dir_fd=root)
    try:
        return os.read(handle, 100)
    finally:
        os.close(handle)


def loops_of(path: Path) -> list[str]:
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            found.append(backing.read_text().strip())
        except OSError:
            continue
    return [one for one in found if one == str(path)]


class TestErofs:
    def test_an_image_is_mounted_from_its_descriptor_and_outlives_its_name(
        self, tmp_path: Path, opened: ExitStack
    ) -> None:
        path = tmp_path / "layer"
        file = image(opened, path)
        root = keep(opened, mount_erofs(file))
        path.unlink()
        assert names(root) == ["file"]
        assert os.stat("file", dir_fd=root).st_mode == 0o100640
        assert os.stat(".", dir_fd=root).st_mode == 0o40751
        with pytest.raises(OSError, match="Read-only file system"):
            os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=root)

    def test_what_is_no_image_is_refused(self, tmp_path: Path, opened: ExitStack) -> None:
        path = tmp_path / "layer"
        path.write_bytes(bytes(8192))
        file = keep(opened, os.open(path, os.O_RDONLY))
        with pytest.raises(MountRefused, match="mounting a layer: invalid argument") as refused:
            mount_erofs(file)
        assert refused.value.number == errno.EINVAL

    def test_a_loop_device_does_for_older_kernels_and_goes_away_by_itself(self, tmp_path: Path) -> None:
        path = tmp_path / "layer"
        with ExitStack() as stack:
            file = image(stack, path)
            device = loop_device(file)
            try:
                root = keep(stack, mount_image(f"/proc/self/fd/{device}"))
            finally:
                os.close(device)
            assert loops_of(path) == [str(path)]
            assert names(root) == ["file"]
        # The kernel lets go of it a moment later.
        deadline = time.monotonic() + 10
        while loops_of(path):
            assert time.monotonic() < deadline
            time.sleep(0.01)


class TestContext:
    def test_a_file_system_that_the_kernel_does_not_have(self) -> None:
        with pytest.raises(MountUnsupported, match=r"testing \(nonesuchfs\): no such device; .*shale info"):
            FilesystemContext("nonesuchfs", "testing")

    def test_the_kernel_says_which_option_it_does_not_know(self) -> None:
        with (
            FilesystemContext("tmpfs", "testing") as context,
            pytest.raises(MountRefused, match="Unknown parameter 'nonesuch'") as refused,
        ):
            context.string("nonesuch", "1")
        assert refused.value.kernel == ("tmpfs: Unknown parameter 'nonesuch'",)

    def test_a_user_may_not_mount(self) -> None:
        code = (
            "import os\n"
            "from shale.linux.mount import in_private_mounts\n"
            "from shale.errors import ShaleError\n"
            "os.setresuid(65534, 65534, 65534)\n"
            "try: in_private_mounts(lambda: None)\n"
            "except ShaleError as error: print(type(error).__name__, error.message)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(
            "MountDenied making a mount namespace: operation not permitted; only root"
        )


@pytest.mark.parametrize("way", [by_descriptors, by_places], ids=["descriptors", "places"])
class TestBothWaysOfAnOverlay:
    def test_directories_below_and_one_that_is_written(
        self, tmp_path: Path, opened: ExitStack, way: Callable[[Overlay], int]
    ) -> None:
        top = folder(opened, tmp_path / "top", "a", "b")
        bottom = folder(opened, tmp_path / "bottom", "b", "c")
        upper, work = folder(opened, tmp_path / "upper"), folder(opened, tmp_path / "work")
        root = keep(opened, way(Overlay([top, bottom], upper, work)))
        assert names(root) == ["a", "b", "c"]
        assert read(root, "b") == b"top/b"
        os.rename("c", "d", src_dir_fd=root, dst_dir_fd=root)
        os.unlink("a", dir_fd=root)
        assert names(root) == ["b", "d"]
        assert sorted(os.listdir(upper)) == ["a", "c", "d"]
        assert (tmp_path / "upper" / "a").stat().st_rdev == 0
        assert read(bottom, "c") == b"bottom/c"

    def test_detached_mounts_below(
        self, tmp_path: Path, opened: ExitStack, way: Callable[[Overlay], int]
    ) -> None:
        roots = [
            keep(opened, mount_erofs(image(opened, tmp_path / f"{number}", b"%d" % number)))
            for number in range(60)
        ]
        root = keep(opened, way(Overlay(roots)))
        assert names(root) == sorted(str(number) for number in range(60))
        with pytest.raises(OSError, match="Read-only file system"):
            os.unlink("5", dir_fd=root)

    def test_inode_numbers_stay_when_a_file_is_copied_up(
        self, tmp_path: Path, opened: ExitStack, way: Callable[[Overlay], int]
    ) -> None:
        lower = keep(opened, mount_erofs(image(opened, tmp_path / "layer")))
        upper, work = folder(opened, tmp_path / "upper"), folder(opened, tmp_path / "work")
        root = keep(opened, way(Overlay([lower], upper, work)))
        before = os.stat("file", dir_fd=root)
        os.chmod("file", 0o600, dir_fd=root)
        after = os.stat("file", dir_fd=root)
        assert os.listdir(upper) == ["file"]
        assert (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)
        assert before.st_dev == os.stat(".", dir_fd=root).st_dev

    def test_marks_of_users_and_volatile_writes(
        self, tmp_path: Path, opened: ExitStack, way: Callable[[Overlay], int]
    ) -> None:
        lower = folder(opened, tmp_path / "lower", "a")
        upper, work = folder(opened, tmp_path / "upper"), folder(opened, tmp_path / "work")
        root = keep(opened, way(Overlay([lower], upper, work, user=True, volatile=True)))
        os.unlink("a", dir_fd=root)
        os.mkdir("a", dir_fd=root)
        assert os.getxattr(tmp_path / "upper" / "a", "user.overlay.opaque") == b"y"
        assert "incompat" in os.listdir(tmp_path / "work" / "work")

    def test_a_refusal_names_a_reason(
        self, tmp_path: Path, opened: ExitStack, way: Callable[[Overlay], int]
    ) -> None:
        alone = folder(opened, tmp_path / "alone")
        with pytest.raises(MountRefused, match="mounting an overlay: invalid argument"):
            way(Overlay([alone]))


class TestOverlay:
    def test_more_layers_than_the_kernel_takes(self, opened: ExitStack, tmp_path: Path) -> None:
        lower = folder(opened, tmp_path / "lower")
        with pytest.raises(MountLimit, match="501 layers are more than the 500"):
            mount_overlay([lower] * (MOST_LOWERS + 1))

    def test_the_first_refusal_is_told(self, tmp_path: Path, opened: ExitStack) -> None:
        alone = folder(opened, tmp_path / "alone")
        with pytest.raises(MountRefused, match="overlay"):
            mount_overlay([alone])

    def test_one_that_is_never_synced_of_folders_of_another_namespace(
        self, tmp_path: Path, opened: ExitStack
    ) -> None:
        """The kernel refuses these after it has marked the work directory as used up."""
        lowers = [folder(opened, tmp_path / name, name) for name in ("a", "b")]
        (tmp_path / "upper").mkdir()
        (tmp_path / "work").mkdir()

        def mount() -> int:
            upper, work = (keep(opened, os.open(tmp_path / name, os.O_RDONLY)) for name in ("upper", "work"))
            return mount_overlay(lowers, upper, work, volatile=True)

        root = keep(opened, in_private_mounts(mount))
        assert names(root) == ["a", "b"]
        with pytest.raises(MountRefused):
            in_private_mounts(mount)


class TestPlaces:
    def test_attach_and_unmount(self, tmp_path: Path, opened: ExitStack) -> None:
        lowers = [folder(opened, tmp_path / name, name) for name in ("a", "b")]
        place = tmp_path / "place"
        place.mkdir()

        def test() -> None:
            root = keep(opened, mount_overlay(lowers))
            assert not mounted_at(str(place))
            attach(root, str(place))
            assert mounted_at(str(place))
            assert sorted(os.listdir(place)) == names(root) == ["a", "b"]
            with pytest.raises(MountRefused):
                attach(root, lowers[0])
            held = os.open(place / "a", os.O_RDONLY)
            with pytest.raises(MountBusy, match="stop what works there"):
                unmount(str(place))
            unmount(str(place), detach=True)
            assert os.read(held, 10) == b"a/a"
            os.close(held)
            assert not mounted_at(str(place))
            with pytest.raises(NoSuchPlace, match="nothing is mounted at"):
                unmount(str(place))
            with pytest.raises(NoSuchPlace):
                unmount(str(tmp_path / "nowhere"))
            with pytest.raises(NoSuchPlace):
                mounted_at(str(tmp_path / "nowhere"))

        private(test)
        assert os.listdir(place) == []
        assert mounted_at("/")

    def test_bind_shows_everything_below_and_can_be_read_only(self, tmp_path: Path, opened: ExitStack) -> None:
        inner = folder(opened, tmp_path / "inner", "x")
        outer = folder(opened, tmp_path / "outer", "file")
        (tmp_path / "outer" / "below").mkdir()
        place = tmp_path / "place"
        place.mkdir()
        (tmp_path / "one").touch()

        def test() -> None:
            bind(str(tmp_path / "inner"), str(tmp_path / "outer" / "below"))
            bind(str(tmp_path / "outer"), str(place), read_only=True)
            assert (place / "below" / "x").read_text() == "inner/x"
            for path in (place / "file", place / "below" / "x"):
                with pytest.raises(OSError, match="Read-only file system"):
                    path.write_text("new")
            (tmp_path / "outer" / "below" / "x").write_text("new")
            bind(str(tmp_path / "outer" / "file"), str(tmp_path / "one"))
            assert (tmp_path / "one").read_text() == "outer/file"
            copied = keep(opened, clone(str(place)))
            assert read(copied, "below/x") == b"new"

        private(test)
        assert read(inner, "x") == b"new"
        assert read(outer, "file") == b"outer/file"
        assert (tmp_path / "one").read_text() == ""

    def test_a_symbolic_link_is_not_where_something_is_mounted(self, tmp_path: Path) -> None:
        place = tmp_path / "place"
        place.mkdir()
        (tmp_path / "link").symlink_to(place)

        def test() -> None:
            bind("/proc/self/fd", str(place))
            assert mounted_at(str(place))
            assert not mounted_at(str(tmp_path / "link"))

        private(test)


class TestPrivateMounts:
    def test_only_the_work_and_its_children_see_them(self, tmp_path: Path) -> None:
        place = tmp_path / "place"
        place.mkdir()
        here, there = threading.Event(), threading.Event()

        def work() -> str:
            bind("/proc/self", str(place))
            seen = subprocess.run(["ls", str(place)], check=True, capture_output=True, text=True).stdout
            os.chdir(place)
            here.set()
            assert there.wait(10)
            return seen

        before = os.getcwd()
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(in_private_mounts(work)))
        thread.start()
        assert here.wait(10)
        assert os.listdir(place) == []
        there.set()
        thread.join()
        assert "mountinfo" in answers[0]
        assert os.getcwd() == before

    def test_errors_come_through(self) -> None:
        def fail() -> None:
            raise ValueError("from inside")

        with pytest.raises(ValueError, match="from inside"):
            in_private_mounts(fail)

    def test_kinds_are_errors_of_shale(self) -> None:
        assert issubclass(MountDenied, ShaleError)
