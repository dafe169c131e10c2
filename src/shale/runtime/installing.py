"""The exact command that installs a program on this machine."""

from __future__ import annotations

import os
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


def how_to_install(package: str) -> str:
    """What to type, as the end of a sentence: `install one with: apt-get install --yes runc`."""
    for manager, command in _MANAGERS:
        if any(os.access(os.path.join(place, manager), os.X_OK) for place in _PLACES):
            return f"install one with: {command} {package}"
    return f"install the package {package} of your distribution"
