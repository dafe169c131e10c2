"""Becoming root of a user namespace of one's own, with a mount namespace in it.

The process that calls goes on inside: nothing is started anew, and no process has to live on for it. While it
is still alone (no threads), it makes the namespaces, and a child that stayed outside asks the system's setuid
programs for the ids that the user was given (/etc/subuid, /etc/subgid). Where there are none, one id is all.

Specification: user_namespaces(7), newuidmap(1), subuid(5).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from shale.errors import Denied
from shale.linux.idmap import IdTable, parse_subordinate, table_for
from shale.linux.process import ProgramNotFound, find_program, run_bounded
from shale.linux.syscall import library

__all__ = ["Entered", "NamespaceDenied", "NoNamespaces", "enter_user_namespace"]

_NEW_USER: Final = 0x10000000
_NEW_MOUNTS: Final = 0x00020000
_REC: Final = 1 << 14
_SLAVE: Final = 1 << 19
_SECONDS: Final = 20.0
_OUTPUT: Final = 64 * 1024
_MOST_FILE: Final = 16 * 1024 * 1024


class NamespaceDenied(Denied):
    """This machine lets this user have no user namespace, or not the ids that the user was given."""


class NoNamespaces(NamespaceDenied):
    """This machine lets this user have no user namespace: the process is where it was."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A namespace that this process is in now.

    Attributes:
        user: the user id outside.
        note: what is not as it should, for a person; empty where all is well.
    """

    user: int
    note: str = ""


def enter_user_namespace(environ: Mapping[str, str]) -> Entered:
    """Make this process root of a user namespace and of a mount namespace; no thread may have been started.

    Args:
        environ: whose PATH has newuidmap and newgidmap. The caller puts `outside.MARK` into what it
            hands on.

    Raises:
        NoNamespaces: the kernel refuses; nothing has happened.
        NamespaceDenied: one of the two programs refuses; what to do is in the message.
    """
    user, group = os.geteuid(), os.getegid()
    users, groups = _given(user, group)
    programs = _programs(environ)
    if programs and len(users.ranges) > 1 and len(groups.ranges) > 1:
        _map_ranges(programs, users, groups, environ)
        note = ""
    else:
        _unshare()
        _map_one(user, group)
        note = _single_note(user, has_programs=programs is not None)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    library("mount", None, b"/", None, _REC | _SLAVE, None)
    return Entered(user, note)


def _single_note(user: int, *, has_programs: bool) -> str:
    name = _name(user) or str(user)
    missing = "no range of ids in /etc/subuid and /etc/subgid" if has_programs else "no newuidmap and newgidmap"
    remedy = (
        f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
        if has_programs
        else "the package uidmap (shadow-utils) has them"
    )
    return f"{name} has {missing}: every file in a container belongs to root there ({remedy})"


def _given(user: int, group: int) -> tuple[IdTable, IdTable]:
    name = _name(user)
    return (
        table_for(user, parse_subordinate(_read("/etc/subuid"), user, name)),
        table_for(group, parse_subordinate(_read("/etc/subgid"), user, name)),
    )


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return ""


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST_FILE).decode("utf-8", "replace")
    except OSError:
        return ""


def _programs(environ: Mapping[str, str]) -> tuple[str, str] | None:
    try:
        return find_program("newuidmap", environ), find_program("newgidmap", environ)
    except ProgramNotFound:
        return None


def _unshare() -> None:
    try:
        library("unshare", _NEW_USER | _NEW_MOUNTS)
    except OSError as error:
        raise NoNamespaces(
            f"this machine lets users have no user namespaces: {(error.strerror or '').lower()}; see "
            "/proc/sys/user/max_user_namespaces, kernel.unprivileged_userns_clone and "
            "kernel.apparmor_restrict_unprivileged_userns"
        ) from error


def _map_one(user: int, group: int) -> None:
    # The kernel lets a user map a group only after giving up setgroups(2), by which one could leave a group.
    with suppress(FileNotFoundError):
        _write_own("setgroups", "deny")
    _write_own("uid_map", f"0 {user} 1")
    _write_own("gid_map", f"0 {group} 1")


def _write_own(name: str, text: str) -> None:
    try:
        Path("/proc/self", name).write_text(text, encoding="ascii")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NamespaceDenied(f"the kernel refuses ids for a user namespace: {error.strerror}") from error


def _map_ranges(programs: tuple[str, str], users: IdTable, groups: IdTable, environ: Mapping[str, str]) -> None:
    """Make the namespaces, and have a child that is outside of them get the ids."""
    parent = os.getpid()
    ready, made = os.pipe2(os.O_CLOEXEC)
    answer, say = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        os.close(made)
        os.close(answer)
        _ask_for_ids(ready, say, parent, programs, users, groups, environ)
    os.close(ready)
    os.close(say)
    try:
        _unshare()
        os.write(made, b"1")
        with open(answer, "rb", closefd=False) as told:
            refusal = told.read(_OUTPUT).decode("utf-8", "replace")
    finally:
        # Without a word the child ends by itself.
        os.close(made)
        os.close(answer)
        os.waitpid(child, 0)
    if refusal:
        raise NamespaceDenied(f"{refusal}; look at /etc/subuid and /etc/subgid")


def _ask_for_ids(
    ready: int, say: int, parent: int, programs: tuple[str, str], users: IdTable, groups: IdTable,
    environ: Mapping[str, str],
) -> NoReturn:  # fmt: skip
    """In the child: wait for the word, run the two programs on the parent, say what they did not like."""
    try:
        if os.read(ready, 1):
            for program, table in zip(programs, (users, groups), strict=True):
                numbers = [str(one) for row in table.ranges for one in (row.inside, row.outside, row.count)]
                done = run_bounded(
                    [program, str(parent), *numbers],
                    stdin=b"",
                    timeout=_SECONDS,
                    output_limit=_OUTPUT,
                    env=environ,
                )
                if done.status != 0:
                    os.write(say, done.errors.strip() or f"{program} ended with {done.status}".encode())
                    break
    except BaseException as error:  # noqa: BLE001 - this process must end here
        os.write(say, str(error).encode("utf-8", "replace")[:_OUTPUT])
    finally:
        os._exit(0)
