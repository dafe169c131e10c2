"""Our profile against the one that docker and podman share: the same calls on the same conditions.

The other profile is judged here by a reading of its own, from its JSON, and not by the code under test. Two
things are otherwise on purpose: families of sockets are compared by the bits that the kernel looks at, and
there are no calls of x32.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from shale.runtime.profile import PROFILE
from shale.runtime.seccomp import parse_profile, translate
from shared_vectors import VECTORS

FIXTURE = VECTORS / "moby-seccomp" / "seccomp-default.json"
WORDS = {
    "amd64": "amd64",
    "arm64": "arm64",
    "arm": "arm",
    "386": "x86",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "mips64le": "mipsel64",
    "loong64": "loongarch64",
}
SETS = [
    frozenset(),
    frozenset({"CAP_SYS_ADMIN"}),
    frozenset({"CAP_SYS_CHROOT", "CAP_SETUID"}),
    frozenset({"CAP_SYS_PTRACE", "CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_NICE"}),
    frozenset({"CAP_SYS_TIME", "CAP_SYS_RAWIO", "CAP_SYS_MODULE", "CAP_SYS_BOOT", "CAP_SYS_PACCT"}),
    frozenset({"CAP_SYS_TTY_CONFIG", "CAP_DAC_READ_SEARCH"}),
]

FAMILIES = 48
"""More than there are (AF_MAX of linux/socket.h)."""
Meaning = set[tuple[str, str, int | None, tuple[tuple[int, str, int, int], ...]]]


def theirs(word: str, capabilities: frozenset[str], kernel: tuple[int, int]) -> Meaning:
    """What moby's profile means, call by call."""
    meaning: Meaning = set()
    for rule in json.loads(FIXTURE.read_bytes())["syscalls"]:
        includes, excludes = rule.get("includes", {}), rule.get("excludes", {})
        least = tuple(int(part) for part in includes.get("minKernel", "0.0").split("."))
        if "arches" in includes and word not in includes["arches"]:
            continue
        if any(one not in capabilities for one in includes.get("caps", ())):
            continue
        if word in excludes.get("arches", ()) or capabilities & set(excludes.get("caps", ())):
            continue
        if kernel < least:
            continue
        arguments = tuple(
            (one["index"], one["op"], one["value"], one.get("valueTwo", 0)) for one in rule.get("args", ())
        )
        meaning |= {(name, rule["action"], rule.get("errnoRet"), arguments) for name in rule["names"]}
    return meaning


def ours(document: dict[str, Any]) -> Meaning:
    return {
        (
            name,
            rule["action"],
            rule.get("errnoRet"),
            tuple((one["index"], one["op"], one["value"], one["valueTwo"]) for one in rule.get("args", ())),
        )
        for rule in document["syscalls"]
        for name in rule["names"]
    }


@pytest.mark.parametrize("kernel", [(4, 7), (4, 8), (6, 18)])
@pytest.mark.parametrize("capabilities", SETS, ids=lambda one: "+".join(sorted(one)) or "none")
@pytest.mark.parametrize("architecture", WORDS)
def test_the_same_calls_on_the_same_conditions(
    architecture: str, capabilities: frozenset[str], kernel: tuple[int, int]
) -> None:
    expected = theirs(WORDS[architecture], capabilities, kernel)
    own, read = (
        translate(profile, architecture=architecture, capabilities=capabilities, kernel=kernel)
        for profile in (PROFILE, parse_profile(FIXTURE.read_bytes()))
    )
    assert ours(read) == expected
    assert without_sockets(ours(own)) == without_sockets(expected)
    assert families(ours(own)) == families(expected) == set(range(FAMILIES)) - {38, 40}
    for document in (own, read):
        assert document["defaultAction"] == "SCMP_ACT_ERRNO"
        assert document["defaultErrnoRet"] == 1


def without_sockets(meaning: Meaning) -> Meaning:
    return {one for one in meaning if one[0] != "socket"}


def families(meaning: Meaning) -> set[int]:
    """The families of sockets that may be made."""
    holds: dict[str, Callable[[int, int, int], bool]] = {
        "SCMP_CMP_LT": lambda family, value, _: family < value,
        "SCMP_CMP_EQ": lambda family, value, _: family == value,
        "SCMP_CMP_GT": lambda family, value, _: family > value,
        "SCMP_CMP_MASKED_EQ": lambda family, mask, rest: family & mask == rest,
    }
    conditions = [arguments for name, _, _, arguments in meaning if name == "socket"]
    return {
        family
        for family in range(FAMILIES)
        if any(all(holds[how](family, value, rest) for _, how, value, rest in one) for one in conditions)
    }


def test_the_same_processors() -> None:
    processors = json.loads(FIXTURE.read_bytes())["archMap"]
    assert dict(PROFILE.architectures) == {
        one["architecture"]: tuple(sub for sub in one["subArchitectures"] or () if sub != "SCMP_ARCH_X32")
        for one in processors
    }
