"""What every form of mountable layers does: the port of snapshot/form."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from layer_forms import Bench
from mounted_trees import read_tree
from shale.errors import Invalid, NotFound
from shale.layer.field import InvalidTar, TruncatedTar
from shale.layer.limits import LayerTooLarge
from shale.oci.digest import DiffID
from shale.snapshot.erofs.form import ErofsForm
from shale.snapshot.form import LayerDamaged, LayerForm
from shale.snapshot.tree import TreeForm
from tar_entries import Entry, archive, file, folder, hardlink, symlink, whiteout

FORMS: list[LayerForm] = [ErofsForm(), TreeForm()]
SECOND = 10**9
WHITEOUT = (stat.S_IFCHR, 0)
OPAQUE = (b"trusted.overlay.opaque", b"y")
ORIGIN = (b"trusted.overlay.origin", b"")


@pytest.fixture(params=FORMS, ids=lambda form: str(form.name))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    # In memory, because other file systems have less room for attributes, and for times far away.
    memory = TemporaryDirectory(prefix="shale-forms-", dir="/dev/shm")
    with memory as folder, Bench(request.param, Path(folder)) as found:
        yield found


def names(bench: Bench, *entries: Entry) -> set[bytes]:
    return set(bench.tree(archive(*entries))) - {b""}


class TestFiles:
    def test_every_kind_with_all_that_an_entry_says(self, bench: Bench) -> None:
        capability = b"\1\0\0\2\0\x20\0\0" + bytes(12)
        access = b"\2\0\0\0" + b"".join(
            tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + who.to_bytes(4, "little")
            for tag, bits, who in [(1, 6, -1 & 0xFFFFFFFF), (2, 4, 1000), (4, 4, -1 & 0xFFFFFFFF),
                                   (16, 4, -1 & 0xFFFFFFFF), (32, 4, -1 & 0xFFFFFFFF)]
        )  # fmt: skip
        tree = bench.tree(
            archive(
                folder(b"./", 0o751, uid=7, gid=8),
                folder(b"bin", 0o2775),
                Entry(b"bin/su", content=b"x" * 1000, mode=0o4755, mtime=1_700_000_000 * SECOND + 123_456_789,
                      xattrs={b"security.capability": capability, b"user.note": b"", b"trusted.t": b"v\0v"}),
                Entry(b"bin/acl", mode=0o644, uid=100_000, gid=4_294_967_294,
                      xattrs={b"system.posix_acl_access": access}),
                Entry(b"old", mtime=-1_500_000_000),
                Entry(b"future", mtime=2**40 * SECOND),
                Entry(b"null", b"3", device=(1, 3), mode=0o666),
                Entry(b"disk", b"4", device=(4095, 1_048_575), mode=0o660),
                Entry(b"pipe", b"6", mode=0o600),
                Entry(b"contiguous", b"7", content=b"c"),
                symlink(b"short", b"bin/su"),
                symlink(b"long", b"x" * 4095),
                hardlink(b"bin/again", b"bin/su"),
                hardlink(b"short-too", b"short"),
                file(b"empty"),
            )
        )  # fmt: skip
        assert (tree[b""].mode, tree[b""].uid, tree[b""].gid) == (0o751, 7, 8)
        assert (tree[b"bin"].kind, tree[b"bin"].mode) == (stat.S_IFDIR, 0o2775)
        su = tree[b"bin/su"]
        assert (su.mode, su.size, su.mtime) == (0o4755, 1000, 1_700_000_000_123_456_789)
        assert dict(su.xattrs) == {
            b"security.capability": capability, b"user.note": b"", b"trusted.t": b"v\0v"
        }  # fmt: skip
        assert su.names == (b"bin/again", b"bin/su")
        assert (su.links, tree[b"bin/again"]) == (2, su)
        assert dict(tree[b"bin/acl"].xattrs) == {b"system.posix_acl_access": access}
        assert (tree[b"bin/acl"].uid, tree[b"bin/acl"].gid) == (100_000, 4_294_967_294)
        assert tree[b"old"].mtime == -1_500_000_000
        assert tree[b"future"].mtime == 2**40 * SECOND
        assert (tree[b"null"].kind, tree[b"null"].device) == (stat.S_IFCHR, os.makedev(1, 3))
        assert (tree[b"disk"].kind, tree[b"disk"].device) == (stat.S_IFBLK, os.makedev(4095, 1_048_575))
        assert (tree[b"pipe"].kind, tree[b"pipe"].mode) == (stat.S_IFIFO, 0o600)
        assert tree[b"contiguous"].size == 1
        assert (tree[b"short"].content, tree[b"long"].content) == (b"bin/su", b"x" * 4095)
        assert tree[b"short"].names == (b"short", b"short-too")
        assert tree[b"empty"].size == 0

    @pytest.mark.parametrize("length", [1, 300, 447, 448, 449, 511, 512, 513, 4094, 4095])
    def test_targets_of_links_of_every_length(self, bench: Bench, length: int) -> None:
        target = bytes(97 + at % 26 for at in range(length))
        tree = bench.tree(archive(*(symlink(b"%d" % at, target) for at in range(9))))
        assert {found.content for path, found in tree.items() if path} == {target}

    @pytest.mark.parametrize("size", [1, 511, 512, 513, 4095, 4096, 4097, 1_000_000])
    def test_bytes_of_files_of_every_length(self, bench: Bench, size: int) -> None:
        content = os.urandom(size)
        bench.build(archive(file(b"before", b"b"), file(b"it", content), file(b"after", b"a" * 600)))
        with bench.mounted(bench.last) as root:
            handle = os.open("it", os.O_RDONLY, dir_fd=root)
            with open(handle, "rb") as opened:
                assert opened.read() == content

    def test_names_of_any_bytes(self, bench: Bench) -> None:
        wanted = {
            b"\xff\xfe",
            b"new\nline",
            b"\x1b[31m",
            b"-",
            b"!",
            b"...",
            b" ",
            b"\x01",
            b"n" * 255,
            b"a:b,c\\d",
        }
        assert names(bench, *map(file, wanted)) == wanted

    def test_a_folder_of_very_many(self, bench: Bench) -> None:
        wanted = {b"d/%d-%s" % (at, b"n" * (at % 200)) for at in range(20_000)}
        assert names(bench, folder(b"d"), *map(file, wanted)) == wanted | {b"d"}
        with bench.mounted(bench.last) as root:
            for name in sorted(wanted)[::97]:
                assert os.stat(name, dir_fd=root).st_size == 0
            with pytest.raises(FileNotFoundError):
                os.stat(b"d/20000", dir_fd=root)

    @pytest.mark.parametrize("count", range(1, 40))
    def test_folders_of_every_small_size(self, bench: Bench, count: int) -> None:
        wanted = {b"d%d/%s" % (at, b"x" * (at + 1)) for at in range(count)} | {
            b"%d" % at for at in range(count)
        }
        folders = {b"d%d" % at for at in range(count)}
        assert names(bench, *map(folder, folders), *map(file, wanted)) == wanted | folders

    def test_attributes_up_to_what_linux_takes(self, bench: Bench) -> None:
        xattrs = {b"trusted." + b"n" * at: bytes([at]) * at * 40 for at in range(1, 60)}
        tree = bench.tree(archive(Entry(b"f", content=b"x", xattrs=xattrs), file(b"g", b"y")))
        assert dict(tree[b"f"].xattrs) == xattrs
        assert tree[b"g"].xattrs == ()

    def test_deep_folders(self, bench: Bench) -> None:
        deep = b"/".join([b"d"] * 300)
        built = bench.build(archive(file(deep + b"/f", b"x")))
        assert built.loose
        with bench.mounted(bench.last) as root:
            handle = os.dup(root)
            for _ in range(300):
                deeper = os.open("d", os.O_PATH, dir_fd=handle)
                os.close(handle)
                handle = deeper
            assert os.stat("f", dir_fd=handle).st_size == 1
            os.close(handle)


class TestSparseFiles:
    @pytest.mark.parametrize(
        ("extents", "size"),
        [
            ([], 1_000_000),
            ([(0, 5)], 5),
            ([(0, 0)], 0),
            ([(3, 5)], 100),
            ([(0, 512), (1024, 512)], 2000),
            ([(511, 2), (513, 1), (4096, 10), (900_000, 5000)], 1_000_000),
            ([(at * 70_000, 100) for at in range(50)], 4_000_000),
        ],
    )
    def test_holes_are_zeros(self, bench: Bench, extents: list[tuple[int, int]], size: int) -> None:
        content = bytearray(size)
        stored = b""
        for offset, length in extents:
            piece = os.urandom(length)
            content[offset : offset + length] = piece
            stored += piece
        bench.build(
            archive(
                file(b"first", b"x"),
                Entry(b"s", content=stored, sparse=extents, size=size, xattrs={b"user.a": b"b" * 7}),
                hardlink(b"again", b"s"),
                file(b"last", b"y"),
            )
        )
        with bench.mounted(bench.last) as root:
            with open(os.open("s", os.O_RDONLY, dir_fd=root), "rb") as opened:
                assert opened.read() == content
            found = os.stat("again", dir_fd=root)
            assert (found.st_size, found.st_nlink) == (size, 2)

    def test_a_hole_of_terabytes_takes_no_room(self, bench: Bench) -> None:
        entry = Entry(b"s", content=b"end", sparse=[(2**43 - 3, 3)], size=2**43)
        built = bench.build(archive(entry))
        assert built.size < 100 << 20
        with bench.mounted(bench.last) as root:
            handle = os.open("s", os.O_RDONLY, dir_fd=root)
            assert os.pread(handle, 10, 2**43 - 5) == b"\0\0end"
            assert os.pread(handle, 10, 2**42) == bytes(10)
            os.close(handle)


class TestEntriesOfOneLayer:
    def test_the_last_of_a_name_counts(self, bench: Bench) -> None:
        tree = bench.tree(
            archive(
                folder(b"d", 0o700), file(b"d/in", b"1"), file(b"f", b"first"), file(b"f", b"second!"),
                folder(b"d", 0o711), symlink(b"f2", b"x"), file(b"f2", b"y"),
                folder(b"gone"), file(b"gone/in"), file(b"gone", b"now a file"),
            )
        )  # fmt: skip
        assert set(tree) == {b"", b"d", b"d/in", b"f", b"f2", b"gone"}
        assert (tree[b"f"].size, tree[b"d"].mode) == (7, 0o711)
        assert (tree[b"f2"].kind, tree[b"gone"].kind) == (stat.S_IFREG, stat.S_IFREG)
        assert tree[b"d"].xattrs == ()

    def test_a_folder_that_takes_the_place_of_something_else_hides_what_is_below(self, bench: Bench) -> None:
        tree = bench.tree(archive(file(b"f", b"x"), folder(b"f"), file(b"g"), file(b"g/in"), whiteout(b".wh.h"),
                                  folder(b"h"), whiteout(b".wh.i"), file(b"i/in/deeper")))  # fmt: skip
        for path in (b"f", b"g", b"h", b"i"):
            assert (tree[path].kind, tree[path].xattrs) == (stat.S_IFDIR, (OPAQUE,))
        assert b"g/in" in tree
        assert tree[b"i/in"].xattrs == ()

    def test_whiteouts(self, bench: Bench) -> None:
        tree = bench.tree(
            archive(
                folder(b"d"), whiteout(b"d/.wh.f"), whiteout(b"d/.wh.f"), whiteout(b".wh.back"),
                file(b"back", b"x"), folder(b".wh.typed"), symlink(b".wh.link", b"/etc"),
                Entry(b"zero", b"3", mode=0o600),
            )
        )  # fmt: skip
        gone = {path for path, found in tree.items() if (found.kind, found.device) == WHITEOUT}
        assert gone == {b"d/f", b"typed", b"link", b"zero"}
        assert tree[b"back"].size == 1
        # Overlay looks for whiteouts only in folders that have this, where a single layer has the folder.
        assert tree[b"d"].xattrs == (ORIGIN,)

    def test_whiteouts_leave_what_their_own_layer_has(self, bench: Bench) -> None:
        tree = bench.tree(
            archive(
                file(b"f", b"x"), whiteout(b".wh.f"), folder(b"d"), file(b"d/in"), whiteout(b".wh.d"),
                Entry(b"d", b"3"), Entry(b"f", b"3"), whiteout(b"f/.wh.below"), whiteout(b"f/.wh..wh..opq"),
            )
        )  # fmt: skip
        assert set(tree) == {b"", b"f", b"d", b"d/in"}
        assert (tree[b"f"].kind, tree[b"f"].size) == (stat.S_IFREG, 1)
        assert tree[b"d"].xattrs == (OPAQUE,)

    def test_opaque_folders_keep_what_the_layer_itself_has(self, bench: Bench) -> None:
        tree = bench.tree(
            archive(
                folder(b"d"), file(b"d/before"), whiteout(b"d/.wh..wh..opq"), file(b"d/after"),
                whiteout(b"d/.wh..wh..opq"), folder(b"e/.wh..wh..opq"),
            )
        )  # fmt: skip
        assert set(tree) == {b"", b"d", b"d/before", b"d/after", b"e"}
        assert tree[b"d"].xattrs == tree[b"e"].xattrs == (OPAQUE,)

    def test_marks_of_aufs_mean_nothing(self, bench: Bench) -> None:
        built = bench.build(archive(folder(b".wh..wh.plnk"), file(b".wh..wh.plnk/1.2"), file(b".wh..wh.aufs")))
        assert not built.loose
        assert bench.tree(archive(folder(b".wh..wh.plnk"), file(b".wh..wh.plnk/1.2"))).keys() == {b""}

    def test_implied_folders(self, bench: Bench) -> None:
        tree = bench.tree(archive(Entry(b"a/b/f", mtime=5 * SECOND, uid=9)))
        for path in (b"a", b"a/b"):
            found = tree[path]
            assert (found.mode, found.uid, found.gid, found.mtime) == (0o755, 0, 0, 0)

    def test_links_of_the_layer_are_followed_inside_it(self, bench: Bench) -> None:
        found = names(
            bench,
            folder(b"usr"), folder(b"usr/lib"), symlink(b"lib", b"usr/lib"), file(b"lib/a"),
            symlink(b"up", b"../../../usr/../../usr"), file(b"up/b"),
            symlink(b"abs", b"/usr/lib"), file(b"abs/c"), symlink(b"usr/deep", b"lib"), file(b"up/deep/d"),
            hardlink(b"abs/e", b"abs/a"), symlink(b"nowhere", b"/made/here"), file(b"nowhere/f"),
            whiteout(b"lib/.wh.g"),
        )  # fmt: skip
        links = {b"lib", b"up", b"abs", b"usr/deep", b"nowhere"}
        below = {b"usr/lib/" + name for name in (b"a", b"c", b"d", b"e", b"g")}
        assert found - links - below == {b"usr", b"usr/lib", b"usr/b", b"made", b"made/here", b"made/here/f"}
        assert links | below <= found

    def test_a_link_replaced_is_not_followed_any_more(self, bench: Bench) -> None:
        found = names(bench, folder(b"t"), symlink(b"l", b"t"), file(b"l/1"), folder(b"l"), file(b"l/2"))
        assert found == {b"t", b"t/1", b"l", b"l/2"}

    def test_names_are_cut_by_text_alone(self, bench: Bench) -> None:
        assert names(bench, folder(b"/a//./b/../c/"), file(b"./a/c/f"), file(b"/a/c/g")) == {
            b"a", b"a/c", b"a/c/f", b"a/c/g"
        }  # fmt: skip

    def test_orders_to_overlay_are_left_out(self, bench: Bench) -> None:
        orders = {
            b"trusted.overlay.redirect": b"/etc",
            b"user.overlay.opaque": b"y",
            b"trusted.overlay.opaque": b"y",
        }
        tree = bench.tree(
            archive(Entry(b"d", b"5", xattrs={**orders, b"user.kept": b"1"}), Entry(b"f", xattrs=orders))
        )
        assert tree[b"d"].xattrs == ((b"user.kept", b"1"),)
        assert tree[b"f"].xattrs == ()

    def test_attributes_that_linux_does_not_have_are_noted(self, bench: Bench) -> None:
        built = bench.build(
            archive(
                Entry(b"f", xattrs={b"com.apple.quarantine": b"x", b"system.posix_acl_access": b"broken"}),
                Entry(b"l", b"2", link=b"x", xattrs={b"user.a": b"b"}),
            )
        )
        attributes = ("com.apple.quarantine", "system.posix_acl_access", "user.a")
        assert [next(name for name in attributes if name in note) for note in built.notes] == [
            *attributes,
        ]
        with bench.mounted(bench.last) as root:
            assert os.stat("f", dir_fd=root).st_size == 0


class TestLoose:
    @pytest.mark.parametrize(
        ("loose", "entries"),
        [
            (False, []),
            (False, [file(b"f")]),
            (False, [folder(b"."), folder(b"d"), file(b"d/f"), hardlink(b"d/g", b"/d/f")]),
            (True, [file(b"d/f")]),
            (True, [file(b"d/f"), folder(b"d")]),
            (True, [whiteout(b"d/.wh.f")]),
            (True, [hardlink(b"f", b"not/here")]),
            (True, [hardlink(b"f", b"not-here")]),
            (True, [whiteout(b".wh.f"), hardlink(b"g", b"f")]),
            (True, [whiteout(b".wh..wh..opq")]),
            (False, [folder(b"d"), whiteout(b"d/.wh..wh..opq"), file(b"d/f")]),
            (True, [folder(b"d"), whiteout(b"d/.wh..wh..opq"), file(b"d/e/f")]),
            (False, [whiteout(b".wh.d"), file(b"d/e/f")]),
            (False, [file(b"d"), file(b"d/f")]),
            (True, [symlink(b"l", b"/there"), file(b"l/f")]),
            (False, [folder(b"there"), symlink(b"l", b"/there"), file(b"l/f")]),
        ],
    )
    def test_what_depends_on_layers_below(self, bench: Bench, loose: bool, entries: list[Entry]) -> None:
        assert bench.build(archive(*entries)).loose is loose

    def test_a_hard_link_to_what_is_not_here_is_not_here_either(self, bench: Bench) -> None:
        assert names(bench, file(b"f"), hardlink(b"f", b"lower"), file(b"g")) == {b"g"}


class TestRefused:
    @pytest.mark.parametrize(
        "entry",
        [
            file(b".."), file(b"a/../../b"), file(b"/../x"), file(b"d/.wh."), file(b".wh.."), file(b".wh..."),
            symlink(b"", b"/etc"), symlink(b".", b"/etc"), file(b"/"), hardlink(b"./", b"x"), file(b"", b"x"),
            file(b"x" * 256), file(b"a/" + b"x" * 300 + b"/b"), file(b"a/" * 1025 + b"f"),
            symlink(b"l", b""), symlink(b"l", b"x" * 4096), hardlink(b"h", b".."), hardlink(b"h", b""),
            hardlink(b"h", b"/"), Entry(b"d", b"3", device=(4096, 0)), Entry(b"d", b"4", device=(0, 1 << 20)),
            Entry(b"d", b"3", device=(-1, 0)), Entry(b"f", uid=-1), Entry(b"f", gid=2**32 - 1),
            Entry(b"f", uid=2**32), Entry(b"d", b"5", uid=-5), Entry(b"f", b"V"), Entry(b"f", b"s"),
            Entry(b"f", xattrs={b"user." + b"n" * 251: b""}), Entry(b"f", xattrs={b"user.a": bytes(65537)}),
        ],
        ids=lambda entry: f"{entry.kind.decode()}-{entry.name[:20]!r}-{entry.link[:10]!r}-{entry.uid}",
    )  # fmt: skip
    def test_what_no_file_system_takes(self, bench: Bench, entry: Entry) -> None:
        with pytest.raises(InvalidTar):
            bench.build(archive(folder(b"d"), entry))
        assert os.listdir(bench.folder) == []

    @pytest.mark.parametrize(
        "xattrs", [{b"user.a": bytes(65536)}, {b"user.%d" % at: bytes(60_000) for at in range(5)}]
    )
    def test_what_erofs_does_not_take(self, tmp_path: Path, xattrs: dict[bytes, bytes]) -> None:
        with Bench(ErofsForm(), tmp_path) as bench, pytest.raises(InvalidTar):
            bench.build(archive(Entry(b"f", xattrs=xattrs)))

    def test_links_in_circles(self, bench: Bench) -> None:
        with pytest.raises(InvalidTar, match="symbolic links"):
            bench.build(archive(symlink(b"a", b"b"), symlink(b"b", b"a"), file(b"a/f")))
        with pytest.raises(InvalidTar, match="symbolic links"):
            bench.build(archive(symlink(b"a", b"a/x"), hardlink(b"h", b"a/f")))

    def test_a_hard_link_to_a_folder(self, bench: Bench) -> None:
        with pytest.raises(InvalidTar, match="to a folder"):
            bench.build(archive(folder(b"d"), hardlink(b"h", b"d")))

    @pytest.mark.parametrize("cut", [100, 512, 600, 1100])
    def test_a_tar_that_is_cut_off(self, bench: Bench, cut: int) -> None:
        tar = archive(file(b"f", b"x" * 1000))
        builder = bench.form.builder(bench.folder, "cut")
        builder.feed(tar[:cut])
        with pytest.raises(TruncatedTar):
            builder.finish()
        builder.close()
        builder.close()
        assert os.listdir(bench.folder) == []

    def test_what_is_no_tar(self, bench: Bench) -> None:
        with pytest.raises(Invalid):
            bench.build(b"x" * 5000)
        assert os.listdir(bench.folder) == []

    def test_a_file_beyond_the_limit_though_it_is_nothing_but_a_hole(self, bench: Bench) -> None:
        with pytest.raises(LayerTooLarge, match="17592186044417 bytes"):
            bench.build(archive(Entry(b"f", content=b"x", sparse=[(2**44, 1)], size=2**44 + 1)))
        assert os.listdir(bench.folder) == []

    def test_a_sparse_bomb(self, bench: Bench) -> None:
        bombs = (Entry(b"%d" % at, content=b"xy", sparse=[(1, 1), (2**49, 1)], size=2**50) for at in range(20))
        with pytest.raises((InvalidTar, LayerTooLarge)):
            bench.build(archive(*bombs))
        assert os.listdir(bench.folder) == []


class TestNames:
    def test_a_layer_that_is_not_there(self, bench: Bench) -> None:
        with pytest.raises(NotFound):
            bench.form.open(bench.folder, "none")
        with pytest.raises(NotFound):
            bench.form.verify(bench.folder, "none", DiffID.of(b""))
        with pytest.raises(NotFound):
            bench.form.sync(bench.folder, "none")
        bench.form.remove(bench.folder, "none")

    def test_a_root_outlives_its_layer(self, bench: Bench) -> None:
        bench.build(archive(file(b"f", b"content")), "it")
        with bench.mounted("it") as root:
            bench.form.sync(bench.folder, "it")
            bench.form.remove(bench.folder, "it")
            assert os.listdir(bench.folder) == []
            # What is no mount goes with its files: whoever removes it knows that nothing stands on it.
            assert set(read_tree(root)) == ({b""} if bench.form.name == "tree" else {b"", b"f"})

    def test_what_was_not_finished_can_be_removed(self, bench: Bench) -> None:
        builder = bench.form.builder(bench.folder, "half")
        builder.feed(archive(folder(b"d"), file(b"d/f", b"x" * 100_000))[:50_000])
        bench.form.remove(bench.folder, "half")
        builder.close()
        assert os.listdir(bench.folder) == []

    def test_closing_leaves_what_is_finished(self, bench: Bench) -> None:
        bench.build(archive(file(b"f")), "it")
        with bench.mounted("it"):
            pass
        assert os.listdir(bench.folder) == ["it"]


class TestVerify:
    def test_a_good_layer(self, bench: Bench) -> None:
        tar = archive(folder(b"d"), file(b"d/f", b"x" * 3000), symlink(b"l", b"t" * 600), file(b"implied/f"),
                      Entry(b"s", content=b"abc", sparse=[(5000, 3)], size=9000))  # fmt: skip
        bench.build(tar + b"behind the end", "it")
        bench.form.verify(bench.folder, "it", DiffID.of(tar + b"behind the end"))

    def test_another_diff_id(self, bench: Bench) -> None:
        bench.build(archive(file(b"f", b"x")), "it")
        with pytest.raises(LayerDamaged):
            bench.form.verify(bench.folder, "it", DiffID.of(b"another"))
