"""Platforms: parse, format, normalise, and choose the best of several as containerd does.

    platform = os | architecture | os "/" architecture [ "/" variant ]
    os       = name [ "(" [ version ] *( "+" feature ) ")" ]

In a version and in a feature `%`, `+`, `(`, `)` and `/` are written as `%25`, `%2B`, `%28`, `%29`, `%2F`.
Specification: image-spec image-index.md "platform"; github.com/containerd/platforms for normalisation and
matching (`Only`, `OnlyStrict`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from shale.errors import Invalid
from shale.oci import architecture as names

__all__ = [
    "InvalidPlatform",
    "Platform",
    "best_match",
    "format_full",
    "format_platform",
    "host_platform",
    "matches",
    "normalise",
    "parse_platform",
    "ranked",
]


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


T = TypeVar("T")

_TOKEN: Final = re.compile(r"[A-Za-z0-9_.-]+\Z")
_OS: Final = re.compile(r"([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?\Z")
_ESCAPED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*\Z")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_RESERVED: Final = str.maketrans({character: f"%{ord(character):02X}" for character in "%+()/"})
_FORM: Final = "expected os, architecture, os/architecture or os/architecture/variant, as linux/arm64"


def normalise(platform: Platform) -> Platform:
    """The same platform in the words of the specification: `x86_64` is `amd64`, `arm64/v8` is `arm64`."""
    architecture, variant = names.normalise_architecture(platform.architecture, platform.variant or "")
    return Platform(
        os=names.normalise_os(platform.os),
        architecture=architecture,
        variant=variant or None,
        os_version=platform.os_version or None,
        os_features=tuple(sorted(set(platform.os_features or ()))) or None,
    )


def host_platform(machine: str, system: str) -> Platform:
    """The platform of a machine.

    Args:
        machine: as `os.uname().machine` says it, for example `x86_64`.
        system: as `os.uname().sysname` says it, for example `Linux`.
    """
    architecture, variant = names.machine_architecture(machine)
    return normalise(Platform(os=system, architecture=architecture, variant=variant))


def format_platform(platform: Platform) -> str:
    """The platform as people read it, `unknown` where it has no operating system; no version, no features."""
    if not platform.os:
        return "unknown"
    parts = (platform.os, platform.architecture, platform.variant or "")
    return "/".join(part for part in parts if part)


def format_full(platform: Platform) -> str:
    """The platform with the version and the features of its os: what `parse_platform` reads back."""
    features = "".join(f"+{feature.translate(_RESERVED)}" for feature in sorted(platform.os_features or ()))
    options = (platform.os_version or "").translate(_RESERVED) + features
    if not platform.os or not options:
        return format_platform(platform)
    return format_platform(msgspec.structs.replace(platform, os=f"{platform.os}({options})"))


def _unescape(shown: str, text: str) -> str:
    if not _ESCAPED.match(text):
        raise InvalidPlatform(f"invalid platform {shown!r}: after '%' come two hexadecimal digits")
    plain = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode())
    try:
        return plain.decode()
    except UnicodeDecodeError:
        raise InvalidPlatform(f"invalid platform {shown!r}: what '%' stands for is not UTF-8") from None


def parse_platform(text: str, host: Platform) -> Platform:
    """Read a platform as a person writes it, in the words of the specification.

    A variant that was written is kept (`linux/arm64/v8`), one that was not is not made up (`linux/arm`), so
    that the text and the value say the same; matching normalises both sides.

    Args:
        text: `os`, `arch`, `os/arch` or `os/arch/variant`; the os may be `os(version+feature)`.
        host: fills in what is left out.

    Raises:
        InvalidPlatform: the form is wrong, or the single word is no os or architecture that is known.
    """
    shown = text if len(text) <= 140 else text[:140] + "..."
    first, *rest = text.split("/", 3)
    os = _OS.match(first)
    if os is None or len(rest) > 2 or not all(_TOKEN.match(part) for part in rest):
        raise InvalidPlatform(f"invalid platform {shown!r}: {_FORM}")
    features = tuple(_unescape(shown, feature) for feature in (os[3] or "").split("+") if feature)
    platform = Platform(
        os=names.normalise_os(os[1]),
        os_version=_unescape(shown, os[2] or "") or None,
        os_features=features or None,
    )
    if not rest and names.is_known_os(platform.os):
        same_arm = host.architecture == "arm" and host.variant == "v7"
        return msgspec.structs.replace(
            platform, architecture=host.architecture, variant=None if same_arm else host.variant
        )
    written = rest[1] if len(rest) == 2 else ""
    architecture, variant = names.normalise_architecture(rest[0] if rest else first, written)
    if not rest:
        if not names.is_known_architecture(architecture):
            raise InvalidPlatform(f"invalid platform {shown!r}: no operating system or architecture known here")
        platform = Platform(os=host.os)
    if architecture == "arm" and not written and variant == "v7":
        variant = ""
    if architecture == "arm64" and written and not variant:
        variant = "v8"
    return msgspec.structs.replace(platform, architecture=architecture, variant=variant or None)


def ranked(wanted: Platform) -> tuple[Platform, ...]:
    """The platforms that can run where `wanted` was asked for, best first and normalised.

    A processor runs what older variants of it run: `linux/arm64` also runs `linux/arm/v8` to `v5`, and
    `linux/amd64` runs `linux/386`.
    """
    wanted = normalise(wanted)
    return tuple(
        msgspec.structs.replace(wanted, architecture=architecture, variant=variant or None)
        for architecture, variant in names.runnable(wanted.architecture, wanted.variant or "")
    )


def matches(wanted: Platform, offered: Platform) -> bool:
    """Whether `offered` is the platform `wanted` itself, in whatever words, needing no feature beyond it."""
    return _same(normalise(wanted), normalise(offered))


def _same(wanted: Platform, offered: Platform) -> bool:
    """`matches` for two that are normalised."""
    return (
        (wanted.os, wanted.architecture, wanted.variant) == (offered.os, offered.architecture, offered.variant)
        and set(offered.os_features or ()) <= set(wanted.os_features or ())
        and (wanted.os != "windows" or _same_windows(wanted.os_version, offered.os_version))
    )


_LTSC_2022: Final = 20348


def _windows_build(version: str) -> tuple[int, int, int]:
    numbers = version.split(".")[:3]
    if len(numbers) < 3 or not all(part.isascii() and part.isdigit() and len(part) <= 5 for part in numbers):
        return (0, 0, 0)
    return (int(numbers[0]), int(numbers[1]), int(numbers[2]))


def _same_windows(host: str | None, image: str | None) -> bool:
    """Windows containers share the host's kernel: the same build, or from Server 2022 on an older one."""
    on = _windows_build(host or "")
    if not any(on) or not image:
        return True
    of = _windows_build(image)
    if on[:2] != of[:2]:
        return False
    return on[2] == of[2] if on[2] < _LTSC_2022 else _LTSC_2022 <= of[2] <= on[2]


def best_match(wanted: Platform, offered: Iterable[tuple[Platform, T]], *, strict: bool = False) -> T | None:
    """Of several things for platforms, the one that fits best; None when none fits.

    Among things for one platform the one that uses more of the wanted features of the os is better, and then
    the one that comes first (image-spec image-index.md: "the first matching entry SHOULD be used").

    Args:
        wanted: the platform to run on, in whatever words.
        offered: pairs of the platform that a thing is for, and the thing.
        strict: accept the very platform only, not what an older processor would run.
    """
    ladder = (normalise(wanted),) if strict else ranked(wanted)
    best: tuple[int, int] | None = None
    found: T | None = None
    for platform, thing in offered:
        normal = normalise(platform)
        for place, step in enumerate(ladder):
            if _same(step, normal):
                rank = (place, -len(normal.os_features or ()))
                if best is None or rank < best:
                    best, found = rank, thing
                break
    return found
