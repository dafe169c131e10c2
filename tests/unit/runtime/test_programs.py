"""Small programs: an init that is static, the tiny one of the test, and how to install what is missing."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from shale.linux.installing import how_to_install
from shale.oci.architecture import machine_architecture
from shale.runtime.initprogram import InitMissing, find_init, is_static
from shale.runtime.tinyprogram import EXIT_CODE, UnknownProcessor, tiny_program

HERE = machine_architecture(os.uname().machine)[0]
PROCESSORS = ["386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"]


def test_the_tiny_program_runs_here(tmp_path: Path) -> None:
    program = tmp_path / "run"
    program.write_bytes(tiny_program(HERE))
    program.chmod(0o755)
    assert subprocess.run([program], check=False).returncode == EXIT_CODE


@pytest.mark.parametrize(("architecture", "machine", "order", "wide"), [
    ("386", 3, "<", False), ("amd64", 62, "<", True), ("arm", 40, "<", False), ("arm64", 183, "<", True),
    ("ppc64le", 21, "<", True), ("riscv64", 243, "<", True), ("s390x", 22, ">", True),
])  # fmt: skip
def test_the_tiny_program_is_an_executable_for_its_processor(
    architecture: str, machine: int, order: str, wide: bool
) -> None:
    program = tiny_program(architecture)
    layout = "16sHHIQQQIHHHHHH" if wide else "16sHHIIIIIHHHHHH"
    start, kind, processor, _, entry, table, _, _, header, size, count, *_ = struct.unpack_from(
        order + layout, program
    )
    assert start[:7] == b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1])
    assert (kind, processor, table, count) == (2, machine, header, 1)
    segment = struct.unpack_from(order + ("IIQQQQQQ" if wide else "IIIIIIII"), program, table)
    address, length = (segment[3], segment[5]) if wide else (segment[2], segment[4])
    assert segment[0] == 1
    assert length == len(program)
    assert address + header + size == entry < address + length


def test_a_processor_that_nobody_knows() -> None:
    with pytest.raises(UnknownProcessor, match="vax"):
        tiny_program("vax")


def test_what_is_static(tmp_path: Path) -> None:
    for architecture in PROCESSORS:
        (tmp_path / "tiny").write_bytes(tiny_program(architecture))
        assert is_static(str(tmp_path / "tiny"))
    assert is_static("/bin/busybox")
    assert not is_static("/usr/bin/env")
    (tmp_path / "script").write_text("#!/bin/sh\n" * 20)
    assert not is_static(str(tmp_path / "script"))
    assert not is_static(str(tmp_path / "missing"))


def test_an_init_is_the_first_static_one(tmp_path: Path) -> None:
    shutil.copy("/usr/bin/env", tmp_path / "catatonit")
    shutil.copy("/bin/busybox", tmp_path / "tini")
    assert find_init({"PATH": str(tmp_path)}) == str(tmp_path / "tini")


def test_no_init_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InitMissing, match=r"install .*catatonit"):
        find_init({"PATH": str(tmp_path)}, [])
    assert find_init({"PATH": str(tmp_path)}, ["/nowhere", "/bin/busybox"]) == "/bin/busybox"


def test_the_command_that_installs() -> None:
    assert sys.platform == "linux"
    manager = next(name for name in ("apt-get", "dnf", "apk", "zypper", "pacman") if shutil.which(name))
    assert how_to_install("crun").startswith(f"install one with: {manager} ")
    assert how_to_install("crun").endswith(" crun")
