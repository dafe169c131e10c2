"""The exact command that installs a program on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

__all__ = ["how_to_install"]

_MANAGERS: Final = (
    ("apt-get", "apt-get install --yes"),
    ("dnf", "dnf install --assumeyes"),
    ("apk", "apk add"),
    ("zypper", "zypper --non-interactive install"),
    ("pacman", "pacman -S --noconfirm"),
)
_PLACES: Final = ("/usr/bin", "/sbin", "/usr/sbin", "/bin")


def how_to_install(package: str, elsewhere: Mapping[str, str] | None = None, *, what: str = "one") -> str:
    """What to type, as the end of a sentence: `install one with: apt-get install --yes runc`.

    Args:
        package: that has the program.
        elsewhere: how the package is called by other managers than apt-get: `{"dnf": "shadow-utils"}`.
        what: the object of the sentence.
    """
    for manager, command in _MANAGERS:
        if any(os.access(os.path.join(place, manager), os.X_OK) for place in _PLACES):
            return f"install {what} with: {command} {(elsewhere or {}).get(manager, package)}"
    return f"install the package {package} of your distribution"
