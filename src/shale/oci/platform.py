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

__all__ = ["InvalidPlatform", "Platform", "best_match", "format_platform", "host_platform", "parse_platform", "ranked"]


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


def host_platform(machine: str, system: str) -> Platform:
    """The platform of a machine, from what uname(2) says of it: `x86_64` and `Linux`, say."""
    variants = {"armv7l": "v7", "armv6l": "v6", "armv5l": "v5", "armv8l": "v7"}
    if machine in variants:
        return Platform(os=_normalise_os(system), architecture="arm", variant=variants[machine])
    return normalise(Platform(os=system, architecture=machine))


def parse_platform(text: str, host: Platform) -> Platform:
    """Read a platform as a person writes it, and normalise it.

    Args:
        text: `os`, `arch`, `os/arch` or `os/arch/variant`; the os may be `os(version+feature)`.
        host: fills in what is left out.

    Raises:
        InvalidPlatform: the form is wrong, or the single word is no os or architecture that is known.
    """
    parts = text.split("/")
    if "*" in text:
        raise InvalidPlatform(f"invalid platform {text!r}: wildcards are not supported")
    if len(parts) > 3 or not all(_TOKEN.match(part) for part in parts[1:]):
        raise InvalidPlatform(f"invalid platform {text[:100]!r}: expected os[/arch[/variant]]")
    match = _OS.match(parts[0])
    if match is None:
        raise InvalidPlatform(f"invalid platform {text[:100]!r}: {parts[0][:60]!r} is not an operating system")
    version = match[2] or None
    features = tuple(sorted(match[3].split("+")[1:])) if match[3] else None
    if len(parts) > 1:
        found = normalise(Platform(os=match[1], architecture=parts[1], variant="".join(parts[2:]) or None))
        return msgspec.structs.replace(found, os_version=version, os_features=features)
    name = _normalise_os(match[1])
    if name in _KNOWN_OS:
        variant = host.variant if host.architecture == "arm" else None
        return Platform(
            os=name, architecture=host.architecture, variant=variant, os_version=version, os_features=features
        )
    found = normalise(Platform(os=host.os, architecture=parts[0]))
    if found.architecture in _KNOWN_ARCH:
        return found
    raise InvalidPlatform(f"invalid platform {text!r}: no operating system or architecture of that name is known")


def ranked(wanted: Platform) -> Sequence[Platform]:
    """The platforms that can run where `wanted` was asked for, best first."""
    wanted = normalise(wanted)
    found = [wanted]
    architecture, variant = wanted.architecture, wanted.variant or ""
    number = int(variant[1:]) if re.fullmatch(r"v[0-9]", variant) else 0
    if architecture == "amd64":
        found += [_like(wanted, "amd64", f"v{one}") for one in range(number - 1, 1, -1)]
        found += [_like(wanted, "amd64", None)] if number > 1 else []
        found += [_like(wanted, "386", None)]
    elif architecture == "arm":
        found += [_like(wanted, "arm", f"v{one}") for one in range(number - 1, 4, -1)]
    elif architecture == "arm64":
        found += [_like(wanted, "arm64", f"v{one}" if one != 8 else None) for one in range(number - 1, 7, -1)]
        found += [_like(wanted, "arm", f"v{one}") for one in range(8, 4, -1)]
    return found


def _like(platform: Platform, architecture: str, variant: str | None) -> Platform:
    return msgspec.structs.replace(platform, architecture=architecture, variant=variant)


T = TypeVar("T")


def best_match(wanted: Platform, offered: Iterable[tuple[Platform, T]]) -> T | None:
    """Of several things for platforms, the one that fits best; None when none fits."""
    candidates = [(normalise(platform), thing) for platform, thing in offered]
    for acceptable in ranked(wanted):
        for platform, thing in candidates:
            if _runs(acceptable, platform):
                return thing
    return None


def _runs(acceptable: Platform, offered: Platform) -> bool:
    same = (acceptable.os, acceptable.architecture, acceptable.variant)
    if same != (offered.os, offered.architecture, offered.variant):
        return False
    return not acceptable.os_version or not offered.os_version or acceptable.os_version == offered.os_version
