"""Files of containers that run: copied, exported and committed while their processes do what they like."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from archive_files import layer_tar
from peers.layout import LayoutImage
from shale.container.changes import shown
from shale.container.files.newfile import MountedThere
from shale.engine.containers import Containers
from shale.engine.engine import Engine
from shale.errors import Denied, NotFound, ShaleError
from shale.runtime.wishes import BindMount, RunWishes, TmpfsMount, VolumeMount
from tree_facts import facts_of

ROUNDS = 60
EXCHANGE = """
mkdir -p /work/real /work/deep %(canary)s
for one in /work/real/file /work/file %(canary)s/file; do echo inside > $one; done
ln -s %(canary)s /work/link; ln -s %(canary)s/file /work/filelink
exchange() { mv $1 /work/deep/x; mv $2 $1; mv $1 $2; mv /work/deep/x $1; }
echo ready
while :; do exchange /work/real /work/link; exchange /work/file /work/filelink; done
"""
"""What it shows by turns: a folder and a file, and links to a folder and a file of the host."""


@pytest.fixture
def engine(tmp_path: Path, busybox_image: LayoutImage) -> Iterator[Engine]:
    with Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path), "PATH": os.environ["PATH"]}) as engine:
        engine.images.load(busybox_image.layout)
        engine.images.tag(str(engine.images.list()[0].id), "box:1")
        yield engine


@contextmanager
def running(containers: Containers, script: str, wishes: RunWishes | None = None) -> Iterator[str]:
    """A container that runs a script, which says `ready`."""
    read, write = os.pipe()
    with (
        os.fdopen(read, "rb") as out,
        os.fdopen(write, "wb") as sink,
        containers.temporary("box:1", "sh", "-c", script, name="box", wishes=wishes or RunWishes()) as made,
        containers.start(made.id, stdout=sink),
    ):
        assert out.readline() == b"ready\n"
        yield "box"


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def read(containers: Containers, path: str) -> bytes:
    """One file of a container."""
    stream = io.BytesIO()
    containers.copy_from("box", path, stream)
    with tarfile.open(fileobj=io.BytesIO(stream.getvalue())) as tar:
        file = tar.extractfile(tar.getmembers()[0])
        assert file is not None
        return file.read()


def test_mounts_are_its_files_for_cp_and_not_for_the_rest(engine: Engine, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "file").write_text("of the host")
    wishes = RunWishes(
        mounts=(
            BindMount(source=str(shared), target="/data"),
            VolumeMount(target="/volume"),
            TmpfsMount(target="/memory"),
        )
    )
    containers = engine.containers
    script = "echo v > /volume/v; echo t > /memory/t; touch /etc/made; echo ready; sleep 60"
    with running(containers, script, wishes):
        assert read(containers, "/data/file") == b"of the host"
        assert read(containers, "/volume/v") == b"v\n"
        assert read(containers, "/memory/t") == b"t\n"
        assert b"localhost" in read(containers, "/etc/hosts")
        containers.copy_to("box", io.BytesIO(layer_tar({"new": b"n"})), "/data")
        assert (shared / "new").read_bytes() == b"n"
        with pytest.raises(MountedThere):
            containers.copy_to("box", io.BytesIO(layer_tar({"hosts": b"n"})), "/etc")
        assert [shown(one) for one in containers.diff("box")] == [
            "A /data",
            "C /etc",
            "A /etc/made",
            "A /memory",
            "A /volume",
        ]
        export = io.BytesIO()
        containers.export("box", export)
        found = names(export.getvalue())
        assert {"data", "volume", "memory", "etc/made", "etc/hosts", "proc"} <= set(found)
        assert not [name for name in found if name.startswith(("data/", "volume/", "memory/", "proc/"))]
        containers.commit("box", "made:1")
    assert engine.images.get("made:1").layers[-1].size < 2000


def test_binds_and_volumes_are_there_when_it_does_not_run(engine: Engine, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    wishes = RunWishes(mounts=(BindMount(source=str(shared), target="/data"), VolumeMount(target="/bin")))
    before = Path("/proc/self/mountinfo").read_bytes()
    with engine.containers.temporary("box:1", "true", name="box", wishes=wishes):
        engine.containers.copy_to("box", io.BytesIO(layer_tar({"data/f": b"1", "bin/f": b"2"})), "/")
        assert (shared / "f").read_bytes() == b"1"
        assert read(engine.containers, "/bin/f") == b"2"
        assert len(read(engine.containers, "/bin/sh")) > 100_000
        assert [shown(one) for one in engine.containers.diff("box")] == ["A /data"]
    assert Path("/proc/self/mountinfo").read_bytes() == before


def test_links_that_lead_to_the_host_show_nothing_of_it(engine: Engine, tmp_path: Path) -> None:
    # CVE-2018-15664, CVE-2019-10152, CVE-2026-41568.
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "file").write_bytes(b"of the host")
    containers = engine.containers
    with running(containers, EXCHANGE % {"canary": canary}):
        seen = set()
        for number in range(ROUNDS):
            for path in ("/work/real/file", "/work/file", "/work/link/file"):
                with suppress(ShaleError):
                    containers.copy_from("box", path, tmp_path / f"out{number}", follow=True)
                    seen.add((tmp_path / f"out{number}").read_bytes())
            with suppress(ShaleError):
                containers.copy_from("box", "/work", tmp_path / f"folder{number}")
        for file in tmp_path.glob("folder*/**/*"):
            if file.is_file() and not file.is_symlink() and not file.resolve().is_relative_to(canary):
                seen.add(file.read_bytes())
    assert seen == {b"inside\n"}


def test_links_that_lead_to_the_host_do_not_lead_a_copy_there(engine: Engine, tmp_path: Path) -> None:
    # CVE-2018-15664, CVE-2021-41089, CVE-2026-41567, CVE-2026-41568.
    canary = tmp_path / "canary"
    canary.mkdir(mode=0o700)
    (canary / "file").write_bytes(b"of the host")
    before = facts_of(canary)
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "file").write_bytes(b"copied")
    containers = engine.containers
    done = 0
    with running(containers, EXCHANGE % {"canary": canary}):
        for _ in range(ROUNDS):
            for path in ("/work/real", "/work/real/file", "/work/file", "/work/link/new"):
                with suppress(ShaleError):
                    containers.copy_to("box", f"{source}/." if path == "/work/real" else source / "file", path)
                    done += 1
            with suppress(ShaleError):
                containers.copy_to("box", io.BytesIO(lzma.compress(layer_tar({"real/a/b": b"x"}))), "/work")
    assert facts_of(canary) == before
    assert done


def test_nothing_of_the_container_is_run(engine: Engine) -> None:
    # CVE-2014-9357, CVE-2019-14271, CVE-2026-41567: helpers and libraries are not the container's.
    trap = "for tool in xz unxz gzip tar ls; do rm -f /bin/$tool; echo '#!/bin/sh' > /bin/$tool; "
    trap += "echo 'touch /sprung' >> /bin/$tool; chmod 755 /bin/$tool; done; mkdir -p /lib; "
    trap += "for one in libnss_files.so.2 libc.so.6 liblzma.so.5; do cp /bin/sh /lib/$one; done; "
    trap += "echo ready; sleep 60"
    with running(engine.containers, trap):
        engine.containers.copy_to("box", io.BytesIO(lzma.compress(layer_tar({"f": b"1"}))), "/tmp")
        assert read(engine.containers, "/tmp/f") == b"1"
        with pytest.raises(NotFound):
            read(engine.containers, "/sprung")


def test_a_container_stands_still_while_it_is_committed(engine: Engine) -> None:
    script = "mkdir /n; echo ready; n=0; while :; do n=$((n+1)); echo $n > /t; mv /t /n/a; "
    script += "cp /n/a /t; mv /t /n/b; done"
    containers = engine.containers
    with running(containers, script):
        for number in range(3):
            containers.commit("box", f"made:{number}")
            result = containers.run(f"made:{number}", "sh", "-c", "cat /n/a /n/b")
            first, second = (*result.stdout.split(), b"0", b"0")[:2]
            assert 0 <= int(first) - int(second) <= 1
        before = read(containers, "/n/a")
        time.sleep(0.2)
        assert read(containers, "/n/a") != before


def test_a_read_only_container_is_not_written_to(engine: Engine) -> None:
    with running(engine.containers, "echo ready; sleep 60", RunWishes(read_only=True)), pytest.raises(Denied):
        engine.containers.copy_to("box", io.BytesIO(layer_tar({"f": b"1"})), "/tmp")
