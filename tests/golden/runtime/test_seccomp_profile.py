"""Our profile against the one that docker and podman share: the same calls on the same conditions.

The other profile is judged here by a reading of its own, from its JSON, and not by the code under test.
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


def allowed_families(meaning: Meaning) -> set[int]:
    """Which families of sockets that there are may be asked for (linux/socket.h: up to 46, and AF_MAX)."""
    tests: dict[str, Callable[[int, int, int], bool]] = {
        "SCMP_CMP_LT": lambda family, value, _: family < value,
        "SCMP_CMP_EQ": lambda family, value, _: family == value,
        "SCMP_CMP_GT": lambda family, value, _: family > value,
        "SCMP_CMP_MASKED_EQ": lambda family, mask, value: family & mask == value,
    }
    conditions = [
        condition for name, _, _, conditions in meaning if name == "socket" for condition in conditions
    ]
    return {
        family
        for family in range(48)
        if any(tests[operator](family, one, two) for _, operator, one, two in conditions)
    }


def without_sockets(meaning: Meaning) -> Meaning:
    return {rule for rule in meaning if rule[0] != "socket"}


@pytest.mark.parametrize("kernel", [(4, 7), (4, 8), (6, 18)])
@pytest.mark.parametrize("capabilities", SETS, ids=lambda one: "+".join(sorted(one)) or "none")
@pytest.mark.parametrize("architecture", WORDS)
def test_the_same_calls_on_the_same_conditions(
    architecture: str, capabilities: frozenset[str], kernel: tuple[int, int]
) -> None:
    expected = theirs(WORDS[architecture], capabilities, kernel)
    for profile, strict in ((PROFILE, True), (parse_profile(FIXTURE.read_bytes()), False)):
        document = translate(profile, architecture=architecture, capabilities=capabilities, kernel=kernel)
        found = ours(document)
        if strict:
            # Families of sockets are compared in another way, and mean the same to the kernel.
            assert allowed_families(found) == allowed_families(expected) == set(range(48)) - {38, 40}
            assert without_sockets(found) == without_sockets(expected)
        else:
            assert found == expected
        assert document["defaultAction"] == "SCMP_ACT_ERRNO"
        assert document["defaultErrnoRet"] == 1


def test_the_same_processors() -> None:
    """All but x32, which kernels do not run: a call of it ends a process, as any that no filter knows."""
    families = json.loads(FIXTURE.read_bytes())["archMap"]
    assert dict(PROFILE.architectures) == {
        one["architecture"]: tuple(sub for sub in one["subArchitectures"] or () if sub != "SCMP_ARCH_X32")
        for one in families
    }
