"""Commands of an ordinary user: one namespace for all, what is refused and what helps, nothing left behind."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from container_ground import make_root
from ordinary_user import NOBODY, OrdinaryUser, ordinary_user

pytestmark = pytest.mark.peer

RANGES = "nobody:300000:65536\n"
WEB = 300032
"""User 33 of a container, outside."""
SHALE = shlex.join([sys.executable, "-m", "shale"])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A root file system with files of several users, one of them closed to others."""
    folder = make_root(tmp_path_factory.mktemp("root") / "root")
    (folder / "var/www/index").write_text("site\n")
    (folder / "closed").mkdir(mode=0o700)
    (folder / "closed/file").write_text("mine\n")
    for path in (folder / "var/www", folder / "var/www/index", folder / "closed", folder / "closed/file"):
        os.chown(path, 33, 33)
    packed = folder.with_suffix(".tar")
    with tarfile.open(packed, "w") as tar:
        tar.add(folder, ".")
    return packed.read_bytes()


@pytest.fixture(scope="module")
def user(archive: bytes) -> Iterator[OrdinaryUser]:
    """A user with an image, whom tests leave as they found them."""
    with ordinary_user() as user:
        ok(user, "import", "-", "box", stdin=archive)
        yield user


@pytest.fixture
def newcomer(archive: bytes) -> Iterator[OrdinaryUser]:
    """The same, who has done nothing yet but import the image."""
    with ordinary_user() as user:
        ok(user, "import", "-", "box", stdin=archive)
        yield user


def ok(user: OrdinaryUser, *arguments: str, stdin: bytes = b"", said: bytes = b"") -> str:
    """What a command prints that must succeed; what it says besides must contain this, or be nothing."""
    done = user.shale(*arguments, stdin=stdin)
    assert done.returncode == 0, done
    assert said in done.stderr if said else not done.stderr, done
    return done.stdout.decode()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes(user: OrdinaryUser) -> list[str]:
    """Processes of the user's containers, as root sees them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            owner = (folder / "cmdline").stat().st_uid
            mounts = (folder / "mountinfo").read_bytes()
        except OSError:
            continue
        if words != [b""] and (str(user.home).encode() in b" ".join(words) + mounts or owner == WEB):
            found.append(f"{folder.name} {owner} {words}")
    return found


def root(user: OrdinaryUser) -> Path:
    return user.home / ".local/share/shale"


def test_lists_pulls_and_imports_enter_no_namespace(newcomer: OrdinaryUser) -> None:
    assert ok(newcomer, "image", "ls", "-q")
    assert ok(newcomer, "ps", "-aq") == ""
    assert newcomer.shale("pull", "127.0.0.1:1/nothing").returncode == 1
    assert not (root(newcomer) / "namespace.json").exists()
    assert os.listdir(root(newcomer) / "layers") == []
    ok(newcomer, "system", "df")
    assert (root(newcomer) / "namespace.json").exists()


@pytest.mark.parametrize("victim", ["shale", "first process"])
def test_after_a_kill_another_command_ends_and_removes_it(user: OrdinaryUser, victim: str) -> None:
    """The container's processes belong to another user, in a namespace whose maker is dead."""
    work = "mkdir -m 700 /tmp/own; touch /tmp/own/file; echo ready; sleep 600; true"
    command = [sys.executable, "-m", "shale", "run", "--name", "one", "-u", "web", "box", "sh", "-c", work]
    with user.started(command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert processes(user)
        key = ok(user, "inspect", "-f", "{{.Id}}", "one").strip()
        if victim == "shale":
            process.kill()
            process.wait()
            assert ok(user, "ps", "--format", "{{.Names}} {{.State}}") == "one running\n"
            ok(user, "cp", "one:/tmp/own/file", "copied")
            assert ok(user, "stop", "-t", "0", "one") == "one\n"
        else:
            (pid,) = ok(user, "inspect", "-f", "{{.State.Pid}}", "one").split()
            os.kill(int(pid), signal.SIGKILL)
            assert process.wait(30) == 137
    until(lambda: ok(user, "ps", "-a", "--format", "{{.State}}") == "exited\n")
    assert ok(user, "rm", "-f", "one") == "one\n"
    until(lambda: not processes(user))
    assert os.listdir(root(user) / "containers") == []
    assert [line for line in Path("/proc/mounts").read_text().splitlines() if str(user.home) in line] == []
    assert list(Path("/sys/fs/cgroup").glob(f"**/*{key}*")) == []


def test_a_running_container_of_another_user_is_removed_by_force(user: OrdinaryUser) -> None:
    command = [sys.executable, "-m", "shale", "run", "-u", "web", "box", "sh", "-c", "echo ready; sleep 600"]
    with user.started(command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        (name,) = ok(user, "ps", "-q").split()
        ok(user, "rm", "-f", name)
        assert process.wait(30) == 137
    assert ok(user, "ps", "-aq") == ""


def test_images_are_mounted_in_shale_unshare_and_nowhere_else(newcomer: OrdinaryUser) -> None:
    refused = newcomer.shale("image", "mount", "box")
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"which shale unshare makes; shale image unpack" in refused.stderr
    script = f"cat $({SHALE} image mount box)/closed/file; {SHALE} image mount; {SHALE} rmi box"
    done = newcomer.shale("unshare", "sh", "-c", script)
    assert done.stdout.decode().splitlines()[0] == "mine"
    assert b"image is mounted at" in done.stderr
    # With the shell its mounts are gone, and nothing keeps the image.
    assert ok(newcomer, "image", "mount").splitlines()[1:] == []
    assert "Untagged: box:latest" in ok(newcomer, "rmi", "box")
    assert os.listdir(root(newcomer) / "layers") == []


def test_what_is_unpacked_is_the_user_s_own(user: OrdinaryUser) -> None:
    ok(user, "image", "unpack", "box", "tree")
    found = {path.name: path.lstat() for path in (user.home / "tree").rglob("*")}
    assert {status.st_uid for status in found.values()} == {NOBODY}
    assert stat.S_IMODE(found["closed"].st_mode) == 0o700
    assert user.run(["rm", "-r", "tree"]).returncode == 0


def test_layers_are_made_anew_for_who_was_given_ids(archive: bytes) -> None:
    with ordinary_user("") as alone:
        ok(alone, "import", "-", "box", stdin=archive)
        look = ("run", "--rm", "box", "stat", "-c", "%u", "/var/www/index")
        assert ok(alone, *look, said=b"no range of ids in /etc/subuid") == "0\n"
        assert ok(OrdinaryUser(alone.home, RANGES, alone.scene), *look) == "33\n"
        assert ok(alone, *look, said=b"usermod --add-subuids 100000-165535") == "0\n"


REFUSE = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps -all --inh-caps -all"


def test_a_machine_without_user_namespaces_for_users(user: OrdinaryUser) -> None:
    def refused(*arguments: str) -> tuple[int, str]:
        inside = f"{REFUSE} {SHALE} {shlex.join(arguments)}"
        done = user.run(
            ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "sh", "-c", inside]
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    remedy = "root allows it with: sysctl -w user.max_user_namespaces=15000"
    for code, *command in ((125, "run", "box", "true"), (1, "create", "box", "true"), (1, "cp", "a:b", "c"),
                           (1, "unshare")):  # fmt: skip
        ended, said = refused(*[str(word) for word in command])
        assert (ended, remedy in said, "Traceback" in said) == (code, True, False), said
    ended, said = refused("info")
    assert (ended, remedy in said, "Runtime: runc" in said) == (0, True, True), said
    assert refused("ps", "-aq") == (0, "")
    assert refused("image", "unpack", "box", "tree")[0] == 0
    assert user.run(["rm", "-r", "tree"]).returncode == 0


def hide(*programs: str) -> None:
    for program in programs:
        subprocess.run(["mount", "--bind", "/dev/null", program], check=True)


def test_without_newuidmap_there_is_one_user(user: OrdinaryUser) -> None:
    bare = OrdinaryUser(user.home, RANGES, lambda: hide("/usr/bin/newuidmap", "/usr/bin/newgidmap"))
    assert (
        ok(bare, "run", "--rm", "box", "id", "-u", said=b"install them with: apt-get install --yes uidmap")
        == "0\n"
    )
    done = bare.shale("run", "--rm", "-u", "web", "box", "true")
    assert (done.returncode, b"only root is there" in done.stderr) == (125, True)


def test_without_a_runtime_it_is_said_how_to_get_one(user: OrdinaryUser) -> None:
    bare = OrdinaryUser(user.home, RANGES, lambda: hide("/usr/sbin/runc", "/usr/bin/crun"))
    done = bare.shale("run", "--rm", "box", "true")
    assert (done.returncode, b"install one with: apt-get install --yes runc" in done.stderr) == (125, True)
    assert ok(bare, "ps", "-aq") == ""


def test_where_nothing_can_be_stacked_containers_are_copies(user: OrdinaryUser) -> None:
    def on_overlay() -> None:
        # As in a container of docker's: an overlay cannot be the upper directory of another one.
        subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)
        for name in ("upper", "work"):
            os.mkdir(f"/mnt/{name}")
        os.chown("/mnt/upper", NOBODY, NOBODY)
        options = f"lowerdir={user.home},upperdir=/mnt/upper,workdir=/mnt/work"
        subprocess.run(["mount", "-t", "overlay", "-o", options, "none", str(user.home)], check=True)

    program = f"""
    set -e
    shale() {{ {SHALE} "$@"; }}
    shale info -f '{{{{.LayerForm}}}}'
    shale run --name one box sh -c 'touch /new; rm /etc/group; echo other > /var/www/index'
    shale start -a one || true
    shale diff one
    shale commit one made > /dev/null
    shale run --rm made sh -c 'cat /var/www/index; stat -c %u /var/www/index; ls /etc/group /new' || true
    shale cp one:/var/www/index copied && cat copied
    shale export one | tar t | grep -c closed/file
    shale rm one
    shale image mount box || true
    ls .local/share/shale/containers
    shale image prune -af > /dev/null
    ls -A .local/share/shale/layers
    """
    done = OrdinaryUser(user.home, RANGES, on_overlay).run(["sh", "-c", program])
    lines = done.stdout.decode().splitlines()
    assert lines == [
        "copying", "C /etc", "D /etc/group", "A /new", "C /var", "C /var/www", "C /var/www/index",
        "other", "33", "/new", "other", "1", "one",
    ], done  # fmt: skip
    assert b"shale image unpack" in done.stderr


LIBRARY = """
import threading
import shale
from shale.errors import ShaleError

with shale.Engine.open() as engine:
    for work in (lambda: engine.containers.run("box", "true"), lambda: engine.containers.remove("one"),
                 lambda: engine.images.mount("box").__enter__()):
        try:
            work()
        except ShaleError as error:
            assert "shale unshare" in error.message, error.message
        else:
            raise AssertionError
    print(len(engine.containers.list(all_states=True)), len(engine.images.list()))
done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
try:
    shale.unshare()
except ShaleError as error:
    print(type(error).__name__)
done.set()
thread.join()
print([shale.unshare(), shale.unshare()])
"""
INSIDE = """
import shale
with shale.Engine.open() as engine:
    with engine.containers.temporary("box", "sh", "-c", "id -u; echo x > /new") as one:
        with one.start() as started:
            print(started.wait().stdout)
        print([change.path for change in engine.containers.diff(one.id)])
    with engine.images.mount("box") as place:
        print((place / "closed/file").read_text().strip())
"""


def test_the_library_says_what_it_needs_and_gets_it(user: OrdinaryUser) -> None:
    done = user.python(LIBRARY + INSIDE)
    lines = ["b'0\\n'", "[b'new']", "mine"]
    assert done.stdout.decode().splitlines() == ["0 1", "HasThreads", "['', '']", *lines], done
    done = user.shale("unshare", sys.executable, "-c", INSIDE)
    assert done.stdout.decode().splitlines() == lines, done
