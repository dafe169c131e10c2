"""`shale search`: images on Docker Hub, or on a registry that can be searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from shale.cli.framework import Command
from shale.cli.options import format_option, no_trunc_option
from shale.cli.output import print_rows
from shale.cli.render.rows import Row, Styles, choose_format
from shale.cli.render.safe import ellipsis
from shale.cli.session import Session, pass_session
from shale.errors import Invalid
from shale.image.filters import InvalidFilter, parse_filters

if TYPE_CHECKING:
    from shale.registry.client.search import SearchResult

__all__ = ["command"]

_COLUMNS: Final = {
    "Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL",
}  # fmt: skip
_FILTERS: Final = ("is-official", "stars")
_DESCRIPTION_WIDTH: Final = 45
_LARGEST_LIMIT: Final = 100
_DEFAULT_LIMIT: Final = 25


@click.command(
    cls=Command,
    help="Search a registry for images.\n\n"
    "Without a registry in front of TERM that is Docker Hub. A registry that has no search is looked through "
    "by its list of repositories, where it shows one.",
)
@click.option("-f", "--filter", "filters", multiple=True, metavar="filter",
              help="Filter output based on conditions provided: is-official=true, stars=3")  # fmt: skip
@format_option("Pretty-print search using a Go template")
@click.option("--limit", type=int, default=0, metavar="int", help="Max number of search results")
@no_trunc_option()
@click.argument("term", metavar="TERM")
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, filters: Sequence[str], template: str, limit: int, no_trunc: bool, term: str
) -> None:
    from shale.engine.access import Access  # noqa: PLC0415 - help and completion need no registry

    if not 0 <= limit <= _LARGEST_LIMIT:
        raise Invalid(f"limit {limit} is outside the range of [1, {_LARGEST_LIMIT}]")
    chosen = _Filter(filters)
    found = Access(session.settings).search(term, limit=limit or _DEFAULT_LIMIT)
    rows = [_row(one, trunc=not no_trunc) for one in found if chosen.accepts(one)]
    print_rows(session, rows, choose_format(template, Styles(tuple(_COLUMNS))), _COLUMNS)


class _Filter:
    """`is-official=true` and `stars=3`."""

    def __init__(self, texts: Sequence[str]) -> None:
        filters = parse_filters(texts, _FILTERS)
        self._official = [_truth(text) for text in filters.get("is-official", ())]
        self._stars = [_count(text) for text in filters.get("stars", ())]

    def accepts(self, found: SearchResult) -> bool:
        return all(found.is_official is wanted for wanted in self._official) and all(
            found.star_count >= least for least in self._stars
        )


def _truth(text: str) -> bool:
    if text.lower() in ("1", "t", "true"):
        return True
    if text.lower() in ("0", "f", "false"):
        return False
    raise InvalidFilter(f"invalid filter 'is-official={text}': expected true or false")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise InvalidFilter(f"invalid filter 'stars={text}': expected a number")
    return int(text[:12])


def _row(found: SearchResult, *, trunc: bool) -> Row:
    description = (found.description or "").replace("\n", " ").replace("\r", " ")
    return {
        "Name": found.name,
        "Description": ellipsis(description, _DESCRIPTION_WIDTH) if trunc else description,
        "StarCount": str(found.star_count),
        "IsOfficial": "[OK]" if found.is_official else "",
    }
