"""What the origin document says of layers, of the union file system and of copy-on-write, seen in bytes.

"Layers that remain unchanged are reused"; "any changes made to the file system are stored in a new top layer
without altering the original layers"; "multiple containers share the same image while maintaining their own
isolated changes".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import shale as library
from command_line import Shale
from ordinary_user import ordinary_user
from peers.images import Images
from peers.layout import LayoutImage
from shale.container.changes import shown
from shale.linux.mount import bind
from shale.runtime.wishes import RunWishes
from shale.store.check import check
from tree_facts import Fact, facts_of, facts_of_tar, seconds

PAGE = "/var/www/html/index.html"
HARD_USE = (Path(__file__).parents[1] / "hard_use.py").read_text(encoding="utf-8")
OPEN = {".", "sha256"}
"""Folders of a store to which anything may be added: their times change."""
SMALL = 64 * 1024
"""Bytes that a container's own documents have at most: its bundle, its account of what was prepared."""


def exported(facts: dict[str, Fact]) -> dict[str, Fact]:
    """What an archive tells of a tree: times in seconds, no root, but the place where /etc/hosts is mounted."""
    return seconds({name: fact for name, fact in facts.items() if name not in {".", "etc/hosts"}})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[library.Engine]:
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with library.Engine.open(tmp_path / "store", environ=environ) as engine:
        yield engine


def load(engine: library.Engine, image: LayoutImage, name: str) -> None:
    (loaded,) = engine.images.load(image.layout)
    engine.images.tag(str(loaded.target), name)


def sizes(root: Path, *rooms: str) -> dict[str, int]:
    """Every file of some rooms of a store, with its bytes."""
    found = [path for room in rooms for path in (root / room).rglob("*") if not path.is_dir()]
    return {str(path.relative_to(root)): path.lstat().st_size for path in found}


def kept(root: Path) -> dict[str, dict[str, Fact]]:
    """All that a store has of its images: blobs and mountable layers."""
    rooms = {room: facts_of(root / room) for room in ("blobs", "layers")}
    return {
        room: {name: fact for name, fact in facts.items() if name not in OPEN} for room, facts in rooms.items()
    }


def mounts(root: Path, process: int | str = "self") -> list[str]:
    """What a process sees mounted from a store or in it, a line of mountinfo each."""
    lines = Path(f"/proc/{process}/mountinfo").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if str(root) in line]


def test_layers_that_images_share_are_stored_once(engine: library.Engine, images: Images) -> None:
    """One minimal system, and beside it just what nginx, python and node add."""
    root = engine.parts.store.root
    layouts = {name: getattr(images, name)() for name in ("debian", "nginx", "python", "node")}
    blobs: dict[str, int] = {}
    diff_ids: set[str] = set()
    seen = 0
    for name, image in layouts.items():
        load(engine, image, name)
        documents = [image.digest, *image.blobs()]
        blobs |= {digest: image.blob(digest).stat().st_size for digest in documents}
        diff_ids |= {str(layer.diff_id) for layer in engine.images.get(name).layers}
        seen += sum(layer.size for layer in engine.images.get(name).layers)
        assert sizes(root, "blobs") == {
            f"blobs/{digest.replace(':', '/')}": size for digest, size in blobs.items()
        }
        assert set(sizes(root, "layers")) == {
            f"layers/{diff_id.replace(':', '-')}.erofs" for diff_id in diff_ids
        }
    assert len(diff_ids) == 5  # the system, nginx and its page, python, node
    assert sum(sizes(root, "blobs").values()) < seen / 2


def test_ten_containers_cost_ten_upper_directories(engine: library.Engine, busybox_image: LayoutImage) -> None:
    root = engine.parts.store.root
    load(engine, busybox_image, "busybox")
    image, rest = kept(root), set(sizes(root, "."))
    with ExitStack() as running:
        for number in range(10):
            made = engine.containers.create("busybox", "sleep", "600", name=f"c{number}")
            running.enter_context(made.start())
        records = [engine.containers.find(f"c{number}") for number in range(10)]
        assert mounts(root) == []
        for record in records:
            assert record.process is not None
            inside = mounts(root, record.process.pid)
            (overlay,) = (line for line in inside if " overlay " in line)
            assert f"upperdir={root}/containers/{record.id}/upper" in overlay
            own = {line.split()[4] for line in inside if line is not overlay}
            assert own == {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
    new = {name: size for name, size in sizes(root, ".").items() if name not in rest}
    assert {name.split("/")[0] for name in new} == {"containers", "runtime.json"}
    assert len(os.listdir(root / "containers")) == 10
    for record in records:
        written = {name: size for name, size in new.items() if record.id in name}
        upper = {name: size for name, size in written.items() if "/upper/" in name}
        assert sum(upper.values()) == 0  # places for mounts, and nothing of the image
        assert sum(written.values()) < SMALL
    assert kept(root) == image
    for record in records:
        engine.containers.remove(record.id)
    assert set(sizes(root, ".")) == rest | {"runtime.json"}


@contextmanager
def changing(engine: library.Engine, name: str) -> Iterator[Callable[[], bytes]]:
    """A container that has changed the page, and shows it when it is asked."""
    script = f"echo {name} >> {PAGE}; echo changed; cat; cat {PAGE}"
    (read, write), (listen, say) = os.pipe(), os.pipe()
    wishes = RunWishes(interactive=True)
    made = engine.containers.create("nginx", "sh", "-c", script, name=name, wishes=wishes)
    with open(read, "rb") as stdin, open(write, "wb") as hold, open(listen, "rb") as out, ExitStack() as rest:
        sink = rest.enter_context(open(say, "wb"))
        started = rest.enter_context(made.start(stdin=stdin, stdout=sink))
        assert out.readline() == b"changed\n"

        def show() -> bytes:
            hold.close()
            assert started.wait().exit_code == 0
            sink.close()
            return out.read()

        yield show


def test_two_containers_change_one_file_and_see_their_own(
    engine: library.Engine, nginx_image: LayoutImage, shale: Shale
) -> None:
    load(engine, nginx_image, "nginx")
    root = engine.parts.store.root
    before, page = kept(root), "<h1>It works: a page from a layer of its own</h1>\n"
    with changing(engine, "one") as show_one, changing(engine, "two") as show_two:
        assert show_one() == f"{page}one\n".encode()
        assert show_two() == f"{page}two\n".encode()
    for name in ("one", "two"):
        upper = root / "containers" / engine.containers.find(name).id / "upper"
        assert (upper / PAGE[1:]).read_text() == f"{page}{name}\n"
        assert shale.ok("diff", name) == "C /var\nC /var/www\nC /var/www/html\nC /var/www/html/index.html\n"
    assert engine.containers.run("nginx", "cat", PAGE).stdout == page.encode()
    assert kept(root) == before


def test_an_image_is_the_same_after_hard_use(engine: library.Engine, python_image: LayoutImage) -> None:
    load(engine, python_image, "python")
    root = engine.parts.store.root
    before = kept(root)
    with engine.images.mount("python") as place:
        seen = facts_of(place)
    used = engine.containers.run("python", "python3", "-c", HARD_USE, name="used", remove=False)
    assert (used.stdout, used.exit_code) == (b"used\n", 0), used.stderr
    changed = {shown(change) for change in engine.containers.diff("used")}
    assert {"A /new", "D /etc/passwd", "C /usr/share", "D /usr/lib/python3.11/json", "A /hard"} <= changed
    assert kept(root) == before
    engine.containers.commit("used", "made:1")
    engine.containers.export("used", root / "used.tar")
    with engine.images.mount("made:1") as place:
        assert exported(facts_of(place)) == exported(facts_of_tar(root / "used.tar"))
    engine.images.remove("made:1")
    engine.containers.remove("used")
    assert kept(root) == before
    with engine.images.mount("python") as place:
        assert facts_of(place) == seen
    assert check(engine.parts.store).damage == ()


def test_an_image_of_a_user_is_the_same_after_hard_use(python_image: LayoutImage) -> None:
    """There are trees of files here, which the user owns: nothing but overlay keeps a container from them."""
    with ordinary_user(scene=lambda: bind(str(python_image.layout), "/mnt")) as user:
        name = user.shale("load", "--quiet", "--input", "/mnt").stdout.decode().split()[-1]
        root = user.home / ".local/share/shale"
        assert user.shale("run", "--rm", name, "true").returncode == 0
        before = kept(root)
        assert [path for path in before["layers"] if path.endswith("usr/lib/python3.11/os.py")]
        used = user.shale("run", "--rm", name, "python3", "-c", HARD_USE)
        assert used.stdout == b"used\n", used.stderr
        assert kept(root) == before
