"""Running a command as root of a user namespace: for ordinary users, before anything is opened.

The process goes on inside, so signals, terminals and exit codes are its own as before. What it mounts ends with
it; `shale unshare` starts a shell whose commands share one namespace, and with it their mounts.
"""

from __future__ import annotations

import os
from typing import Final

from shale.cli.exit import remark
from shale.linux.namespaces import NoNamespaces, enter_user_namespace
from shale.linux.outside import MARK

__all__ = ["enter"]


_TOLD: Final = frozenset({
    "container_create", "container_run", "image_import", "image_load", "image_pull", "image_unpack", "unshare",
})  # fmt: skip
"""The commands whose trees come out differently where there is only one user."""
_WITHOUT: Final = frozenset({
    "image_copy", "image_import", "image_load", "image_prune", "image_pull", "image_rm", "image_unpack",
    "store_check", "system_df",
})  # fmt: skip
"""The commands that can do without a namespace: they mount nothing, and take files of the user's own."""


def enter(module: str) -> None:
    """Become root of a user namespace, and say where it cannot be a whole one.

    Where the machine has none for users, as in a container of another engine, commands that can do without stay
    outside.

    Args:
        module: of the command.

    Raises:
        NamespaceDenied: this machine does not let this user.
    """
    try:
        entered = enter_user_namespace(os.environ)
    except NoNamespaces:
        if module not in _WITHOUT:
            raise
        return
    os.environ[MARK] = str(entered.user)
    if entered.note and module in _TOLD:
        remark(entered.note)
