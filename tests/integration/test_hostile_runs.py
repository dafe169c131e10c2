"""Whole images whose config or tree is after the host when they run (trials MR-7; threats "config", "runtime").

Each is loaded as it would come from a registry. It ends in a clear error, or runs as tame as any other; what
stands beside is the same afterwards, and no container and no mount is left.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from faults.image_work import archived
from hostile_layers import Ground, make_ground
from hostile_visit import image_of
from layer_trees import Entry, fifo, file, folder, layer, symlink
from shale import Engine
from shale.container.failures import StartFailed
from shale.engine.started import RunResult
from store_images import Image

SCRIPT = "id -u; grep -c '^Cap[IA].*0000000000000000$' /proc/self/status; wc -c < /etc/hostname; echo alive"
TAME = "0\n2\n13\nalive\n"
"""What the script says where nothing is unusual: the user, no inheritable capabilities, a name of its own."""
COMMAND = {"Entrypoint": ["/bin/busybox", "sh", "-c", SCRIPT]}


@dataclass(frozen=True, slots=True)
class Host:
    """An engine, and what must not change beside its store."""

    engine: Engine
    ground: Ground

    def run(self, image: Image) -> RunResult:
        archive = self.ground.base / "image"
        archive.write_bytes(archived(image))
        (loaded,) = self.engine.images.load(archive)
        archive.unlink()
        return self.engine.containers.run(str(loaded.target))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("runs")
    with Engine.open(folder / "store", environ={"HOME": str(folder), "PATH": os.environ["PATH"]}) as engine:
        yield engine


@pytest.fixture
def host(engine: Engine, tmp_path: Path) -> Iterator[Host]:
    ground = make_ground(tmp_path)
    before = {name: seen for name, seen in ground.outside().items() if name != "."}
    yield Host(engine, ground)
    assert {name: seen for name, seen in ground.outside().items() if name != "."} == before
    assert engine.containers.list(all_states=True) == []
    assert list((engine.parts.store.root / "containers").iterdir()) == []
    assert str(engine.parts.store.root) not in Path("/proc/self/mountinfo").read_text()


Config = Mapping[str, Any]
REFUSED: dict[str, tuple[Config, Sequence[Entry], str]] = {
    "a user beyond 31 bits (CVE-2024-40635)": ({"User": "2147483648"}, [], "2147483648"),
    "a group beyond 31 bits": ({"User": "0:4294967296"}, [], "4294967296"),
    "a user whom nobody knows": ({"User": "nobody"}, [], "nobody"),
    "accounts without end (CVE-2026-47262)": (
        {"User": "web"}, [file("etc/group", bytes(5 << 20))], "longer than",
    ),
    "accounts that are a pipe (CVE-2024-9676)": ({"User": "web"}, [fifo("etc/passwd")], "passwd"),
    "accounts of the host": ({"User": "hosts"}, [symlink("etc/passwd", "VICTIM/hello")], "hosts"),
    "a folder that is a descriptor (CVE-2024-21626)": ({"WorkingDir": "/proc/self/fd/7"}, [], "begin in /proc"),
    "a link to a descriptor": ({"WorkingDir": "/srv"}, [symlink("srv", "/proc/self/fd/7")], "/srv"),
    "a volume over everything": ({"Volumes": {"/x/..": {}}}, [], "volume at /;"),
    "a volume over the kernel's": ({"Volumes": {"/proc/sys": {}}}, [], "/proc"),
    "a word that is two": ({"Cmd": ["a\0b"]}, [], "nul"),
    "a variable that is two": ({"Env": ["A=a\0b"]}, [], "nul"),
    "/proc that is a link (CVE-2023-27561)": ({}, [symlink("proc", "VICTIM")], "/proc is not a folder"),
    "/dev that is a link (CVE-2026-41579)": ({}, [symlink("dev", "VICTIM")], "/dev is not a folder"),
    "/sys that is a link": ({}, [symlink("sys", "VICTIM")], "/sys is not a folder"),
    "/proc that is a file": ({}, [file("proc", b"x")], "/proc"),
    "hosts that lead to the kernel": ({}, [symlink("etc/hosts", "/proc/sys/kernel/domainname")], "/etc/hosts"),
}  # fmt: skip
TAMED: dict[str, tuple[Config, Sequence[Entry], str]] = {
    "a number that is a name (CVE-2026-46680)": (
        {"User": "1234"}, [file("etc/passwd", b"1234:x:0:0::/:/bin/sh\n")], TAME.replace("0", "1234", 1),
    ),
    "labels that are orders (CVE-2026-53488)": (
        {"Labels": {"run.oci.handler": "wasm", "org.criu.config": "VICTIM", "cdi.k8s.io/x": "v.com/c=all",
                    "io.kubernetes.cri.untrusted-workload": "true", "run.oci.hooks.stdout": "VICTIM/hello"}},
        [], TAME,
    ),
    "volumes out of the root (CVE-2022-23648)": (
        {"Volumes": {"/../../x": {}, "VICTIM": {}, "/l": {}, "relative": {}}}, [symlink("l", "VICTIM")], TAME,
    ),
    "fields full of junk": (
        {"ExposedPorts": {"99999/evil": {}, "../x": {}, "": {}}, "StopSignal": "SIGEVIL", "OnBuild": ["RUN x"],
         "Healthcheck": {"Test": ["CMD", "touch", "VICTIM/new"], "Interval": -1}, "Shell": ["/evil"],
         "ArgsEscaped": True, "Domainname": "\x1b[2J", "Hostname": "../../x", "MacAddress": "x"}, [], TAME,
    ),
    "a variable with a line of its own": ({"Env": ["A=1\nLD_PRELOAD=/x.so", "=C", "B"]}, [], TAME),
    "files of the runtime that are links (CVE-2024-45310)": (
        {}, [symlink("etc/hosts", "VICTIM/new"), symlink("etc/resolv.conf", "../../../victim/hello")], TAME,
    ),
    "a whole /etc that is a link": ({}, [file(".wh.etc"), symlink("etc", "VICTIM")], TAME),
    "devices that are links (CVE-2025-31133, CVE-2025-52565)": (
        {}, [folder("dev"), symlink("dev/null", "VICTIM/hello"), symlink("dev/console", "VICTIM/hello"),
             symlink("dev/pts", "VICTIM"), symlink("dev/shm", "VICTIM"), symlink("dev/mqueue", "VICTIM")], TAME,
    ),
    "a folder that leads out": ({"WorkingDir": "/l/new"}, [symlink("l", "VICTIM")], TAME),
    "the program that runs it (CVE-2019-5736)": (
        {"Entrypoint": ["/evil"]},
        [file("evil", b"#!/proc/self/exe sh\necho alive\n", mode=0o755)], "",
    ),
}  # fmt: skip


def placed(host: Host, value: Any) -> Any:
    """The same, about the folder outside that this test has."""
    return json.loads(json.dumps(value).replace("VICTIM", str(host.ground.victim)))


def hostile(host: Host, config: Config, entries: Sequence[Entry]) -> Image:
    victim = str(host.ground.victim)
    there = [replace(entry, link=entry.link.replace("VICTIM", victim)) for entry in entries]
    return image_of([layer(*there)], placed(host, {**COMMAND, **config}))


@pytest.mark.parametrize("name", REFUSED)
def test_an_image_that_asks_for_too_much_is_not_run(host: Host, name: str) -> None:
    config, entries, said = REFUSED[name]
    with pytest.raises(StartFailed) as caught:
        host.run(hostile(host, config, entries))
    assert said in caught.value.message.lower()


@pytest.mark.parametrize("name", TAMED)
def test_an_image_that_asks_for_too_much_gets_no_more(host: Host, name: str) -> None:
    config, entries, said = TAMED[name]
    programs = [Path(found) for found in map(shutil.which, ("runc", "crun")) if found]
    before = [hashlib.sha256(program.read_bytes()).digest() for program in programs]
    result = host.run(hostile(host, config, entries))
    assert result.stdout.decode() == said, result.stderr
    assert [hashlib.sha256(program.read_bytes()).digest() for program in programs] == before
