"""Running a command as root of a user namespace: for ordinary users, before anything is opened.

The process goes on inside, so signals, terminals and exit codes are its own as before. What it mounts ends with
it; `shale unshare` starts a shell whose commands share one namespace, and with it their mounts.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from shale.cli.exit import remark
from shale.engine.usernamespace import enter_namespace_of
from shale.linux.namespaces import NoNamespaces
from shale.linux.outside import MARK

if TYPE_CHECKING:
    from shale.cli.session import Session

__all__ = ["enter"]

_TOLD: Final = frozenset({"container_create", "container_run", "unshare"})
"""The commands whose trees come out differently where there is only one user."""
_WITHOUT: Final = frozenset({"image_prune", "image_rm", "store_check", "system_df", "system_info"})
"""The commands that can do without a namespace: they mount nothing, and take files of the user's own."""


def enter(session: Session, module: str) -> None:
    """Become root of the store's user namespace, and say where it cannot be a whole one.

    Where the machine has none for users, as in a container of another engine, commands that can do without stay
    outside.

    Args:
        session: whose store.
        module: of the command.

    Raises:
        NamespaceDenied: this machine does not let this user.
    """
    try:
        entered = enter_namespace_of(session.settings.root, os.environ)
    except NoNamespaces as error:
        if module not in _WITHOUT:
            raise
        if module == "system_info":  # where people look for what is wrong
            remark(error.message)
        return
    os.environ[MARK] = str(entered.user)
    if entered.note and module in _TOLD:
        remark(entered.note)
