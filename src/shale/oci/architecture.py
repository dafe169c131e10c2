"""Names of processors and operating systems: Go's words, and the words that other people use for them.

Pure text, no values: `platform` builds on this. Specification: image-spec image-index.md, "Platform
Variants"; github.com/containerd/platforms for the synonyms and for what an older variant is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = [
    "is_known_architecture",
    "is_known_os",
    "machine_architecture",
    "normalise_architecture",
    "normalise_os",
    "runnable",
]

_KNOWN_OS: Final = frozenset({
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl",
    "netbsd", "openbsd", "plan9", "solaris", "windows", "zos",
})  # fmt: skip
_KNOWN_ARCHITECTURE: Final = frozenset({
    "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64",
    "mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x",
    "sparc", "sparc64", "wasm",
})  # fmt: skip
_ARM64_VARIANTS: Final = {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"}
_ARM_VARIANTS: Final = {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"}
_VARIANT: Final = re.compile(r"v?([0-9]{1,2})(?:\.([0-9]))?\Z")
_X86_32: Final = re.compile(r"i[3-6]86\Z")
_ARM_MACHINE: Final = re.compile(r"arm(v[5-8])[a-z]*\Z")
_OLDEST_ARM: Final = 5
_OLDEST_ARM64: Final = 8
_LAST_ARM64_V8: Final = 9


def is_known_os(name: str) -> bool:
    """Whether Go knows an operating system of this name."""
    return name in _KNOWN_OS


def is_known_architecture(name: str) -> bool:
    """Whether Go knows an architecture of this name."""
    return name in _KNOWN_ARCHITECTURE


def normalise_os(name: str) -> str:
    """The operating system in Go's word: `macOS` is `darwin`."""
    lowered = name.lower()
    return "darwin" if lowered == "macos" else lowered


def normalise_architecture(architecture: str, variant: str) -> tuple[str, str]:
    """Architecture and variant in Go's words: `x86_64` is `amd64`, `armhf` is `arm` `v7`.

    The commonest variant is left out (`arm64` `v8`, `amd64` `v1`), but on `arm` it is written (`v7`).
    """
    architecture, variant = architecture.lower(), variant.lower()
    if architecture == "i386":
        return "386", ""
    if architecture in ("x86_64", "x86-64", "amd64"):
        return "amd64", "" if variant == "v1" else variant
    if architecture in ("aarch64", "arm64"):
        return "arm64", _ARM64_VARIANTS.get(variant, variant)
    if architecture == "armhf":
        return "arm", "v7"
    if architecture == "armel":
        return "arm", "v6"
    if architecture == "arm":
        return "arm", _ARM_VARIANTS.get(variant, variant)
    return architecture, variant


def machine_architecture(machine: str) -> tuple[str, str]:
    """Architecture and variant for what `uname -m` prints: `armv6l` is `arm` `v6`, `i686` is `386`."""
    lowered = machine.lower()
    if _X86_32.match(lowered):
        return "386", ""
    if arm := _ARM_MACHINE.match(lowered):
        return "arm", arm[1]
    if lowered == "loongarch64":
        return "loong64", ""
    return normalise_architecture(lowered, "")


def runnable(architecture: str, variant: str) -> Iterator[tuple[str, str]]:
    """What runs on a processor, best first and itself the first: `arm` `v7`, `v6`, `v5`.

    Args:
        architecture: normalised.
        variant: normalised; empty for none.

    Yields:
        Pairs of architecture and variant, normalised.
    """
    yield architecture, variant
    if architecture == "amd64":
        number = _VARIANT.match(variant)
        for older in range(int(number[1]) - 1 if number else 0, 0, -1):
            yield normalise_architecture("amd64", f"v{older}")
        yield "386", ""
    elif architecture == "arm":
        number = _VARIANT.match(variant)
        for older in range(int(number[1]) - 1 if number else 0, _OLDEST_ARM - 1, -1):
            yield "arm", f"v{older}"
    elif architecture == "arm64":
        yield from _older_arm64(variant)


def _older_arm64(variant: str) -> Iterator[tuple[str, str]]:
    """The arm64 below a variant, then the 32-bit arm that the same processor runs."""
    number = _VARIANT.match(variant or "v8")
    if number is None or int(number[1]) < _OLDEST_ARM64:
        return
    major, minor = int(number[1]), int(number[2] or 0)
    if major == _OLDEST_ARM64 + 1:
        for older in range(minor - 1, -1, -1):
            yield normalise_architecture("arm64", f"v9.{older}")
        # Armv9.x has what Armv8.(x+5) has (Arm architecture reference manual), and Armv8 ends with v8.9.
        major, minor = _OLDEST_ARM64, min(minor + 5, _LAST_ARM64_V8) + 1
    if major == _OLDEST_ARM64:
        for older in range(minor - 1, -1, -1):
            yield normalise_architecture("arm64", f"v8.{older}")
        yield from runnable("arm", "v8")
