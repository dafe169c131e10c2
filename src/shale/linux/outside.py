"""Who this process works for, outside of the user namespace in which it may be root.

An environment variable tells programs whose namespace they were started in. It is believed only where the
kernel's table of ids says the same, so that root of some other container is not taken for a user.

Specification: user_namespaces(7).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from shale.errors import Denied

__all__ = ["MARK", "NotInside", "is_inside", "outer_user", "require_root"]

MARK: Final = "SHALE_USER_NAMESPACE"
"""The variable that holds the user id outside."""


def outer_user(environ: Mapping[str, str]) -> int:
    """The user id outside of a namespace that shale made, or else the effective one.

    Args:
        environ: the process's environment.
    """
    effective = os.geteuid()
    claimed = environ.get(MARK, "")
    if effective != 0 or not claimed.isascii() or not claimed.isdigit():
        return effective
    from shale.linux.idmap import read_tables  # noqa: PLC0415 - every command comes by here, few are inside

    users, _ = read_tables()
    outside = users.outside(0)
    return outside if outside is not None and str(outside) == claimed else effective


def is_inside(environ: Mapping[str, str]) -> bool:
    """Whether this process is in a user namespace that shale made."""
    return os.geteuid() == 0 and outer_user(environ) != 0


class NotInside(Denied):
    """An ordinary user wants what only root of a user namespace can do."""


def require_root(what: str) -> None:
    """See that this process is root, be it of a user namespace.

    Args:
        what: completes a sentence of the message: `runs containers`.

    Raises:
        NotInside: it is not; what to do is in the message.
    """
    if os.geteuid() != 0:
        raise NotInside(
            f"an ordinary user {what} in a user namespace: start the program with shale unshare (shale unshare "
            "python app.py), or call shale.unshare() before it starts threads"
        )
