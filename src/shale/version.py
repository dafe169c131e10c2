"""Which shale this is."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["shale_version", "version_line"]


def shale_version() -> str:
    """The version of the installed distribution."""
    return version("shale-engine")


def version_line() -> str:
    """One line for `shale --version`."""
    return f"shale version {shale_version()}"
