"""Which program runs containers here is found out by running one, and remembered."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from shale.runtime.selftest import NoRuntime, RuntimesRefused, select_runtime

pytestmark = pytest.mark.peer


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o700)
    return folder


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def counting(folder: Path, real: str, name: str = "runc") -> Path:
    """A program that writes down each time that it runs a container, and then is the real one."""
    counter = folder.parent / f"{name}.count"
    script(folder, name, f'case "$*" in *" run "*) echo >> {counter};; esac\nexec {real} "$@"')
    return counter


def runs(counter: Path) -> int:
    return len(counter.read_text().splitlines()) if counter.exists() else 0


def test_the_first_that_works_is_taken_and_remembered(programs: Path, root: Path) -> None:
    script(programs, "crun", 'echo "crun: cgroups are not to my taste" >&2; exit 1')
    counter = counting(programs, "/usr/sbin/runc")
    environ = {"PATH": f"{programs}:/bin:/usr/bin"}
    chosen = select_runtime(root, {"PATH": str(programs)})
    assert chosen.driver.name.startswith("runc 1.")
    assert [(one.name, one.passed) for one in chosen.refused] == [("crun", False)]
    assert runs(counter) == 1
    again = select_runtime(root, environ)
    assert again.driver.name == chosen.driver.name
    assert again.refused == chosen.refused
    assert runs(counter) == 1
    assert sorted(os.listdir(root)) == ["runtime.json"]


def test_what_a_program_says_is_the_reason(programs: Path, root: Path) -> None:
    shutil.copy("/usr/bin/crun", programs / "crun")
    shutil.copy("/usr/sbin/runc", programs / "runc")
    refused = select_runtime(root, {"PATH": str(programs)}).refused
    # crun 1.8 on hybrid control groups; where it passes there is nothing to say.
    assert all("cgroups in hybrid mode" in one.reason and one.version.startswith("1.8") for one in refused)


def test_a_program_that_changed_is_tried_again(programs: Path, root: Path) -> None:
    counter = counting(programs, "/usr/sbin/runc")
    select_runtime(root, {"PATH": str(programs)})
    os.utime(programs / "runc", (1, 1))
    select_runtime(root, {"PATH": str(programs)})
    assert runs(counter) == 2


def test_another_boot_tries_again(programs: Path, root: Path) -> None:
    counter = counting(programs, "/usr/sbin/runc")
    select_runtime(root, {"PATH": str(programs)})
    memory = json.loads((root / "runtime.json").read_bytes())
    memory[0]["identity"] = memory[0]["identity"].replace(memory[0]["identity"].split()[0], "another-boot")
    (root / "runtime.json").write_text(json.dumps(memory))
    select_runtime(root, {"PATH": str(programs)})
    assert runs(counter) == 2


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"name": 1}]', "\0" * 1000])
def test_a_damaged_note_costs_one_test(programs: Path, root: Path, text: str) -> None:
    counter = counting(programs, "/usr/sbin/runc")
    (root / "runtime.json").write_text(text)
    select_runtime(root, {"PATH": str(programs)})
    assert runs(counter) == 1


def test_nothing_is_installed(programs: Path, root: Path) -> None:
    with pytest.raises(NoRuntime, match=r"install one with: \S+ .*runc"):
        select_runtime(root, {"PATH": str(programs)})


@pytest.mark.parametrize(
    "text", ["exit 0", "exit 42", "exit 1", "kill -9 $$", 'echo "{"', "cat /dev/zero | head -c 100000000"]
)
def test_a_program_that_only_pretends(programs: Path, root: Path, text: str) -> None:
    script(programs, "youki", text)
    environ = {"PATH": f"{programs}"}
    with pytest.raises(RuntimesRefused, match=r"youki.*install one with: .* runc"):
        select_runtime(root, environ)
    # A failure is not believed for ever: the reason may be gone.
    script(programs, "youki", 'exec /usr/sbin/runc "$@"')
    os.utime(programs / "youki", ns=(1, 1))
    assert select_runtime(root, environ).driver.name.startswith("youki")
