"""Completion of names in a shell: what the store has, and never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

__all__ = ["COMPLETION", "container_names", "image_names"]

COMPLETION: Final = "_SHALE_COMPLETE"
"""The variable through which a shell's script asks; click answers it before it runs a command."""


def image_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 - click's signature
    """Names in the store that begin with what was typed; click calls it with nothing opened yet."""
    from shale.cli.completing import names_in_store  # noqa: PLC0415 - only while a shell completes

    return names_in_store(ctx, incomplete)


def container_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 - click's signature
    """Names of containers that begin with what was typed; click calls it with nothing opened yet."""
    from shale.cli.completing import containers_in_store  # noqa: PLC0415 - only while a shell completes

    return containers_in_store(ctx, incomplete)
