"""What is shown of containers, and what is refused, where nothing has to run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from command_line import Shale
from image_factory import add_image, build_image
from shale.cli.commands.container_ls import status_text
from shale.container.containers import Containers
from shale.container.folders import Folders
from shale.container.record import ContainerRecord
from shale.container.spec import ContainerSpec
from shale.container.states import State
from shale.linux.boot import current_process
from shale.oci.digest import Digest
from shale.runtime.wishes import BindMount, RunWishes, VolumeMount, encode_wishes
from shale.store.store import open_store

HOUR = 3600.0


@pytest.fixture
def image(shale: Shale) -> Digest:
    return add_image(shale.root, build_image(layers=({"a": b"x" * 2000},)), "docker.io/library/app:latest")


@pytest.fixture
def containers(shale: Shale, image: Digest) -> Iterator[Containers]:
    """Three containers: one that runs as this process, one that has ended, one that was made."""
    wishes = RunWishes(
        mounts=(BindMount(source="/srv/with/a/long/name", target="/a"), VolumeMount(target="/b"))
    )
    spec = ContainerSpec(
        {"Cmd": ["serve", "--all", "the files"], "Labels": {"b": "2", "a": "1"}}, encode_wishes(wishes)
    )
    now = time.time()
    one = ContainerRecord("a" * 64, "one", "app", image, now - 5 * HOUR, spec)
    with open_store(shale.root) as store:
        found = Containers(store.database, Folders(shale.root))
        ended = replace(
            one, state=State.EXITED, exit_code=3, created=now - 100, started=now - 90, finished=now - 60
        )
        for record in (
            replace(one, state=State.RUNNING, process=current_process(), started=now - HOUR * 2.5),
            replace(ended, id="b" * 64, name="two"),
            replace(one, id="c" * 64, name="three", created=now - 10, exit_code=127, failure="exec: nothing"),
        ):
            found.add(record, lambda _tx, _digest: True)
        yield found


def test_ps_shows_what_runs(shale: Shale, containers: Containers) -> None:
    assert shale.ok("ps").splitlines() == [
        "CONTAINER ID   IMAGE     COMMAND                  CREATED       STATUS       PORTS     NAMES",
        'aaaaaaaaaaaa   app       "serve --all \'the fi\u2026"   5 hours ago   Up 3 hours             one',
    ]


def test_ps_of_everything(shale: Shale, containers: Containers) -> None:
    head, *rows = shale.ok("container", "ls", "-a", "--size").splitlines()
    assert head.split("  ")[-1].strip() == "SIZE"
    assert [re.split(r"  +", row)[4] for row in rows] == [
        "Created",
        "Exited (3) About a minute ago",
        "Up 3 hours",
    ]
    assert [row.split("  ")[-1].strip() for row in rows] == ["0B (virtual 2kB)"] * 3
    assert shale.ok("ps", "-aq").split() == ["c" * 12, "b" * 12, "a" * 12]
    assert shale.ok("ps", "-q", "--no-trunc") == "a" * 64 + "\n"
    assert shale.ok("ps", "-n", "2", "-q").split() == ["c" * 12, "b" * 12]
    assert shale.ok("ps", "--latest", "--quiet") == "c" * 12 + "\n"


def test_ps_filters(shale: Shale, containers: Containers) -> None:
    def names(*filters: str) -> list[str]:
        flags = [word for one in filters for word in ("-f", one)]
        return shale.ok("ps", "--format", "{{.Names}}", *flags).split()

    assert names("status=exited") == ["two"]
    assert names("status=exited", "status=created") == ["three", "two"]
    assert names("name=one") == ["one"]
    assert names("ancestor=app", "label=a=1") == ["one"]
    assert "no such image" in shale.fails("ps", "-f", "ancestor=nothing")
    assert "invalid filter" in shale.fails("ps", "-f", "status=asleep")


def test_ps_formats(shale: Shale, containers: Containers) -> None:
    (line, *_) = shale.json_lines("ps", "--format", "json")
    assert list(line) == sorted(line)
    wanted = {
        "ID": "a" * 12, "Image": "app", "Labels": "a=1,b=2", "LocalVolumes": "1", "Networks": "none",
        "Mounts": "/srv/with/a/lo\u2026", "State": "running",
    }  # fmt: skip
    assert {name: line[name] for name in wanted} == wanted
    assert shale.ok("ps", "--format", '{{.Label "a"}} {{.Platform}}') == "1 linux/amd64\n"
    assert re.fullmatch(r"[0-9-]{10} [0-9:]{8} \+0000 UTC\n", shale.ok("ps", "--format", "{{.CreatedAt}}"))
    head, row = shale.ok("ps", "--format", "table {{.Names}}\t{{.RunningFor}}").splitlines()
    assert (head.split(), row.split()) == (["NAMES", "CREATED"], ["one", "5", "hours", "ago"])


def test_states_in_dockers_words() -> None:
    record = ContainerRecord("a" * 64, "one", "app", Digest.of(b""), 0.0, ContainerSpec())
    assert status_text(record, 100.0) == "Created"
    assert status_text(replace(record, state=State.REMOVING), 100.0) == "Removal In Progress"
    running = replace(record, state=State.RUNNING, started=95.0)
    assert status_text(running, 100.0) == "Up 5 seconds"
    ended = replace(running, state=State.EXITED, finished=99.5, exit_code=0)
    assert status_text(ended, 100.0) == "Exited (0) Less than a second ago"


def test_inspect_finds_containers_before_images(shale: Shale, containers: Containers, image: Digest) -> None:
    document, other = json.loads(shale.ok("inspect", "one", "app"))
    assert (document["Name"], document["State"]["Status"]) == ("/one", "running")
    assert other["RepoTags"] == ["app:latest"]
    (failed,) = json.loads(shale.ok("container", "inspect", "three", "--size"))
    assert (failed["State"]["ExitCode"], failed["State"]["Error"], failed["SizeRw"]) == (
        127,
        "exec: nothing",
        0,
    )
    containers.rename(containers.find("one"), "app")
    assert shale.ok("inspect", "-f", "{{.Name}}", "app") == "/app\n"
    assert "app:latest" in shale.ok("inspect", "--type", "image", "app")
    assert shale.fails("inspect", "--type", "container", "nope") == "shale: no such container: nope\n"
    assert shale.fails("container", "inspect", "nope") == "shale: no such container: nope\n"


def test_what_does_not_run_is_removed_renamed_pruned(shale: Shale, containers: Containers) -> None:
    result = shale("rm", "one", "two", "nope")
    assert (result.code, result.out) == (1, "two\n")
    assert 'cannot remove container "one": container is running' in result.err
    assert "no such container: nope" in result.err
    shale.ok("rename", "three", "four")
    assert "already in use" in shale.fails("rename", "four", "one")
    asked = shale("container", "prune", stdin="n\n")
    assert asked.out.startswith("WARNING! This will remove all stopped containers.\n")
    assert asked.err == "container prune has been cancelled: nothing was removed\n"
    assert shale.ok("container", "prune", "--force").startswith("Deleted Containers:\n" + "c" * 64)
    assert [one.name for one in containers.all()] == ["one"]


def test_signals_for_what_does_not_run(shale: Shale, containers: Containers) -> None:
    assert shale.fails("kill", "two").endswith(f"container {'b' * 64} is not running\n")
    assert "invalid signal: NOPE" in shale.fails("kill", "-s", "NOPE", "two")
    assert shale.ok("stop", "two") == "two\n"
    assert shale.ok("wait", "two", "three") == "3\n127\n"


def test_what_is_not_there_yet_says_so(shale: Shale, containers: Containers) -> None:
    assert "start them with -a" in shale.fails("start", "two")
    assert "multiple containers" in shale.fails("start", "-a", "two", "three")
    assert "already running" in shale.fails("start", "-a", "one")


def test_completion_knows_containers(
    shale: Shale, containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_SHALE_COMPLETE", "bash_complete")
    monkeypatch.setenv("SHALE_ROOT", str(shale.root))
    for line in ("shale rm t", "shale container inspect t", "shale start -a t"):
        monkeypatch.setenv("COMP_LINE", line)
        with pytest.raises(SystemExit):
            shale("completion")
        assert shale.printed().split() == ["plain,three", "plain,two"]


def test_a_list_imports_nothing_that_runs(shale: Shale, containers: Containers) -> None:
    code = (
        "import sys; from shale.cli.main import run\n"
        f"run(['--root', {str(shale.root)!r}, 'ps', '-a'])\n"
        "heavy = ('shale.runtime', 'shale.snapshot.', 'shale.registry')\n"
        "bad = [name for name in sys.modules if name.startswith(heavy)]\n"
        "sys.exit(' '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(shale.root).is_dir()
