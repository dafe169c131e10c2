"""Files of an ordinary user's containers: owners of the user's ranges, and containers that run."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator

import pytest

from ordinary_user import NOBODY, OrdinaryUser, ordinary_user
from peers.layout import LayoutImage
from peers.skopeo import Skopeo


@pytest.fixture
def user(busybox_image: LayoutImage, skopeo: Skopeo) -> Iterator[OrdinaryUser]:
    with ordinary_user() as user:
        archive = user.home / "box.tar"
        skopeo("copy", f"oci:{busybox_image.layout}:{busybox_image.tag}", f"docker-archive:{archive}:box:1")
        done(user, "load", "-i", "box.tar")
        yield user
        subprocess.run(["chmod", "-R", "u+rwx", str(user.home)], check=True)


def done(user: OrdinaryUser, *arguments: str) -> bytes:
    ended = user.shale(*arguments)
    assert ended.returncode == 0, (arguments, ended.stderr)
    return ended.stdout


def names(archive: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return set(tar.getnames())


def test_a_users_container_is_committed_and_copied(user: OrdinaryUser) -> None:
    work = "echo x > /a; chown 5:6 /a; rm -r /bin/wget /tmp; mkdir /tmp"
    done(user, "run", "--name", "work", "box:1", "sh", "-c", work)
    assert done(user, "diff", "work").decode().splitlines() == ["A /a", "C /bin", "D /bin/wget", "C /tmp"]
    done(user, "commit", "work", "made:1")
    assert done(user, "run", "--rm", "made:1", "stat", "-c", "%u:%g %s", "/a") == b"5:6 2\n"
    done(user, "cp", "work:/a", "out")
    out = user.home / "out"
    assert (out.read_text(), out.stat().st_uid) == ("x\n", NOBODY)
    done(user, "cp", "out", "work:/again")
    assert {"a", "again", "bin"} <= names(done(user, "export", "work"))


def test_a_container_that_runs_in_another_process_is_read_and_written(user: OrdinaryUser) -> None:
    (user.home / "f").touch()
    script = "echo up > /up; echo ready; exec sleep 60"
    command = [sys.executable, "-m", "shale", "run", "--name", "work", "box:1", "sh", "-c", script]
    with user.started(command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert done(user, "diff", "work") == b"A /up\n"
        assert names(done(user, "cp", "work:/up", "-")) == {"up"}
        assert "up" in names(done(user, "export", "work"))
        done(user, "cp", "f", "work:/f")
        assert done(user, "diff", "work") == b"A /f\nA /up\n"
        assert b"--pause=false" in user.shale("commit", "--pause", "work", "made:1").stderr
        assert b"was not paused" in user.shale("commit", "work", "made:1").stderr
        done(user, "rm", "-f", "work")
        deadline = time.monotonic() + 20
        while process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert done(user, "run", "--rm", "made:1", "cat", "/up") == b"up\n"
