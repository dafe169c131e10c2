"""Debian's packages: which ones a purpose needs, which are missing, and how to install them quietly."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIST = Path(__file__).with_name("debian-packages")
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_ASIDE = Path("/usr/sbin/policy-rc.d.before-shale")
DENY_ALL = "#!/bin/sh\n# put here by shale's set-up while it installs packages: start nothing\nexit 101\n"


def wanted(purpose: str) -> list[str]:
    """The packages of a purpose and of the purposes that it includes."""
    own: dict[str, list[str]] = {}
    includes: dict[str, list[str]] = {}
    section = ""
    for raw in LIST.read_text(encoding="utf-8").splitlines():
        line = raw.partition("#")[0].strip()
        heading = re.fullmatch(r"\[(\w+)(?::([\w ]+))?\]", line)
        if heading:
            section = heading[1]
            own[section] = []
            includes[section] = (heading[2] or "").split()
        elif line:
            own[section].append(line)
    names = list(own[purpose])
    for other in includes[purpose]:
        names.extend(wanted(other))
    return sorted(set(names))


def missing(names: list[str]) -> list[str]:
    """Those of the named packages that are not installed."""
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names]
    answer = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    installed = {line.split()[0] for line in answer.stdout.decode().splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def is_debian() -> bool:
    return bool(shutil.which("dpkg-query") and shutil.which("apt-get"))


def install_command(names: list[str]) -> list[str]:
    return ["apt-get", "install", "--yes", "--no-install-recommends", *names]


def ensure(names: list[str]) -> None:
    """Install what is missing, as root or by a sudo that asks nothing; otherwise say what to do and leave."""
    if not is_debian():
        print("not a Debian: not checked, but needed: " + " ".join(names), file=sys.stderr)
        return
    absent = missing(names)
    if not absent:
        return
    if os.geteuid() == 0:
        install(absent)
    elif _sudo_is_free():
        as_root = ["sudo", "-n", sys.executable, __file__, *absent]
        if subprocess.run(as_root, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise SystemExit("the system packages were not installed: the reason stands above")
    else:
        by_hand = "apt-get update && " + shlex.join(install_command(absent))
        raise SystemExit(
            "these system packages are missing, and installing them needs root: " + " ".join(absent) + "\n"
            "run this once, then try again:\n\n    sudo sh -c " + shlex.quote(by_hand) + "\n"
        )


def install(names: list[str]) -> None:
    """Install packages as root: no questions, no recommendations, no daemon started."""
    print("installing system packages: " + " ".join(names), flush=True)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", NEEDRESTART_SUSPEND="1")
    lock = ["-o", "DPkg::Lock::Timeout=300"]
    with _nothing_is_started():
        for command in (["apt-get", "update", "-qq", *lock], [*install_command(names), "-qq", *lock]):
            _quietly(command, env)


def _quietly(command: list[str], env: dict[str, str]) -> None:
    """Run a command; what it says matters only when it fails."""
    merged = subprocess.STDOUT
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=merged, check=False
    )
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace")
        raise SystemExit(f"{said}\nfailed with exit code {done.returncode}: {shlex.join(command)}")


def _sudo_is_free() -> bool:
    if shutil.which("sudo") is None:
        return False
    probe = ["sudo", "-n", "true"]
    quiet = subprocess.DEVNULL
    return subprocess.run(probe, stdin=quiet, stdout=quiet, stderr=quiet, check=False).returncode == 0


@contextmanager
def _nothing_is_started() -> Iterator[None]:
    """Hold invoke-rc.d's policy at "deny" (exit 101): docker.io's installation would start dockerd.

    What was there before stands aside and comes back, also when an earlier run was killed half-way.
    """
    _restore_policy()
    if POLICY.exists() or POLICY.is_symlink():
        POLICY.rename(POLICY_ASIDE)
    try:
        POLICY.write_text(DENY_ALL, encoding="ascii")
        POLICY.chmod(0o755)
        yield
    finally:
        _restore_policy()


def _restore_policy() -> None:
    if POLICY.is_file() and POLICY.read_bytes() == DENY_ALL.encode():
        POLICY.unlink()
    if POLICY_ASIDE.exists() or POLICY_ASIDE.is_symlink():
        POLICY_ASIDE.rename(POLICY)


if __name__ == "__main__":
    install(sys.argv[1:])
