"""From a profile to the filter of one container."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shale.oci.document import InvalidDocument
from shale.runtime.profile import PROFILE
from shale.runtime.seccomp import InvalidProfile, parse_profile, translate


def document(
    architecture: str = "amd64", *capabilities: str, kernel: tuple[int, int] = (6, 1)
) -> dict[str, Any]:
    return translate(PROFILE, architecture=architecture, capabilities=frozenset(capabilities), kernel=kernel)


def allowed(filtered: dict[str, Any]) -> set[str]:
    return {
        name
        for rule in filtered["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW" and "args" not in rule
        for name in rule["names"]
    }


def test_a_processor_filters_what_its_older_programs_call_too() -> None:
    assert document("amd64")["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert document("riscv64")["architectures"] == ["SCMP_ARCH_RISCV64"]
    assert "architectures" not in document("ppc64le")
    assert "architectures" not in document("vax")


@pytest.mark.parametrize(
    "call", ["io_uring_setup", "keyctl", "userfaultfd", "kexec_load", "swapon", "mount", "bpf"]
)
def test_what_reaches_too_deep_is_refused(call: str) -> None:
    assert call not in allowed(document())


def test_an_administrator_s_calls_need_the_capability() -> None:
    assert {"mount", "unshare", "setns", "clone3"} <= allowed(document("amd64", "CAP_SYS_ADMIN"))


def test_clone3_is_said_not_to_exist() -> None:
    assert {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38} in document()["syscalls"]


@pytest.mark.parametrize("above", [0, 1 << 32, 5 << 40])
def test_sockets_are_of_all_families_but_two_whatever_the_kernel_does_not_look_at(above: int) -> None:
    rules = [rule["args"] for rule in document()["syscalls"] if rule["names"] == ["socket"]]
    assert {one["op"] for (one,) in rules} == {"SCMP_CMP_MASKED_EQ"}
    families = [
        family
        for family in range(64)
        if any((above | family) & one["value"] == one["valueTwo"] for (one,) in rules)
    ]
    assert families == [family for family in range(48) if family not in (38, 40)]


def test_tracing_waits_for_a_kernel_that_is_safe() -> None:
    assert "ptrace" in allowed(document(kernel=(4, 8)))
    assert "ptrace" not in allowed(document(kernel=(4, 7)))


def test_a_profile_of_one_s_own() -> None:
    raw = json.dumps(
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
            "syscalls": [{"name": "chmod", "action": "SCMP_ACT_ERRNO", "excludes": {"minKernel": "5.0"}}],
        }
    ).encode()
    old = translate(parse_profile(raw), architecture="amd64", capabilities=frozenset(), kernel=(4, 19))
    assert old == {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [{"names": ["chmod"], "action": "SCMP_ACT_ERRNO"}],
    }
    new = translate(parse_profile(raw), architecture="amd64", capabilities=frozenset(), kernel=(5, 0))
    assert new["syscalls"] == []


@pytest.mark.parametrize(
    "profile",
    [
        {"defaultAction": "SCMP_ACT_NOTIFY"},
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["a"], "action": "allow"}]},
        {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["A"], "archMap": [{"architecture": "B"}]},
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [{"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "<"}]}],
        },
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [{"names": ["a"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "new"}}],
        },
    ],
)
def test_what_cannot_be_held_to_is_refused(profile: dict[str, object]) -> None:
    with pytest.raises(InvalidProfile):
        parse_profile(json.dumps(profile).encode())


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"defaultAction": 1}'])
def test_what_is_no_profile_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse_profile(raw)
