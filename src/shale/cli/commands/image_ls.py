"""`shale image ls`: the images of the store, as docker lists them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import click

from shale.cli.framework import Command
from shale.cli.options import filter_option, format_option, no_trunc_option, quiet_option
from shale.cli.output import print_rows
from shale.cli.render.rows import Styles, choose_format
from shale.cli.render.units import human_duration, human_size
from shale.cli.session import Session, pass_session
from shale.image.listing import ImageSummary, read_summaries
from shale.oci.reference import Reference

__all__ = ["command"]

_NONE: Final = "<none>"
_LAST_YEAR: Final = 9999
_COLUMNS: Final = {
    "ID": "IMAGE ID", "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST",
    "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "Size": "SIZE", "Containers": "CONTAINERS",
    "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE", "VirtualSize": "SIZE", "Platform": "PLATFORM",
}  # fmt: skip
_TABLE: Final = ("Repository", "Tag", "ID", "CreatedSince", "Size")
_WITH_DIGESTS: Final = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")
_SORTS: Final[dict[str, Callable[[ImageSummary], object]]] = {
    "created": lambda image: image.created or "",
    "size": lambda image: image.size,
    "name": lambda image: image.names[0].familiar if image.names else "~",
    "added": lambda image: image.added,
}


class _Row(Mapping[str, object]):
    """One line: a name of an image, or the image itself where it has none."""

    def __init__(self, image: ImageSummary, repository: str, tag: str, digest: str, *, trunc: bool) -> None:
        self._image = image
        self._fixed = {"Repository": repository, "Tag": tag, "Digest": digest}
        self._trunc = trunc

    def __getitem__(self, name: str) -> object:
        if name in self._fixed:
            return self._fixed[name]
        image = self._image
        match name:
            case "ID":
                return image.id.short if self._trunc else str(image.id)
            case "CreatedSince":
                moment = _moment(image)
                return human_duration(time.time() - moment) + " ago" if moment is not None else "N/A"
            case "CreatedAt":
                created = _created(image)
                return created.strftime("%Y-%m-%d %H:%M:%S %z %Z") if created else "N/A"
            case "Size" | "VirtualSize":
                return human_size(image.size, 3)
            case "Containers" | "SharedSize" | "UniqueSize":
                return "N/A"
            case "Platform":
                return image.platforms[0].platform if image.platforms else ""
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_COLUMNS)

    def __len__(self) -> int:
        return len(_COLUMNS)


def _moment(image: ImageSummary) -> float | None:
    """When an image was built, in seconds since the epoch; None as in `_created`."""
    try:
        created = datetime.fromisoformat(image.created) if image.created else None
        return created.timestamp() if created is not None and 1 < created.year < _LAST_YEAR else None
    except (ValueError, OverflowError):
        return None


def _created(image: ImageSummary) -> datetime | None:
    """When an image was built, in local time; None where nobody can have said so: in the year 1, or 9999."""
    try:
        created = datetime.fromisoformat(image.created) if image.created else None
        return created.astimezone() if created is not None and 1 < created.year < _LAST_YEAR else None
    except (ValueError, OverflowError):
        return None


@click.command(cls=Command, help="List images")
@click.option("-a", "--all", "show_all", is_flag=True, help="Show artifacts that are no images too")
@click.option("--digests", is_flag=True, help="Show digests")
@filter_option("Filter output based on conditions provided")
@format_option()
@no_trunc_option()
@quiet_option("Only show image IDs")
@click.option("--tree", is_flag=True, help="List multi-platform images as a tree")
@click.option("--sort", type=click.Choice(sorted(_SORTS)), default="created", metavar="string",
              help="Sort by created, size, name or added")  # fmt: skip
@click.argument("repository", required=False, metavar="[REPOSITORY[:TAG]]")
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session,
    *,
    show_all: bool,
    digests: bool,
    filters: Sequence[str],
    template: str,
    no_trunc: bool,
    quiet: bool,
    tree: bool,
    sort: str,
    repository: str | None,
) -> None:
    patterns = [f"reference={repository}"] if repository else []
    if filters or patterns:
        images = session.engine.images.list([*filters, *patterns])
    else:
        # The library's other verbs cost more to import than this list takes.
        images = read_summaries(session.engine.store, lambda: session.settings.host)
    if not show_all:
        images = [image for image in images if image.platforms]
    if sort != "created":
        images = sorted(images, key=_SORTS[sort], reverse=sort in ("size", "added"))  # type: ignore[arg-type]
    if tree:
        from shale.cli.commands.image_tree import write_tree  # noqa: PLC0415 - only for --tree

        session.print(write_tree(images), end="")
        return
    wanted = _patterns([*filters, *patterns])
    rows = [row for image in images for row in _rows(image, wanted, digests=digests, trunc=not no_trunc)]
    style = Styles(_WITH_DIGESTS if digests else _TABLE)
    print_rows(session, rows, choose_format(template, style, quiet=quiet), _COLUMNS)


def _patterns(filters: Sequence[str]) -> list[str]:
    return [text.partition("=")[2] for text in filters if text.startswith("reference=")]


def _rows(image: ImageSummary, patterns: Sequence[str], *, digests: bool, trunc: bool) -> Iterator[_Row]:
    """A row for each tag; for a repository known by digest only, one without a tag; else one without a name."""
    names, bare = _fitting(image.names, patterns), _fitting(image.digests, patterns)
    known = {name.name for name in image.digests}
    for name in names:
        digest = image.target_text if name.name in known else _NONE
        yield _Row(image, name.familiar_name, name.tag or _NONE, digest, trunc=trunc)
    for name in bare:
        if all(name.name != tagged.name for tagged in names):
            yield _Row(image, name.familiar_name, _NONE, image.target_text, trunc=trunc)
    if not image.names and not image.digests:
        yield _Row(image, _NONE, _NONE, image.target_text if digests else _NONE, trunc=trunc)


def _fitting(names: Sequence[Reference], patterns: Sequence[str]) -> Sequence[Reference]:
    if not patterns:
        return names
    return [name for name in names if any(name.matches(pattern) for pattern in patterns)]
