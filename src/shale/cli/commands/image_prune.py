"""`shale image prune`: remove images that nothing needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from shale.cli.asking import confirm
from shale.cli.framework import Command
from shale.cli.render.units import human_size
from shale.cli.session import Session, pass_session
from shale.image.remove import Removal

__all__ = ["command"]

_DANGLING: Final = "WARNING! This will remove all dangling images.\nAre you sure you want to continue?"
_ALL: Final = (
    "WARNING! This will remove all images without at least one container associated to them.\n"
    "Are you sure you want to continue?"
)


@click.command(cls=Command, help="Remove unused images")
@click.option(
    "-a", "--all", "all_images", is_flag=True, help="Remove all unused images, not just dangling ones"
)
@click.option("--dry-run", is_flag=True, help="Print exactly what would be removed, and remove nothing")
@click.option("--filter", "filters", multiple=True, metavar="filter",
              help='Provide filter values (e.g. "until=<timestamp>", "label=a=b", "label!=a")')  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@pass_session
def command(session: Session, *, all_images: bool, dry_run: bool, filters: Sequence[str], force: bool) -> None:  # noqa: D103 - the help above is its documentation
    images = session.engine.images
    if dry_run:
        removal = images.prune(all_images=all_images, filters=filters, dry_run=True)
        session.print(_dry_text(removal), end="")
        return
    if not force and not confirm(session, _ALL if all_images else _DANGLING):
        session.warn("image prune has been cancelled: nothing was removed")
        return
    session.print(_text(images.prune(all_images=all_images, filters=filters)), end="")


def _lines(removal: Removal) -> list[str]:
    return [f"untagged: {name}" for name in removal.untagged] + [f"deleted: {gone}" for gone in removal.deleted]


def _text(removal: Removal) -> str:
    """What docker prints after a prune."""
    lines = _lines(removal)
    listed = ["Deleted Images:", *lines, ""] if lines else []
    return "\n".join([*listed, f"Total reclaimed space: {human_size(removal.garbage.size)}", ""])


def _dry_text(removal: Removal) -> str:
    """The same of a rehearsal, with every file and its bytes."""
    lines = _lines(removal)
    lines += [f"blob: {digest} {size} bytes" for digest, size in removal.garbage.blobs]
    lines += [f"mountable layer: {diff_id} {size} bytes" for diff_id, size in removal.garbage.layers]
    listed = ["Would delete:", *lines, ""] if lines else []
    size = removal.garbage.size
    return "\n".join([*listed, f"Total space to reclaim: {human_size(size)} ({size} bytes)", ""])
