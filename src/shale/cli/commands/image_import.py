"""`shale import`: make an image of the tar of a root file system."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from shale.cli.framework import Command
from shale.cli.options import platform_option
from shale.cli.session import Session, pass_session
from shale.engine.archives import Archives
from shale.errors import Invalid, NotFound
from shale.linux.durable import disk_errors
from shale.registry.client.cancel import Cancellation

__all__ = ["command"]


@click.command(cls=Command, help="Import the contents from a tarball to create a filesystem image")
@click.option("-c", "--change", "changes", multiple=True, metavar="list",
              help="Apply Dockerfile instruction to the created image")  # fmt: skip
@click.option("-m", "--message", default=None, metavar="string", help="Set commit message for imported image")
@platform_option("Set platform if server is multi-platform capable")
@click.argument("source", metavar="file|URL|-")
@click.argument("name", metavar="[REPOSITORY[:TAG]]", required=False)
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session,
    *,
    changes: tuple[str, ...],
    message: str | None,
    platform: str | None,
    source: str,
    name: str | None,
) -> None:
    cancel = Cancellation()
    with _opened(session, source, cancel) as (stream, shown):
        archives = Archives(session.engine.parts, lambda _: None, cancel)
        imported = archives.import_rootfs(stream, shown, name, changes, message, platform)
    session.print(str(imported.id))


@contextmanager
def _opened(session: Session, source: str, cancel: Cancellation) -> Iterator[tuple[BinaryIO, str]]:
    """The bytes to import, and where they come from in words for the image's history."""
    if source == "-":
        if sys.stdin.isatty():
            raise Invalid("requested import from stdin, but stdin is a terminal; name a file or redirect")
        yield sys.stdin.buffer, "-"
    elif source.startswith(("http://", "https://")):
        from shale.engine.download import download  # noqa: PLC0415 - only for URLs

        with download(source, session.settings, cancel) as stream:
            yield stream, source
    else:
        with _file(source) as stream:
            # As docker: the file is on this machine, and its name is nobody else's business.
            yield stream, "-"


@contextmanager
def _file(source: str) -> Iterator[BinaryIO]:
    try:
        with disk_errors(f"opening {source}"), Path(source).open("rb", buffering=0) as stream:
            yield stream
    except FileNotFoundError:
        raise NotFound(f"there is no file {source}") from None
    except IsADirectoryError:
        raise Invalid(
            f"{source} is a folder; import takes a tar of one: tar -C {source} -c . | shale import -"
        ) from None
