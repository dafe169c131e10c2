"""`make demo`: shale at work on real images, from Debian's packages to a registry and back.

Everything happens in a temporary folder and on a free port of this machine; nothing of it is left behind.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The tests know how to make a Debian image from the machine's own package sources; so the demo asks them.
sys.path.insert(0, str(ROOT / "tests"))

from peers import debian, trees  # noqa: E402 - found by the line above

SHALE = str(Path(sys.executable).with_name("shale"))


class Show:
    """Runs commands of shale in one store, and shows them as a person would type them."""

    def __init__(self, folder: Path) -> None:
        self._env = {**os.environ, "SHALE_ROOT": str(folder / "store"), "COLUMNS": "120"}

    def say(self, text: str) -> None:
        print(f"\n# {text}", flush=True)

    def run(self, *arguments: str) -> None:
        print(f"$ {shlex.join(['shale', *arguments])}", flush=True)
        done = subprocess.run([SHALE, *arguments], env=self._env, check=False)
        if done.returncode != 0:
            raise SystemExit(f"shale {arguments[0]} ended with exit code {done.returncode}")

    @contextmanager
    def registry(self, folder: Path) -> Iterator[str]:
        """shale's own registry on a free port, for as long as the block lasts."""
        command = [SHALE, "registry", "serve", "--listen", "127.0.0.1:0", "--data", str(folder)]
        with subprocess.Popen(command, env=self._env, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line:
                raise SystemExit("the registry did not start")
            print("$ shale registry serve &", flush=True)
            print(line, end="", flush=True)
            try:
                yield line.split()[3].rstrip(",")
            finally:
                server.terminate()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="shale-demo-") as name:
        folder = Path(name)
        print("making a small and a real Debian root file system from Debian's packages ...", flush=True)
        trees.busybox(folder / "busybox.tar", os.environ)
        debian.bootstrap(folder / "debian.tar", os.environ)
        show = Show(folder)
        os.chdir(folder)
        with show.registry(folder / "registry") as registry:
            tour(show, registry)


def tour(show: Show, registry: str) -> None:
    show.say("An image is an ordered collection of root file system changes, and how to run it.")
    show.run("import", "-c", 'CMD ["/bin/sh"]', "busybox.tar", "busybox:latest")
    show.run("import", "-m", "made by mmdebstrap", "-c", 'CMD ["/bin/bash"]', "debian.tar", "debian:12")
    show.run("image", "ls")

    show.say("One image may have several names.")
    show.run("tag", "debian:12", f"{registry}/library/debian:12")
    show.run("tag", "busybox", f"{registry}/library/busybox")
    show.run("image", "ls")

    show.say("A registry gets only what it lacks; a second repository mounts what the first one has.")
    show.run("push", f"{registry}/library/debian:12")
    show.run("push", f"{registry}/library/busybox")
    show.run("tag", "debian:12", f"{registry}/team/base:stable")
    show.run("push", f"{registry}/team/base:stable")

    show.say("What is removed here can be pulled again; every byte is verified on its way.")
    show.run("rmi", "--force", "debian:12", f"{registry}/library/debian:12", f"{registry}/team/base:stable")
    show.run("image", "ls")
    show.run("pull", f"{registry}/library/debian:12")
    show.run("pull", f"{registry}/team/base:stable")
    show.run("image", "ls")

    show.say("How an image came to be, and everything about it.")
    show.run("history", f"{registry}/library/debian:12")
    show.run("inspect", f"{registry}/library/busybox")
    show.run("inspect", "--format", "{{.Os}}/{{.Architecture}} {{len .RootFS.Layers}} layer", "busybox")

    show.say("Run, an image is a process with changes of its own; the image stays as it is.")
    show.run("run", "--rm", f"{registry}/library/debian:12", "sh", "-c", "head -1 /etc/os-release; id; ls /")
    show.run("run", "--name", "notes", "busybox", "sh", "-c", "echo remember >> /notes; cat /notes")
    show.run("start", "--attach", "notes")
    show.run("ps", "--all")
    show.run("diff", "notes")
    show.run("commit", "notes", "busybox:notes")
    show.run("run", "--rm", "busybox:notes", "cat", "/notes")
    show.run("rm", "notes")

    show.say("What names pointed at, what the store holds, and whether it is whole.")
    show.run("reflog", f"{registry}/library/debian:12")
    show.run("system", "df")
    show.run("store", "check")


if __name__ == "__main__":
    main()
