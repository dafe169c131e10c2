"""Platforms: parse, format, normalise, and choose the best of several as containerd does.

Grammar: `os[(osversion[+feature]*)]`, `arch`, `os/arch`, `os/arch/variant`. Specification: image-spec
image-index.md "platform"; github.com/containerd/platforms for normalisation and matching.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from shale.errors import Invalid

__all__ = ["InvalidPlatform", "Platform", "best_match", "format_platform", "parse_platform", "ranked"]


class InvalidPlatform(Invalid):
    """A text is not a platform."""


class Platform(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operating system and a processor.

    Attributes:
        os: for example `linux`.
        architecture: Go's name, for example `amd64`.
        variant: for example `v7`; None where the architecture has none.
        os_version: for example `10.0.14393`, used by Windows images.
        os_features: for example `("win32k",)`.
    """

    architecture: str = ""
    os: str = ""
    variant: str | None = None
    os_version: str | None = msgspec.field(name="os.version", default=None)
    os_features: tuple[str, ...] | None = msgspec.field(name="os.features", default=None)

    def __str__(self) -> str:
        return format_platform(self)


_TOKEN: Final = re.compile(r"[A-Za-z0-9_.-]+\Z")
_OS: Final = re.compile(r"([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)((?:\+[A-Za-z0-9_.-]+)*)\))?\Z")
_KNOWN_OS: Final = frozenset(
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris "
    "windows zos".split()
)
_KNOWN_ARCH: Final = frozenset(
    "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le "
    "ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split()
)


def _normalise_os(name: str) -> str:
    lowered = name.lower()
    return "darwin" if lowered == "macos" else lowered


def _normalise_arch(architecture: str, variant: str) -> tuple[str, str]:
    architecture, variant = architecture.lower(), variant.lower()
    if architecture == "i386":
        return "386", ""
    if architecture in ("x86_64", "x86-64", "amd64"):
        return "amd64", "" if variant == "v1" else variant
    if architecture in ("aarch64", "arm64"):
        return "arm64", "" if variant in ("8", "v8") else variant
    if architecture == "armhf":
        return "arm", "v7"
    if architecture == "armel":
        return "arm", "v6"
    if architecture == "arm":
        return "arm", {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"}.get(variant, variant)
    return architecture, variant


def normalise(platform: Platform) -> Platform:
    """The same platform in the words of the specification: `x86_64` is `amd64`, `arm64/v8` is `arm64`."""
    architecture, variant = _normalise_arch(platform.architecture, platform.variant or "")
    return msgspec.structs.replace(
        platform, os=_normalise_os(platform.os), architecture=architecture, variant=variant or None
    )


def format_platform(platform: Platform) -> str:
    """The platform as text, `unknown` where it has no operating system."""
    parts = [platform.os, platform.architecture, platform.variant or ""]
    return "/".join(part for part in parts if part) if platform.os else "unknown"


def parse_platform(text: str, host: Platform) -> Platform:
    """Read a platform as a person writes it, and normalise it.

    Args:
        text: `os`, `arch`, `os/arch` or `os/arch/variant`; the os may be `os(version+feature)`.
        host: fills in what is left out.

    Raises:
        InvalidPlatform: the form is wrong, or the single word is no os or architecture that is known.
    """
    raise NotImplementedError


def ranked(wanted: Platform) -> Sequence[Platform]:
    """The platforms that can run where `wanted` was asked for, best first."""
    raise NotImplementedError


T = TypeVar("T")


def best_match(wanted: Platform, offered: Iterable[tuple[Platform, T]]) -> T | None:
    """Of several things for platforms, the one that fits best; None when none fits."""
    raise NotImplementedError
