"""`shale save`: write images to an archive."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shale.cli.framework import Command
from shale.cli.options import platform_option
from shale.cli.session import Session, pass_session
from shale.engine.saveformat import SaveFormat
from shale.errors import Invalid

__all__ = ["command"]


@click.command(cls=Command, help="Save one or more images to a tar archive (streamed to STDOUT by default)")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=None, metavar="string",
              help="Write to a file, instead of STDOUT")  # fmt: skip
@click.option("--format", "form", type=click.Choice([one.value for one in SaveFormat]), metavar="string",
              default=SaveFormat.DOCKER_ARCHIVE.value,
              help="docker-archive (for everybody), oci-archive, or oci-dir (a folder)")  # fmt: skip
@platform_option("Save only the given platform variant. Formatted as os[/arch[/variant]] (e.g., linux/amd64)")
@click.argument("images", metavar="IMAGE [IMAGE...]", nargs=-1, required=True)
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, output: Path | None, form: str, platform: str | None, images: tuple[str, ...]
) -> None:
    wanted = SaveFormat(form)
    if output is None and wanted is SaveFormat.OCI_DIR:
        raise Invalid("an OCI layout is a folder: say where with -o")
    if output is None and sys.stdout.isatty():
        raise Invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    session.engine.images.save(*images, to=output or sys.stdout.buffer, format=wanted, platform=platform)
