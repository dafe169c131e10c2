"""From a seccomp profile to `linux.seccomp` of a runtime spec, for one container on one machine.

A profile has conditions (capabilities, processor, kernel) that a runtime knows nothing of: they are decided
here. Specification: runtime-spec config-linux.md, "Seccomp"; the profile's own form is docker's.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from shale.errors import Invalid
from shale.oci.document import read_document
from shale.runtime.profile import Argument, Profile, Rule

__all__ = ["InvalidProfile", "parse_profile", "translate"]

_MOST: Final = 4 * 1024 * 1024

_WORDS: Final = {
    "386": ("x86", "SCMP_ARCH_X86"),
    "amd64": ("amd64", "SCMP_ARCH_X86_64"),
    "arm": ("arm", "SCMP_ARCH_ARM"),
    "arm64": ("arm64", "SCMP_ARCH_AARCH64"),
    "loong64": ("loongarch64", "SCMP_ARCH_LOONGARCH64"),
    "mips": ("mips", "SCMP_ARCH_MIPS"),
    "mips64": ("mips64", "SCMP_ARCH_MIPS64"),
    "mips64le": ("mipsel64", "SCMP_ARCH_MIPSEL64"),
    "mips64p32": ("mips64n32", "SCMP_ARCH_MIPS64N32"),
    "mips64p32le": ("mipsel64n32", "SCMP_ARCH_MIPSEL64N32"),
    "mipsle": ("mipsel", "SCMP_ARCH_MIPSEL"),
    "ppc64": ("ppc64", "SCMP_ARCH_PPC64"),
    "ppc64le": ("ppc64le", "SCMP_ARCH_PPC64LE"),
    "riscv64": ("riscv64", "SCMP_ARCH_RISCV64"),
    "s390x": ("s390x", "SCMP_ARCH_S390X"),
}
"""Go's name of a processor: the profile's word for it, and libseccomp's."""

_ACTIONS: Final = frozenset(
    f"SCMP_ACT_{word}"
    for word in ("ALLOW", "ERRNO", "KILL", "KILL_PROCESS", "KILL_THREAD", "LOG", "TRACE", "TRAP")
)
_OPERATORS: Final = frozenset(f"SCMP_CMP_{word}" for word in ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"))
_KERNEL: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")


class InvalidProfile(Invalid):
    """A seccomp profile says something that shale cannot hold a container to."""


def translate(
    profile: Profile, *, architecture: str, capabilities: frozenset[str], kernel: tuple[int, int]
) -> dict[str, Any]:
    """The filter of one container.

    Args:
        profile: with its conditions.
        architecture: of the machine, in Go's word; its own is all that is filtered for where it is not known.
        capabilities: of the container's bounding set.
        kernel: version of the kernel that runs.
    """
    word, native = _WORDS.get(architecture, (architecture, ""))
    document: dict[str, Any] = {"defaultAction": profile.default_action}
    if profile.default_errno is not None:
        document["defaultErrnoRet"] = profile.default_errno
    for main, others in profile.architectures:
        if main == native:
            document["architectures"] = [main, *others]
    document["syscalls"] = [
        _syscall(rule) for rule in profile.rules if _holds(rule, word, capabilities, kernel)
    ]
    return document


def _holds(rule: Rule, word: str, capabilities: frozenset[str], kernel: tuple[int, int]) -> bool:
    return (
        (not rule.architectures or word in rule.architectures)
        and word not in rule.without_architectures
        and rule.capabilities <= capabilities
        and not rule.without_capabilities & capabilities
        and kernel >= rule.kernel
        and (rule.before_kernel is None or kernel < rule.before_kernel)
    )


def _syscall(rule: Rule) -> dict[str, Any]:
    document: dict[str, Any] = {"names": list(rule.names), "action": rule.action}
    if rule.errno is not None:
        document["errnoRet"] = rule.errno
    if rule.arguments:
        document["args"] = [
            {"index": one.index, "value": one.value, "valueTwo": one.value_two, "op": one.operator}
            for one in rule.arguments
        ]
    return document


class _When(msgspec.Struct, frozen=True, rename="camel"):
    arches: tuple[str, ...] | None = None
    caps: tuple[str, ...] | None = None
    min_kernel: str | None = None


class _Argument(msgspec.Struct, frozen=True, rename="camel"):
    index: int
    op: str
    value: int = 0
    value_two: int = 0


class _Syscall(msgspec.Struct, frozen=True, rename="camel"):
    action: str
    names: tuple[str, ...] | None = None
    name: str | None = None
    errno_ret: int | None = None
    args: tuple[_Argument, ...] | None = None
    includes: _When | None = None
    excludes: _When | None = None


class _Family(msgspec.Struct, frozen=True, rename="camel"):
    architecture: str
    sub_architectures: tuple[str, ...] | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    default_action: str
    default_errno_ret: int | None = None
    arch_map: tuple[_Family, ...] | None = None
    architectures: tuple[str, ...] | None = None
    syscalls: tuple[_Syscall, ...] | None = None


def parse_profile(raw: bytes) -> Profile:
    """Read a profile in docker's form, as `--security-opt seccomp=FILE` names one.

    Raises:
        InvalidDocument: it is not JSON of that form.
        InvalidProfile: an action, operator or kernel in it is unknown, or needs a listener.
    """
    document = read_document(raw, _Document, what="the seccomp profile", limit=_MOST)
    if document.architectures and document.arch_map:
        raise InvalidProfile("the seccomp profile has both architectures and archMap; one of them is enough")
    named = document.architectures or ()
    families = [(one.architecture, one.sub_architectures or ()) for one in document.arch_map or ()]
    families += [(one, tuple(other for other in named if other != one)) for one in named]
    return Profile(
        default_action=_known(document.default_action, _ACTIONS),
        default_errno=document.default_errno_ret,
        rules=tuple(_rule(one) for one in document.syscalls or ()),
        architectures=tuple(families),
    )


def _rule(call: _Syscall) -> Rule:
    names = call.names or ((call.name,) if call.name else ())
    includes, excludes = call.includes or _When(), call.excludes or _When()
    return Rule(
        names,
        _known(call.action, _ACTIONS),
        call.errno_ret,
        tuple(
            Argument(one.index, _known(one.op, _OPERATORS), one.value, one.value_two) for one in call.args or ()
        ),
        frozenset(includes.caps or ()),
        frozenset(excludes.caps or ()),
        frozenset(includes.arches or ()),
        frozenset(excludes.arches or ()),
        _version(includes.min_kernel) or (0, 0),
        _version(excludes.min_kernel),
    )


def _known(word: str, words: frozenset[str]) -> str:
    if word not in words:
        raise InvalidProfile(f"the seccomp profile has {word[:60]!r}; known are {', '.join(sorted(words))}")
    return word


def _version(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    numbers = _KERNEL.match(text)
    if numbers is None:
        raise InvalidProfile(f"the seccomp profile has a kernel {text[:60]!r}; expected two numbers, as 4.8")
    return int(numbers[1]), int(numbers[2])
