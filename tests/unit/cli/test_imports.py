"""Starting is most of a short command: what each one imports is held here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from command_line import Shale
from faults.bad_registry import BadRegistry
from image_factory import add_image, build_image

PROGRAM = """
import sys
from shale.cli.main import run
code = run(sys.argv[1:])
print(code, *sys.modules, sep="\\n", file=sys.stderr)
made = [f"{name}.{value.__name__}" for name, module in sys.modules.items() if name.startswith("shale.")
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == name and "__dataclass_fields__" in vars(value)]
print(*made, sep="\\n", end="", file=sys.stderr)
"""
NETWORK = {"socket", "ssl", "http", "email", "urllib3", "aiohttp", "asyncio", "selectors"}
HEAVY = {"rich", "isal", "logging", "subprocess", "tempfile", "shutil", "concurrent", "importlib.metadata"}
FLOORS = tuple(f"shale.{name}." for name in ("cli", "engine", "image", "registry", "store", "events", "oci"))
"""Whose values every transfer makes; what makes file systems of layers comes later, and is seldom needed."""
VALUES = {"pathlib", "urllib", "msgspec", "dataclasses", "hashlib", "json", "decimal", "typing_extensions"}


def imported(*arguments: str, dataclasses: bool = False) -> set[str]:
    """The modules that a command has imported at its end.

    Args:
        arguments: the command.
        dataclasses: whether it may define dataclasses on its way: they take longer than most modules.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    lines = done.stderr[done.stderr.index("\nsys\n") :].splitlines()
    assert "shale.cli.main" in lines
    defined = [line for line in lines if line.rpartition(".")[2].lstrip("_")[:1].isupper()]
    ours = [line for line in defined if line.startswith(FLOORS)]
    assert dataclasses or ours == [], "see ARCHITECTURE.md, Decisions"
    return set(lines)


def packages(names: set[str]) -> set[str]:
    return names | {name.partition(".")[0] for name in names}


@pytest.fixture
def filled(shale: Shale) -> Shale:
    add_image(shale.root, build_image(), "docker.io/library/a:1")
    return shale


@pytest.mark.parametrize("arguments", [["image", "ls"], ["images", "--digests"], ["image", "ls", "-q"]])
def test_a_list_imports_no_documents_and_no_network(filled: Shale, arguments: list[str]) -> None:
    names = imported("--root", str(filled.root), *arguments)
    assert packages(names) & (NETWORK | HEAVY | VALUES) == set()
    assert {
        name for name in names if name.startswith(("shale.registry", "shale.layer", "shale.engine.images"))
    } == set()


@pytest.mark.parametrize(
    "arguments",
    [["history", "a:1"], ["inspect", "a:1"], ["tag", "a:1", "b:1"], ["rmi", "a:1"], ["system", "df"]],
)
def test_what_stays_here_imports_no_network(filled: Shale, arguments: list[str]) -> None:
    names = imported("--root", str(filled.root), *arguments, dataclasses=True)
    assert packages(names) & (NETWORK | HEAVY) == set()
    assert {name for name in names if name.startswith("shale.registry")} == set()


@pytest.mark.parametrize("command", ["pull", "push", "copy"])
def test_transfers_import_no_tls_and_no_server_where_there_is_none(filled: Shale, command: str) -> None:
    with BadRegistry() as registry:
        name = f"{registry.host}/a:1"
        imported("--root", str(filled.root), "tag", "a:1", name, dataclasses=True)
        arguments = [f"docker://{name}", "oci:/nonexistent:1"] if command == "copy" else [name]
        names = imported("--root", str(filled.root), command, *arguments)
        assert registry.seen
    assert "shale.registry.client.connection" in names
    unwanted = (NETWORK | HEAVY | {"json", "random"}) - {"socket", "selectors"}
    assert packages(names) & unwanted == set()
    assert {name for name in names if name.startswith("shale.registry.server")} == set()
    apart = {"pull": "shale.image.push", "push": "shale.image.pull", "copy": "shale.engine.transfers"}
    assert apart[command] not in names
