"""Pulls an image with its layers as trees, which no flag of the command asks for: by way of the library."""

from __future__ import annotations

import sys

from shale.engine.engine import Engine
from shale.engine.images import Images
from shale.engine.snapshotting import Snapshotting
from shale.snapshot.probe import Candidate
from shale.snapshot.tree import TreeForm


def main(root: str, name: str) -> None:
    """Pull an image into the store at a folder."""
    with Engine.open(root) as engine:
        trees = Snapshotting(engine.store, [Candidate(TreeForm())])
        Images(engine.parts._replace(snapshotting=trees)).pull(name)


main(*sys.argv[1:])
