"""What a shell asks for while a person types: the names of the store's images and containers."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack

import click
from click.shell_completion import CompletionItem

from shale.cli.session import Session
from shale.errors import ShaleError
from shale.store.store import Store

__all__ = ["containers_in_store", "names_in_store"]


def names_in_store(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Names of images, as people write them, that begin with what was typed."""

    def names(store: Store) -> list[str]:
        return [one.reference.familiar for one in store.names.all() if one.reference.tag is not None]

    return _complete(ctx, incomplete, names)


def containers_in_store(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Names of containers that begin with what was typed."""

    def names(store: Store) -> list[str]:
        with store.database.read() as tx:
            return [name for (name,) in tx.rows("SELECT name FROM containers ORDER BY name")]

    return _complete(ctx, incomplete, names)


def _complete(ctx: click.Context, incomplete: str, names: Callable[[Store], list[str]]) -> list[CompletionItem]:
    """What of the store begins so.

    A completion has nobody to tell an error to: where the store cannot be read, there are no names.
    """
    root: str | None = ctx.find_root().params.get("root")
    with ExitStack() as stack:
        session = Session(os.environ, root or None, debug=False, stack=stack)
        try:
            if not session.settings.root.is_dir():
                return []
            texts = names(session.engine.store)
        except (ShaleError, OSError):
            return []
    return [CompletionItem(text) for text in texts if text.startswith(incomplete)]
