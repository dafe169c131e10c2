"""Whether a container's command is there and can be run: looked up in its root, as its runtime will.

A runtime says so itself, in words that depend on it, after it has made namespaces and control groups; and of a
command under an init, the init would. So it is looked up before.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import Final

from shale.container.failures import CommandDenied, CommandNotFound
from shale.container.spec import ContainerSpec
from shale.linux.beneath import open_beneath

__all__ = ["check_command"]

_HIDDEN: Final = ("/proc/", "/dev/", "/sys/")
"""Folders whose content only the runtime mounts."""


def check_command(root: int, spec: ContainerSpec) -> None:
    """Look a container's command up.

    Args:
        root: descriptor of the root file system, with the caller's mounts in it.
        spec: what the container should be.

    Raises:
        CommandNotFound: it is nowhere.
        CommandDenied: it is a folder, or nobody may execute it.
    """
    word = spec.command[0]
    if "/" in word:
        folder = spec.config.get("WorkingDir") or "/"
        path = os.path.join("/", folder, word)
        if not path.startswith(_HIDDEN):
            _check_path(root, path, word)
        return
    denied: CommandDenied | None = None
    for folder in _search_path(spec.config.get("Env") or ()):
        path = os.path.join("/", folder, word)
        if path.startswith(_HIDDEN):
            return
        try:
            _check_path(root, path, word)
        except CommandNotFound:
            continue
        except CommandDenied as error:
            denied = denied or error
        else:
            return
    # What is there and cannot be run counts for nothing on PATH: another place may have a better one.
    raise CommandNotFound(f'exec: "{word}": executable file not found in $PATH') from denied


def _search_path(variables: Iterable[str]) -> list[str]:
    value = next((one[5:] for one in variables if one.startswith("PATH=")), "")
    return [folder or "." for folder in value.split(":")]


def _check_path(root: int, path: str, word: str) -> None:
    try:
        found = open_beneath(root, os.fsencode(path), os.O_PATH)
    except OSError as error:
        reason = os.strerror(error.errno or errno.ENOENT).lower()
        if error.errno in (errno.EACCES, errno.EPERM):
            raise CommandDenied(f'exec: "{word}": {reason}') from error
        raise CommandNotFound(f'exec: "{word}": stat {path}: {reason}') from error
    try:
        mode = os.fstat(found).st_mode
    finally:
        os.close(found)
    if stat.S_ISDIR(mode):
        raise CommandDenied(f'exec: "{word}": is a directory')
    if not mode & 0o111:
        raise CommandDenied(f'exec: "{word}": permission denied')
