from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from msgspec.structs import replace

from shale.linux.boot import ProcessIdentity, boot_id, current_process, is_alive


def test_this_process_is_alive() -> None:
    mine = current_process()
    assert mine.pid == os.getpid()
    assert mine.boot == boot_id()
    assert is_alive(mine) is True


def test_another_start_time_is_another_process() -> None:
    mine = current_process()
    assert is_alive(replace(mine, started=mine.started - 1)) is False


def test_another_boot_is_over() -> None:
    assert is_alive(replace(current_process(), boot="another", namespace=1)) is False


def test_another_namespace_cannot_be_seen() -> None:
    assert is_alive(replace(current_process(), namespace=1)) is None


def test_a_process_that_has_ended_is_dead_even_before_it_is_waited_for() -> None:
    mine = current_process()
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        stat = Path(f"/proc/{child.pid}/stat")
        started = int(stat.read_text().rpartition(")")[2].split()[19])
        identity = ProcessIdentity(mine.boot, mine.namespace, child.pid, started)
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.005)
        assert is_alive(identity) is False
    assert is_alive(identity) is False
