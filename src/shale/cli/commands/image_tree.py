"""`shale image ls --tree`: each image with the platforms of it that are here."""

from __future__ import annotations

from collections.abc import Sequence

from shale.cli.render.safe import escape_controls
from shale.cli.render.table import align
from shale.cli.render.units import human_size
from shale.image.listing import ImageSummary

__all__ = ["write_tree"]


def write_tree(images: Sequence[ImageSummary]) -> str:
    """The images as a tree.

    Args:
        images: in the order to show them.
    """
    lines = ["IMAGE\tID\tSIZE"]
    for image in images:
        names = [name.familiar for name in image.names] or ["<untagged>"]
        lines += [f"{name}\t{image.target.short}\t{human_size(image.size, 3)}" for name in names]
        for position, platform in enumerate(image.platforms):
            branch = "└─" if position == len(image.platforms) - 1 else "├─"
            shown = escape_controls(platform.platform) or "unknown"
            lines.append(f"{branch} {shown}\t{platform.id.short}\t{human_size(platform.size, 3)}")
    return align("\n".join(lines) + "\n")
