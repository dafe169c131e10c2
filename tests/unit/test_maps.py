"""The maps for readers are true: every module is named where its package says in which order to read it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import shale

ROOT = Path(shale.__file__).parent
ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"
PACKAGES = sorted(
    folder.parent
    for folder in ROOT.rglob("__init__.py")
    # The library's own page says how to use it, and `cli/tree` says which command is where.
    if folder.parent not in (ROOT, ROOT / "cli" / "commands")
)
ROWS = re.findall(r"^\| `([a-z_/]+)/` \| (.*) \|$", ARCHITECTURE.read_text(), re.MULTILINE)


def modules(package: Path) -> set[str]:
    """The rooms of a package: its modules, and the packages in it."""
    files = {file.stem for file in package.glob("*.py") if file.stem != "__init__"}
    return files | {folder.parent.name for folder in package.glob("*/__init__.py")}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT)))
def test_a_package_names_all_its_modules(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    assert modules(package) <= set(re.findall(r"[a-z_]+", text))


def test_the_table_has_every_package_of_the_house() -> None:
    tops = {folder.parent.name for folder in ROOT.glob("*/__init__.py")}
    assert tops == {name.partition("/")[0] for name, _ in ROWS}


@pytest.mark.parametrize(("name", "text"), ROWS, ids=[name for name, _ in ROWS])
def test_a_row_of_the_table_names_the_modules_that_there_are(name: str, text: str) -> None:
    there = modules(ROOT / name)
    assert there <= set(re.findall(r"[a-z_]+", text))
    assert {room.strip("/") for room in re.findall(r"`([a-z_/]+)`", text)} <= there
