"""An ordinary user whom the machine gives no user namespace, as in most containers of other engines.

Images are still pulled, unpacked and removed; what needs a namespace says so.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from ordinary_user import NOBODY, OrdinaryUser, ordinary_user
from peers.layout import LayoutImage
from shale.linux.mount import bind

DENIED = """
import ctypes, os, struct, sys
# A filter as container engines have it: unshare(2) is not permitted (seccomp(2), BPF).
unshare = {"x86_64": 272, "aarch64": 97}[os.uname().machine]
code = [(0x20, 0, 0, 0), (0x15, 0, 1, unshare), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
fprog = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(program))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.c_char_p(fprog), 0, 0) == 0
os.execv(sys.executable, [sys.executable, "-m", "shale", *sys.argv[1:]])
"""


@pytest.fixture
def user(busybox_image: LayoutImage) -> Iterator[OrdinaryUser]:
    with ordinary_user(scene=lambda: bind(str(busybox_image.layout), "/mnt")) as user:
        yield user


def run(user: OrdinaryUser, *words: str) -> subprocess.CompletedProcess[bytes]:
    return user.python(DENIED, *words)


def test_images_need_no_namespace(user: OrdinaryUser) -> None:
    loaded = run(user, "load", "--quiet", "--input", "/mnt")
    assert loaded.returncode == 0, loaded.stderr
    name = loaded.stdout.decode().split()[-1]
    unpacked = run(user, "image", "unpack", name, "tree")
    assert (unpacked.returncode, unpacked.stderr) == (0, b"")
    status = os.stat(user.home / "tree/bin/busybox")
    assert (status.st_uid, status.st_size) == (NOBODY, os.stat("/bin/busybox").st_size)
    for words in (["system", "df"], ["store", "check"], ["rmi", name], ["image", "prune", "--force"]):
        done = run(user, *words)
        assert (done.returncode, done.stderr) == (0, b"")
    assert run(user, "image", "ls", "--quiet").stdout == b""


@pytest.mark.parametrize("words", [["run", "busybox"], ["create", "busybox"], ["unshare", "true"]])
def test_what_needs_a_namespace_says_so(user: OrdinaryUser, words: list[str]) -> None:
    done = run(user, *words)
    assert done.returncode in {1, 125}
    assert b"this machine lets users have no user namespaces" in done.stderr
