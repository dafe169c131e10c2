"""Which shale this is; the distribution takes its version from here (`[tool.hatch.version]`)."""

from __future__ import annotations

__all__ = ["VERSION", "shale_version", "version_line"]

# Not asked of importlib.metadata: that takes longer than a whole list of images.
VERSION = "0.1.0"


def shale_version() -> str:
    """The version of the distribution."""
    return VERSION


def version_line() -> str:
    """One line for `shale --version`."""
    return f"shale version {shale_version()}"
