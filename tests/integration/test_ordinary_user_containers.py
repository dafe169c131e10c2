"""Containers of an ordinary user: the same commands, in a user namespace of the user's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordinary_user import OrdinaryUser, ordinary_user
from peers.layout import LayoutImage

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module", params=["nobody:300000:65536\n", ""], ids=["ranges", "no ranges"])
def user(
    request: pytest.FixtureRequest, busybox_image: LayoutImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OrdinaryUser]:
    archive = tmp_path_factory.mktemp("image") / "busybox.tar"
    subprocess.run(["tar", "-C", str(busybox_image.layout), "-cf", str(archive), "."], check=True)
    with ordinary_user(request.param) as found:
        loaded = found.shale("load", "-q", stdin=archive.read_bytes())
        assert loaded.returncode == 0, loaded
        digest = loaded.stdout.decode().split()[-1]
        assert found.shale("tag", digest, "busybox").returncode == 0
        yield found


def out(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done
    return done.stdout.decode()


def test_a_life_from_run_to_removal(user: OrdinaryUser) -> None:
    done = user.shale(
        "run", "--name", "one", "busybox", "sh", "-c", "id -u; echo mine > /file; chmod 600 /file; exit 3"
    )
    assert (done.returncode, done.stdout) == (3, b"0\n"), done
    (document,) = json.loads(out(user.shale("inspect", "one")))
    assert (document["State"]["Status"], document["State"]["ExitCode"]) == ("exited", 3)
    assert user.shale("start", "-a", "one").returncode == 3
    assert out(user.shale("ps", "-a", "--format", "{{.Names}} {{.State}}")) == "one exited\n"
    assert out(user.shale("rm", "one")) == "one\n"
    folder = Path(document["GraphDriver"]["Data"]["UpperDir"]).parent
    assert not folder.exists()
    assert os.listdir(folder.parent) == []


def test_streams_codes_and_rm(user: OrdinaryUser) -> None:
    done = user.shale("run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo err >&2; exit 9", stdin=b"in")
    assert (done.returncode, done.stdout) == (9, b"in")
    assert done.stderr.endswith(b"err\n")
    assert user.shale("run", "--rm", "busybox", "nothing").returncode == 127
    assert out(user.shale("ps", "-aq")) == ""


def until_running(user: OrdinaryUser) -> None:
    for _ in range(300):
        if user.shale("ps", "-q").stdout:
            return
        time.sleep(0.05)
    pytest.fail("it never ran")


def test_another_process_of_the_user_stops_and_removes_it(user: OrdinaryUser) -> None:
    argv = [sys.executable, "-m", "shale", "run", "--name", "one", "busybox", "sleep", "600"]
    with user.started(argv) as child:
        until_running(user)
        refused = user.shale("rm", "one")
        assert b"container is running" in refused.stderr
        assert out(user.shale("stop", "-t", "0", "one")) == "one\n"
        assert child.wait(30) == 137
    assert out(user.shale("rm", "one")) == "one\n"


def test_what_a_kill_leaves_is_told_and_removed(user: OrdinaryUser) -> None:
    argv = [sys.executable, "-m", "shale", "run", "--rm", "--name", "one", "busybox", "sleep", "600"]
    with user.started(argv) as child:
        until_running(user)
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    assert out(user.shale("ps", "--format", "{{.Status}}")).startswith("Up ")
    assert out(user.shale("kill", "one")) == "one\n"
    for _ in range(300):
        if "Up " not in out(user.shale("ps", "-a")):
            break
        time.sleep(0.05)
    # A list is no command that becomes root of a namespace: what it cannot take away, another one does.
    out(user.shale("container", "prune", "-f"))
    assert out(user.shale("ps", "-aq")) == ""
    assert os.listdir(user.home / ".local/share/shale/containers") == []
