"""What the documents show is true: every command and every program in them is run, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

import shale
from documents import ROOT, Reader
from peers import trees
from peers.ground import Ground


@pytest.mark.parametrize(
    ("document", "commands", "programs"), [("README.md", 35, 2), ("docs/library.md", 1, 6)]
)
def test_whoever_types_it_sees_it(
    document: str, commands: int, programs: int, tmp_path: Path, peer_ground: Ground
) -> None:
    trees.busybox(tmp_path / "busybox.tar", peer_ground.env)
    with Reader(tmp_path, peer_ground.env) as reader:
        run = reader.read((ROOT / document).read_text(encoding="utf-8"))
    assert run >= (commands, programs), "too little of the document was found"


def test_every_public_name_is_in_the_documents() -> None:
    text = (ROOT / "docs/library.md").read_text(encoding="utf-8")
    classes = (shale.Images, shale.Containers)
    verbs = [name for one in classes for name in dir(one) if not name.startswith("_")]
    assert len(verbs) > 10
    assert [name for name in (*shale.__all__, *verbs) if f"`{name}`" not in text] == []
