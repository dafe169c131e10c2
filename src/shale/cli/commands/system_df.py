"""`shale system df`: how much room the store takes, and what a prune would give back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import click

from shale.cli.framework import Command
from shale.cli.options import format_option
from shale.cli.output import cleaner, print_rows
from shale.cli.render.rows import Row, Styles, choose_format
from shale.cli.render.units import human_duration, human_size
from shale.cli.session import Session, pass_session
from shale.container.listing import ContainerUsage
from shale.image.filters import created_at
from shale.image.usage import ImageUsage, Usage, store_usage
from shale.store.space import IngestSpace

__all__ = ["command"]

_COLUMNS: Final = {
    "Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE",
}  # fmt: skip
_IMAGE_COLUMNS: Final = {
    "Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED", "Size": "SIZE",
    "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE", "Containers": "CONTAINERS",
}  # fmt: skip
_RAW: Final = (
    "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n"
    "reclaimable: {{.Reclaimable}}\n"
)


@click.command(
    cls=Command,
    help="Show disk usage.\n\n"
    "SIZE is what lies on disk: the bytes of compressed blobs, each once, however many images have it, and of "
    "layers that can be mounted, which are made from blobs when they are needed. "
    "RECLAIMABLE is what shale image prune -a would free now; of transfers that were interrupted, it is the "
    "bytes that came, which the next pull of the same image uses. With -v, SHARED SIZE and UNIQUE SIZE are "
    "bytes of blobs too, while SIZE is the bytes of an image's files, as in shale image ls.",
)
@format_option()
@click.option("-v", "--verbose", is_flag=True, help="Show detailed information on space usage")
@pass_session
def command(session: Session, *, template: str, verbose: bool) -> None:  # noqa: D103 - the help above is its documentation
    usage = store_usage(session.engine.store, session.settings.host)
    if verbose:
        _verbose(session, usage, template)
        return
    row_format = choose_format(template, Styles(tuple(_COLUMNS), raw=_RAW))
    print_rows(session, _rows(usage, session.engine.containers.usage()), row_format, _COLUMNS)


def _rows(usage: Usage, containers: Sequence[ContainerUsage]) -> list[Row]:
    images, layers, ingests = usage.blobs, usage.layers, usage.ingests
    blobs_freed = sum(size for _, size in usage.garbage.blobs)
    layers_freed = sum(size for _, size in usage.garbage.layers)
    return [
        {
            "Type": "Images",
            "TotalCount": str(len(usage.images)),
            "Active": str(sum(1 for one in usage.images if one.containers)),
            "Size": human_size(images.size),
            "Reclaimable": _share(blobs_freed, images.size),
        },
        _container_row(containers),
        {
            "Type": "Layers",
            "TotalCount": str(layers.count),
            "Active": str(layers.count - len(usage.garbage.layers)),
            "Size": human_size(layers.size),
            "Reclaimable": _share(layers_freed, layers.size),
        },
        _transfer_row(ingests),
    ]


def _container_row(containers: Sequence[ContainerUsage]) -> Row:
    whole = sum(one.size for one in containers)
    freed = sum(one.size for one in containers if not one.running)
    return {
        "Type": "Containers",
        "TotalCount": str(len(containers)),
        "Active": str(sum(one.running for one in containers)),
        "Size": human_size(whole),
        "Reclaimable": _share(freed, whole),
    }


def _transfer_row(ingests: IngestSpace) -> Row:
    return {
        "Type": "Transfers",
        "TotalCount": str(ingests.count),
        "Active": str(ingests.active),
        "Size": human_size(ingests.size),
        "Reclaimable": _share(ingests.idle_size, ingests.size),
    }


def _share(part: int, whole: int) -> str:
    return f"{human_size(part)} ({part * 100 // whole}%)" if whole else human_size(part)


def _verbose(session: Session, usage: Usage, template: str) -> None:
    now = time.time()
    rows = [row for one in usage.images for row in _image_rows(one, now)]
    if template and not template.startswith("table"):
        from shale.cli.render.template import compile_template  # noqa: PLC0415 - only for --format

        compiled = compile_template("{{json .}}" if template == "json" else template, clean=cleaner())
        session.print(compiled.render({"Images": rows, "Transfers": [_transfer_row(usage.ingests)]}))
        return
    session.print("Images space usage:\n")
    print_rows(session, rows, choose_format("", Styles(tuple(_IMAGE_COLUMNS))), _IMAGE_COLUMNS)
    ingests = usage.ingests
    session.print(f"\nTransfers not finished: {ingests.count}, of which {ingests.active} under way, "
                  f"{human_size(ingests.size)}")  # fmt: skip


def _image_rows(usage: ImageUsage, now: float) -> list[Row]:
    image = usage.image
    named = [(name.familiar_name, name.tag or "<none>") for name in image.names]
    named = named or [(name.familiar_name, "<none>") for name in image.digests[:1]]
    created = created_at(image)
    return [
        {
            "Repository": repository,
            "Tag": tag,
            "ID": image.id.short,
            "CreatedSince": human_duration(now - created) + " ago" if created else "N/A",
            "Size": human_size(image.size, 3),
            "SharedSize": human_size(usage.shared, 3),
            "UniqueSize": human_size(usage.unique, 3),
            "Containers": str(usage.containers),
        }
        for repository, tag in named or [("<none>", "<none>")]
    ]
