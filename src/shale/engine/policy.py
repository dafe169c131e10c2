"""When a pull asks the registry; apart from the pull, for those who only name it."""

from __future__ import annotations

from enum import Enum

__all__ = ["Policy"]


class Policy(Enum):
    """When a pull asks the registry."""

    ALWAYS = "always"
    """Every time."""
    MISSING = "missing"
    """Only where the name is not in the store, or not for the platform that is asked for."""
    NEWER = "newer"
    """Every time, but what is here is good enough where the registry does not answer."""
    NEVER = "never"
    """Not at all."""
