"""A minimal Debian or Ubuntu, from the package sources of the machine that the tests run on."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from peers.process import run, tool

APT = Path("/etc/apt")

# What slim images leave out too.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")


def sources() -> bytes:
    """Where this machine takes its packages from, in apt's own words."""
    return b"\n".join(path.read_bytes() for path in _source_files())


def bootstrap(tar: Path, env: Mapping[str, str], packages: Sequence[str] = ()) -> None:
    """Write the root file system of a minimal system, with further packages in it, as a tar file."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    command = [tool("mmdebstrap", "mmdebstrap"), "--quiet", "--variant=minbase", "--format=tar"]
    command += [f"--aptopt={option}" for option in _apt_options(env)]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    command += [f"--include={','.join(packages)}"] if packages else []
    command += [suite, str(tar), *(str(path) for path in _source_files())]
    run(command, env={**env, "SOURCE_DATE_EPOCH": "1709208000"}, timeout=280)


def _source_files() -> list[Path]:
    """The distribution's own sources: other repositories on the machine have no place in the image."""
    candidates = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*.sources"))]
    distribution = (b"debian-archive-keyring", b"ubuntu-archive-keyring")
    found = [path for path in candidates if path.is_file() and path.read_bytes().strip()]
    if len(found) < 2:
        return found
    return [path for path in found if any(key in path.read_bytes() for key in distribution)] or found[:1]


def _apt_options(env: Mapping[str, str]) -> list[str]:
    """How this machine reaches its package sources: proxies, patience, and what is checked of dates."""
    dump = run([tool("apt-config", "apt"), "dump"], env=env).stdout.splitlines()
    wanted = ("Acquire::Check-", "Acquire::http", "Acquire::https", "Acquire::Retries")
    return [line.rstrip(";") for line in dump if line.startswith(wanted) and not line.endswith('"";')]
