"""What a shell asks for while a person types: the names and digests of the store's images."""

from __future__ import annotations

import os
from contextlib import ExitStack

import click
from click.shell_completion import CompletionItem

from shale.cli.session import Session
from shale.errors import ShaleError

__all__ = ["names_in_store"]


def names_in_store(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Names of images, as people write them, that begin with what was typed.

    A completion has nobody to tell an error to: where the store cannot be read, there are no names.
    """
    root: str | None = ctx.find_root().params.get("root")
    with ExitStack() as stack:
        session = Session(os.environ, root or None, debug=False, stack=stack)
        try:
            if not session.settings.root.is_dir():
                return []
            names = [one.reference for one in session.engine.store.names.all()]
        except (ShaleError, OSError):
            return []
    texts = [name.familiar for name in names if name.tag is not None]
    return [CompletionItem(text) for text in texts if text.startswith(incomplete)]
