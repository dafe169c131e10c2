"""Becoming root of a user namespace of one's own, with a mount namespace in it.

The process that calls goes on inside: nothing is started anew, and no process has to live on for it. While it
is still alone (no threads), it makes the namespaces, and a child that stayed outside asks the system's setuid
programs for the ids that the user was given (/etc/subuid, /etc/subgid). Where there are none, one id is all.

Specification: user_namespaces(7), newuidmap(1), subuid(5).
"""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from shale.errors import Conflict, Denied
from shale.linux.boot import ProcessIdentity
from shale.linux.idmap import IdTable, parse_subordinate, read_tables, table_for
from shale.linux.joining import join_user_namespace
from shale.linux.namespaceadvice import how_to_allow, read_file, why_alone
from shale.linux.process import ProgramNotFound, find_program, run_bounded
from shale.linux.syscall import library

__all__ = ["Entered", "HasThreads", "NamespaceDenied", "NoNamespaces", "enter_user_namespace"]

_NEW_USER: Final = 0x10000000
_NEW_MOUNTS: Final = 0x00020000
_REC: Final = 1 << 14
_SLAVE: Final = 1 << 19
_SECONDS: Final = 20.0
_OUTPUT: Final = 64 * 1024
_GLANCE: Final = 0.005
_GLANCES: Final = 20


class NamespaceDenied(Denied):
    """This machine lets this user have no user namespace, or not the ids that the user was given."""


class NoNamespaces(NamespaceDenied):
    """This machine lets this user have no user namespace: the process is where it was."""


class HasThreads(Conflict):
    """A process with threads can enter no user namespace (setns(2), unshare(2))."""

    def __init__(self) -> None:
        super().__init__(
            "a process that has threads can enter no user namespace: do it before anything starts one, or "
            "start the program with shale unshare"
        )


@dataclass(frozen=True, slots=True)
class Entered:
    """A namespace that this process is in now.

    Attributes:
        user: the user id outside.
        note: what is not as it should, for a person; empty where all is well.
        joined: whether others are in it.
    """

    user: int
    note: str = ""
    joined: bool = False


def enter_user_namespace(environ: Mapping[str, str], neighbours: Iterable[ProcessIdentity] = ()) -> Entered:
    """Make this process root of a user namespace and of a mount namespace; no thread may have been started.

    Args:
        environ: whose PATH has newuidmap and newgidmap. The caller puts `outside.MARK` into what it
            hands on.
        neighbours: processes of this user's whose user namespace is joined, if one of them lives.

    Raises:
        HasThreads: it is too late for this process.
        NoNamespaces: the kernel refuses; nothing has happened.
        NamespaceDenied: one of the two programs refuses, or what is allowed inside is of no use; what to do is
            in the message.
    """
    user, group = os.geteuid(), os.getegid()
    if not _is_alone():
        raise HasThreads
    joined = any(_join(one) for one in neighbours)
    has_programs = joined or _make(user, group, environ)
    note = ""
    if len(read_tables()[0].ranges) == 1:
        note = why_alone(_name(user) or str(user), has_programs=has_programs)
    # AppArmor lets users make a namespace in which they may do nothing; that shows only now.
    with _denied("the kernel lets users do nothing in a user namespace"):
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        if joined:
            library("unshare", _NEW_MOUNTS)
        library("mount", None, b"/", None, _REC | _SLAVE, None)
    return Entered(user, note, joined=joined)


def _is_alone() -> bool:
    """Whether this thread is the only one; one that has just ended is in the list for a moment more."""
    for _ in range(_GLANCES):
        if len(os.listdir("/proc/self/task")) == 1:
            return True
        time.sleep(_GLANCE)
    return False


def _join(neighbour: ProcessIdentity) -> bool:
    try:
        join_user_namespace(neighbour)
    except OSError:  # it has ended, or it is not where it was
        return False
    return True


def _make(user: int, group: int, environ: Mapping[str, str]) -> bool:
    """Make the namespaces; whether there are programs that can give them more than one id."""
    users, groups = _given(user, group)
    programs = _programs(environ)
    if programs and len(users.ranges) > 1 and len(groups.ranges) > 1:
        _map_ranges(programs, users, groups, environ)
    else:
        _unshare()
        _map_one(user, group)
    return programs is not None


def _given(user: int, group: int) -> tuple[IdTable, IdTable]:
    name = _name(user)
    return (
        table_for(user, parse_subordinate(read_file("/etc/subuid"), user, name)),
        table_for(group, parse_subordinate(read_file("/etc/subgid"), user, name)),
    )


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return ""


def _programs(environ: Mapping[str, str]) -> tuple[str, str] | None:
    try:
        return find_program("newuidmap", environ), find_program("newgidmap", environ)
    except ProgramNotFound:
        return None


def _unshare() -> None:
    with _denied("this machine lets users have no user namespaces", NoNamespaces):
        library("unshare", _NEW_USER | _NEW_MOUNTS)


@contextmanager
def _denied(what: str, kind: type[NamespaceDenied] = NamespaceDenied) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {(error.strerror or '').lower()}; {how_to_allow()}") from error


def _map_one(user: int, group: int) -> None:
    # The kernel lets a user map a group only after giving up setgroups(2), by which one could leave a group.
    if os.path.exists("/proc/self/setgroups"):
        _write_own("setgroups", "deny")
    _write_own("uid_map", f"0 {user} 1")
    _write_own("gid_map", f"0 {group} 1")


def _write_own(name: str, text: str) -> None:
    with _denied("the kernel refuses ids for a user namespace"):
        Path("/proc/self", name).write_text(text, encoding="ascii")


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
