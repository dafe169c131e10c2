"""The user namespace of an ordinary user's store: made by the first process that needs it, joined by others.

Processes in different user namespaces of one user cannot signal what runs as another user of a container, nor
see its mounts. So there is one for each store, for as long as somebody is in it: the processes that entered it
are noted in the store's root, and containers know their first process.

Format: docs/formats.md "namespace.json".
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec.structs import astuple

from shale.engine.settings import settings_from
from shale.linux.boot import ProcessIdentity, current_process, is_alive
from shale.linux.namespaces import Entered, enter_user_namespace
from shale.linux.outside import MARK, outer_user

__all__ = ["enter_namespace_of", "unshare"]

_FILE: Final = "namespace.json"
_LARGEST: Final = 1024 * 1024


def unshare(root: Path | str | None = None) -> str:
    """Become root of the user namespace in which a user's containers run: for programs, before all else.

    The process has a mount namespace of its own then: what it mounts ends with it. It goes on seeing the
    user's files, as root's. Root, and who is inside already, stays where they are.

    Args:
        root: the store's folder; by default the one that `shale` uses.

    Returns:
        What is not as it should, for a person: that containers have one user only. Empty where all is well.

    Raises:
        HasThreads: the process has threads, so it is too late; `shale unshare PROGRAM` starts one inside.
        NamespaceDenied: this machine does not let this user.
    """
    user = outer_user(os.environ)
    if os.geteuid() == 0:
        return ""
    folder = Path(root).absolute() if root is not None else None
    entered = enter_namespace_of(settings_from(os.environ, user=user, root=folder).root, os.environ)
    os.environ[MARK] = str(entered.user)
    return entered.note


def enter_namespace_of(root: Path, environ: Mapping[str, str]) -> Entered:
    """Make this process root of the user namespace of a store; see `enter_user_namespace`.

    Args:
        root: of the store; need not be there.
        environ: whose PATH has newuidmap; the caller puts `outside.MARK` into it.
    """
    with _members(root) as file:
        members = _living(file)
        entered = enter_user_namespace(environ, [*members, *_first_processes(root, members)])
        if not entered.joined:
            _forget_mounts(root)
        _write(file, [*members, current_process()])
    return entered


@contextmanager
def _members(root: Path) -> Iterator[int | None]:
    """The file of those who are inside, held; None where there can be none, and every process is alone."""
    file = None
    with suppress(OSError):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(root / _FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if file is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        if file is not None:
            os.close(file)


def _living(file: int | None) -> list[ProcessIdentity]:
    if file is None:
        return []
    try:
        rows = json.loads(os.pread(file, _LARGEST, 0) or b"[]")
        found = [
            ProcessIdentity(str(boot), int(space), int(pid), int(began)) for boot, space, pid, began in rows
        ]
    except (ValueError, TypeError):  # half written, by one that was killed
        return []
    return [one for one in found if is_alive(one)]


def _write(file: int | None, members: list[ProcessIdentity]) -> None:
    if file is not None:
        content = json.dumps([astuple(one) for one in members]).encode()
        with suppress(OSError):  # a full disk: whoever comes next is alone
            os.ftruncate(file, 0)
            os.pwrite(file, content, 0)


def _first_processes(root: Path, members: list[ProcessIdentity]) -> Iterator[ProcessIdentity]:
    """Those of running containers: they outlive a shale that was killed. Looked for where nobody else is."""
    if members or not _has_entries(root / "containers"):
        return
    from shale.engine.engine import Engine  # noqa: PLC0415 - hardly ever needed here

    with Engine.open(root) as engine:
        records = engine.containers.rows.all()
    yield from (one.process for one in records if one.process is not None)


def _forget_mounts(root: Path) -> None:
    """Forget images that were mounted in a namespace in which nobody is any more."""
    if not _has_entries(root / "mounts"):
        return
    from shale.engine.engine import Engine  # noqa: PLC0415 - as above
    from shale.image.mounts import ImageMounts  # noqa: PLC0415 - as above

    with Engine.open(root) as engine:
        ImageMounts(engine.store, engine.parts.snapshotting.snapshots).forget_others()


def _has_entries(folder: Path) -> bool:
    try:
        return any(True for _ in os.scandir(folder))
    except OSError:
        return False
