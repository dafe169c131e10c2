"""Running a command as root of a user namespace: for ordinary users, before anything is opened.

The process goes on inside, so signals, terminals and exit codes are its own as before. What it mounts ends with
it; `shale unshare` starts a shell whose commands share one namespace, and with it their mounts.
"""

from __future__ import annotations

import os
from typing import Final

from shale.cli.exit import remark
from shale.linux.namespaces import enter_user_namespace
from shale.linux.outside import MARK

__all__ = ["enter"]


_TOLD: Final = frozenset({
    "container_create", "container_run", "image_import", "image_load", "image_pull", "image_unpack", "unshare",
})  # fmt: skip
"""The commands whose trees come out differently where there is only one user."""


def enter(module: str) -> None:
    """Become root of a user namespace, and say where it cannot be a whole one.

    Args:
        module: of the command.

    Raises:
        NamespaceDenied: this machine does not let this user.
    """
    entered = enter_user_namespace(os.environ)
    os.environ[MARK] = str(entered.user)
    if entered.note and module in _TOLD:
        remark(entered.note)
