"""What root has to type where a user's namespaces are refused, or have one id only.

Specification: user_namespaces(7), subuid(5), login.defs(5).
"""

from __future__ import annotations

from typing import Final

from shale.linux.installing import how_to_install

__all__ = ["free_id", "how_to_allow", "read_file", "why_alone"]

_MOST_FILE: Final = 16 * 1024 * 1024
_SHORT: Final = 64
"""Bytes of a switch: the kernel refuses to be asked for megabytes."""
_FIRST: Final = 100_000
"""The first id that distributions give (SUB_UID_MIN of login.defs(5)), and how many each user gets."""
_USUAL: Final = 65_536
_SWITCHES: Final = (
    ("user/max_user_namespaces", "0", "15000"),
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
)
"""Below /proc/sys: what keeps users from namespaces, that value, and one that does not."""
_UIDMAP: Final = {"dnf": "shadow-utils", "apk": "shadow-uidmap", "zypper": "shadow", "pacman": "shadow"}
"""Which package has newuidmap."""


def how_to_allow() -> str:
    """How root allows user namespaces, by the switches that are off: the kernel does not tell which it was."""
    wrong = [
        f"sysctl -w {switch.replace('/', '.')}={good}"
        for switch, bad, good in _SWITCHES
        if read_file(f"/proc/sys/{switch}", _SHORT).strip() == bad
    ]
    if wrong:
        return f"root allows it with: {'; '.join(wrong)}"
    return (
        "no switch in /proc/sys forbids it: in a container it is that container's seccomp or AppArmor, "
        "which --privileged or --security-opt seccomp=unconfined of its engine lifts"
    )


def why_alone(name: str, *, has_programs: bool) -> str:
    """Why there is one id only in the namespaces of a user, and how there can be more.

    Args:
        name: of the user.
        has_programs: whether newuidmap and newgidmap are here.
    """
    if has_programs:
        missing = "no range of ids in /etc/subuid and /etc/subgid"
        first = max(free_id(read_file(path)) for path in ("/etc/subuid", "/etc/subgid"))
        given = f"{first}-{first + _USUAL - 1}"
        remedy = f"root gives some with: usermod --add-subuids {given} --add-subgids {given} {name}"
    else:
        missing = "no newuidmap and newgidmap"
        remedy = how_to_install("uidmap", _UIDMAP, what="them")
    return f"{name} has {missing}: every file in a container belongs to root there ({remedy})"


def free_id(text: str) -> int:
    """The first id after all that anybody was given.

    Args:
        text: of /etc/subuid or /etc/subgid.
    """
    fields = (line.split(":") for line in text.splitlines())
    ends = [int(one[1]) + int(one[2]) for one in fields if len(one) == 3 and (one[1] + one[2]).isdecimal()]
    return max([_FIRST, *ends])


def read_file(path: str, most: int = _MOST_FILE) -> str:
    """The beginning of a file of the system; nothing where it cannot be read.

    Args:
        path: of the file.
        most: bytes.
    """
    try:
        with open(path, "rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""
