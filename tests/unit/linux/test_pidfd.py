from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from shale.linux.boot import ProcessIdentity, boot_time, process_of
from shale.linux.pidfd import signal_process, wait_for_end


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_signal_reaches_its_process(child: subprocess.Popen[bytes]) -> None:
    signal_process(process_of(child.pid), signal.SIGTERM)
    assert child.wait() == -signal.SIGTERM


def test_another_process_with_the_id_is_left_alone(child: subprocess.Popen[bytes]) -> None:
    process = process_of(child.pid)
    for other in (replace(process, started=process.started + 1), replace(process, boot="another")):
        with pytest.raises(ProcessLookupError):
            signal_process(other, signal.SIGKILL)
        assert wait_for_end(other)
    assert child.poll() is None


def test_waiting(child: subprocess.Popen[bytes]) -> None:
    process = process_of(child.pid)
    assert not wait_for_end(process, 0.01)
    child.kill()
    assert wait_for_end(process)
    child.wait()
    assert wait_for_end(process)


def test_waiting_for_longer_than_the_kernel_counts(child: subprocess.Popen[bytes]) -> None:
    process = process_of(child.pid)
    threading.Timer(0.1, child.kill).start()
    assert wait_for_end(process, 1e12)


def test_who_is_gone_cannot_be_named(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    with pytest.raises(ProcessLookupError):
        process_of(child.pid)


def test_a_start_in_seconds(child: subprocess.Popen[bytes]) -> None:
    process: ProcessIdentity = process_of(child.pid)
    assert process.seconds > 0
    assert boot_time() > 0
