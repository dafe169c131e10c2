"""EROFS layers beside what GNU tar makes of the same archive; damage, kills, and stacks by the real kernel."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from layer_forms import Bench
from mounted_trees import Found, read_tree
from shale.linux.mount import mount_overlay
from shale.oci.digest import DiffID
from shale.snapshot.erofs.form import ErofsForm
from shale.snapshot.form import LayerDamaged
from tar_entries import Entry, archive, file, folder, hardlink, symlink, whiteout

ACCESS = [(1, 7, -1), (2, 4, 1000), (4, 5, -1), (16, 5, -1), (32, 5, -1)]
FORMS = ["gnu", "pax", "ustar"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    path = tmp_path / "layers"
    path.mkdir()
    with Bench(ErofsForm(), path) as found:
        yield found


def run(*argv: str | Path) -> None:
    subprocess.run([str(word) for word in argv], check=True, capture_output=True)


def access_list(*entries: tuple[int, int, int]) -> bytes:
    """A list as the kernel takes it: tag, permissions, who."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tree with everything that GNU tar can archive."""
    top = tmp_path / "source"
    (top / "usr" / "bin").mkdir(parents=True)
    (top / "usr" / "share" / ("n" * 120) / ("m" * 90)).mkdir(parents=True)
    for at in range(300):
        path = top / "usr" / "share" / f"file-{at}"
        path.write_bytes(os.urandom(at * 37 % 5000))
        os.chown(path, at, 2 * at)
        path.chmod(0o600 + at % 64)
        os.utime(path, ns=(at, 1_600_000_000_000_000_000 + at * 10**9))
    program = top / "usr" / "bin" / "su"
    program.write_bytes(os.urandom(100_000))
    program.chmod(0o4755)
    os.setxattr(program, "user.note", b"kept\0" * 20)
    os.setxattr(program, "trusted.note", b"also")
    os.setxattr(program, "security.capability", b"\1\0\0\2\0\x20\0\0" + bytes(12))
    os.link(program, top / "usr" / "bin" / "sudo")
    (top / "bin").symlink_to("usr/bin")
    (top / "long").symlink_to("t/" * 60 + "end")
    os.mkfifo(top / "pipe", 0o640)
    os.mknod(top / "null", 0o20666, os.makedev(1, 3))
    os.mknod(top / "disk", 0o60660, os.makedev(259, 70_000))
    (top / "sticky").mkdir()
    (top / "sticky").chmod(0o1777)
    (top / "caf\u00e9").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(top) + b"/\xff\xfe")).write_bytes(b"x")
    with (top / "sparse").open("wb") as sparse:
        for at in (0, 1 << 20, 10 << 20):
            sparse.seek(at)
            sparse.write(b"data" * 500)
        sparse.truncate(20 << 20)
    os.setxattr(program, "system.posix_acl_access", access_list(*ACCESS))
    os.setxattr(top / "sticky", "system.posix_acl_default", access_list((1, 7, -1), (4, 5, -1), (32, 5, -1)))
    return top


def unpacked(tar: Path, place: Path) -> dict[bytes, Found]:
    place.mkdir()
    run("tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-p", "-S", "-xf", tar, "-C", place)
    root = os.open(place, os.O_RDONLY)
    try:
        return read_tree(root)
    finally:
        os.close(root)


@pytest.mark.parametrize("form", FORMS)
def test_a_mounted_layer_is_what_gnu_tar_unpacks(bench: Bench, source: Path, tmp_path: Path, form: str) -> None:
    tar = tmp_path / "layer.tar"
    options = ["--xattrs", "--xattrs-include=*"] if form == "pax" else []
    if form == "ustar":
        run("rm", "-r", source / "long", source / "usr" / "share" / ("n" * 120))
    sparse = [] if form == "ustar" else ["-S"]
    run("tar", f"--format={form}", "--numeric-owner", *options, *sparse, "-cf", tar, "-C", source, ".")
    found = bench.tree(tar.read_bytes())
    wanted = unpacked(tar, tmp_path / "unpacked")
    assert found == wanted
    assert len(found) > 300


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
def test_sparse_files_of_every_version(bench: Bench, source: Path, tmp_path: Path, version: str) -> None:
    tar = tmp_path / "layer.tar"
    run("tar", "--format=pax", f"--sparse-version={version}", "-S", "-cf", tar, "-C", source, "sparse")
    assert tar.stat().st_size < 1 << 20
    found = bench.tree(tar.read_bytes())
    assert found[b"sparse"] == unpacked(tar, tmp_path / "unpacked")[b"sparse"]
    assert bench.build(tar.read_bytes()).size < 1 << 20


def test_the_same_tar_gives_the_same_file(bench: Bench) -> None:
    tar = archive(
        folder(b"d"), file(b"d/f", b"x" * 700), hardlink(b"d/g", b"d/f"), symlink(b"l", b"t" * 600),
        Entry(b"s", content=b"abc", sparse=[(5000, 3)], size=9000), whiteout(b"d/.wh.x"),
    )  # fmt: skip
    for at, piece in enumerate((1, 511, 512, 513, 1 << 20)):
        bench.build(tar, str(at), piece)
    contents = {(bench.path / str(at)).read_bytes() for at in range(5)}
    assert len(contents) == 1
    with ErofsForm().open_tar(bench.folder, "0") as opened:
        assert opened.read() == tar
        assert opened.seek(-1024, os.SEEK_END) == len(tar) - 1024
        assert opened.read(2000) == bytes(1024)
        assert opened.seek(512) == 512
        assert opened.read(10) == tar[512:522]


def test_damage_anywhere_is_found(bench: Bench) -> None:
    tar = archive(
        folder(b"d"), *(file(b"d/%d" % at, b"x" * at) for at in range(60)), symlink(b"l", b"t" * 600)
    )  # fmt: skip
    bench.build(tar, "it")
    path = bench.path / "it"
    good = path.read_bytes()
    diff_id = DiffID.of(tar)
    places = {0, 12, 30, 1024, 1040, 1100, 4095, len(good) - 1, *range(4096, len(good), 997)}
    for place in sorted(places):
        damaged = bytearray(good)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(LayerDamaged):
            bench.form.verify(bench.folder, "it", diff_id)
    for end in (0, 100, 4096, len(good) - 1, len(good) - 4096):
        path.write_bytes(good[:end])
        with pytest.raises(LayerDamaged, match="not finished, or has lost a part"):
            bench.form.verify(bench.folder, "it", diff_id)
        with pytest.raises(LayerDamaged, match="not finished, or has lost a part"):
            bench.form.open(bench.folder, "it")
    path.write_bytes(good)
    bench.form.verify(bench.folder, "it", diff_id)


def test_what_the_kernel_refuses_is_damaged(bench: Bench) -> None:
    bench.build(archive(file(b"f", b"x")), "it")
    with (bench.path / "it").open("r+b") as opened:
        opened.seek(1024)
        opened.write(bytes(4))
    with pytest.raises(LayerDamaged, match="cannot be mounted: mounting a layer: invalid argument"):
        bench.form.open(bench.folder, "it")


def test_a_kill_in_the_middle_leaves_no_layer(bench: Bench) -> None:
    code = (
        "import os, signal, sys\n"
        "from shale.snapshot.erofs.form import ErofsForm\n"
        "builder = ErofsForm().builder(int(sys.argv[1]), 'it')\n"
        "tar = sys.stdin.buffer.read()\n"
        "builder.feed(tar)\n"
        "write = os.pwrite\n"
        "def dying(file, content, offset):\n"
        "    if offset == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return write(file, content, offset)\n"
        "os.pwrite = dying\n"
        "builder.finish()\n"
    )
    tar = archive(file(b"f", b"x" * 3_000_000))
    done = subprocess.run(
        [sys.executable, "-c", code, str(bench.folder)], input=tar, pass_fds=[bench.folder], check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert (bench.path / "it").stat().st_size > 3_000_000
    with pytest.raises(LayerDamaged, match="not finished"):
        bench.form.open(bench.folder, "it")
    bench.form.remove(bench.folder, "it")
    bench.build(tar, "it")


def test_a_stack_of_layers(bench: Bench) -> None:
    layers = [
        archive(folder(b"d"), file(b"d/a", b"1"), file(b"d/b", b"2"), folder(b"o"), file(b"o/x"), file(b"t")),
        archive(folder(b"d"), file(b"d/c", b"3"), whiteout(b"d/.wh.a"), folder(b"o"), file(b"o/y"),
                whiteout(b"o/.wh..wh..opq"), file(b"t"), folder(b"t"), Entry(b"n", b"3", device=(1, 3))),
        archive(folder(b"d"), file(b"d/b", b"new")),
    ]  # fmt: skip
    for at, tar in enumerate(layers):
        assert not bench.build(tar, str(at)).loose
    lowers = [bench.form.open(bench.folder, str(at)) for at in (2, 1, 0)]
    root = mount_overlay(lowers)
    for lower in lowers:
        os.close(lower)
    tree = read_tree(root)
    os.close(root)
    assert set(tree) == {b"", b"d", b"d/b", b"d/c", b"o", b"o/y", b"t", b"n"}
    assert tree[b"d/b"].size == 3


@pytest.mark.parametrize("piece", [512, 700, 1 << 20])
@pytest.mark.parametrize("behind", [b"\0", b"G"])
def test_bytes_of_the_tar_do_not_show_behind_the_end_of_a_file(bench: Bench, behind: bytes, piece: int) -> None:
    tar = bytearray(
        archive(file(b"f", b"x" * 100), file(b"g", b"y" * 4000), hardlink(b"h", b"g"), file(b"i", b"z"))
    )
    tar[612:1024] = behind * 412
    tar[1536 + 4095 : 1536 + 4096] = behind
    bench.build(bytes(tar), "it", piece)
    bench.form.verify(bench.folder, "it", DiffID.of(bytes(tar)))
    code = (
        "import ctypes, os, sys\n"
        "library = ctypes.CDLL(None)\n"
        "library.mmap.restype = ctypes.c_void_p\n"
        "file = os.open(sys.argv[2], os.O_RDONLY, dir_fd=int(sys.argv[1]))\n"
        "place = library.mmap(None, ctypes.c_size_t(4096), 1, 2, file, ctypes.c_long(0))\n"
        "sys.stdout.buffer.write(ctypes.string_at(place, 4096))\n"
    )
    with bench.mounted("it") as root:
        for name, content in ((b"f", b"x" * 100), (b"g", b"y" * 4000), (b"h", b"y" * 4000)):
            done = subprocess.run(
                [sys.executable, "-c", code, str(root), name], pass_fds=[root], check=True, capture_output=True
            )
            assert done.stdout == content.ljust(4096, b"\0")
        assert os.stat("h", dir_fd=root).st_nlink == 2
