"""The root of a process in another mount namespace, as a mount of ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from shale.linux.boot import ProcessIdentity, process_of
from shale.linux.joining import root_of

SETUP = """
mount -t tmpfs inside "$1" && mkdir "$1/below" && mount -t tmpfs deeper "$1/below" && touch "$1/below/seen"
echo ready; exec sleep 60
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ProcessIdentity]:
    """A process that has mounted something at `place` where nobody else sees it."""
    (tmp_path / "place").mkdir()
    started = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", SETUP, "sh", str(tmp_path / "place")], stdout=subprocess.PIPE
    )
    try:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        yield process_of(started.pid)
    finally:
        started.kill()
        started.wait()
        assert started.stdout is not None
        started.stdout.close()


def listed(root: int, path: Path) -> list[str]:
    folder = os.open(str(path).lstrip("/"), os.O_RDONLY | os.O_DIRECTORY, dir_fd=root)
    try:
        return os.listdir(folder)
    finally:
        os.close(folder)


def test_mounts_come_or_are_seen_through(process: ProcessIdentity, tmp_path: Path) -> None:
    (tmp_path / "place/under").touch()
    for mounts, seen in ((True, ["below"]), (False, ["under"])):
        root = root_of(process, mounts=mounts)
        try:
            assert listed(root, tmp_path / "place") == seen
            if mounts:
                assert listed(root, tmp_path / "place/below") == ["seen"]
        finally:
            os.close(root)


def test_our_own_mounts_stay_what_they_are(process: ProcessIdentity, tmp_path: Path) -> None:
    before = Path("/proc/self/mountinfo").read_bytes()
    os.close(root_of(process, mounts=True))
    assert Path("/proc/self/mountinfo").read_bytes() == before
    assert os.listdir(tmp_path / "place") == []


def test_a_process_that_has_ended_has_no_root(process: ProcessIdentity) -> None:
    for gone in (replace(process, started=process.started + 1), replace(process, pid=2**22 - 3)):
        with pytest.raises(ProcessLookupError):
            root_of(gone, mounts=True)
