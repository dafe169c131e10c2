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
    # What makes file systems of layers is for the first layer that comes.
    assert (
        command == "copy"
        or {name for name in names if name.startswith(("shale.snapshot", "shale.layer", "isal"))} == set()
    )
    apart = {"pull": "shale.image.push", "push": "shale.image.pull", "copy": "shale.engine.transfers"}
    assert apart[command] not in names


RUNNING = {"subprocess", "selectors"}
"""What starting another program takes."""


@pytest.mark.parametrize("command", ["ps", "create", "run"])
def test_containers_import_no_network_and_define_no_dataclasses(filled: Shale, command: str) -> None:
    arguments = {"ps": ["-a"], "create": ["a:1", "true"], "run": ["--rm", "a:1", "true"]}[command]
    if command == "run":  # once, which finds out what works on this machine, and remembers it
        filled("run", "--rm", "a:1", "true")
    names = imported("--root", str(filled.root), command, *arguments)
    allowed = set() if command == "ps" else RUNNING
    assert packages(names) & (NETWORK | HEAVY | {"random", "dataclasses"}) - allowed == set()
    assert {name for name in names if name.startswith("shale.registry")} == set()


def test_a_run_of_what_is_mountable_imports_nothing_that_makes_it_so(filled: Shale) -> None:
    run = ["--root", str(filled.root), "run", "--rm", "a:1", "true"]
    first, again = imported(*run), imported(*run)
    makers = (
        "shale.layer",
        "shale.snapshot.erofs.builder",
        "shale.snapshot.tree",
        "shale.snapshot.merge",
        "isal",
    )
    assert {name for name in again if name.startswith(makers)} == set()
    assert "shale.snapshot.overlay" in again
    assert first - again, "it is made mountable by the first run"
