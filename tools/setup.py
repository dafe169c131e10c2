"""Make ready everything that a purpose (demo, test, bench, lock) needs: system packages and `.venv`.

Runs on a machine that has only Python and git; does nothing, quickly, when nothing is to be done.
The syntax stays that of Python 3.7: an interpreter that is too old gets our message and not a SyntaxError.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "shale-setup.json"
LOCK = ROOT / "requirements" / "dev.txt"
OLDEST = (3, 11)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("purpose", choices=["demo", "test", "bench"])
    purpose = parser.parse_args().purpose
    if sys.version_info < OLDEST:
        raise SystemExit(
            f"shale needs Python 3.11 or newer, and {sys.executable} is {platform.python_version()}: "
            "name another one, for example `make PYTHON=python3.12 test`"
        )
    debian.ensure(debian.wanted(purpose) + _venv_package())
    _make_environment()


def _venv_package() -> list[str]:
    """Debian keeps ensurepip, without which a new environment has no pip, in a package of its own."""
    if find_spec("ensurepip") is not None:
        return []
    if not debian.is_debian():
        raise SystemExit(
            f"{sys.executable} lacks the module ensurepip: install it, or name another with PYTHON="
        )
    return [f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"]


def _make_environment() -> None:
    """Bring `.venv` in step with the lock file, the project's own metadata, and the interpreter."""
    goal = _goal()
    done = _read_stamp()
    if done == goal:
        return
    python = str(VENV / "bin" / "python")
    if done.get("environment") != goal["environment"]:
        print("making .venv with Python " + platform.python_version(), flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        _run([_interpreter(), "-m", "venv", str(VENV)])
        _pip(python, "--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK))
    STAMP.unlink(missing_ok=True)
    _pip(python, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    # Where the machine sets PYTHONDONTWRITEBYTECODE nothing else would ever compile, and every start would
    # be three times slower.
    _run([python, "-m", "compileall", "-q", "-j", "0", str(VENV / "lib"), str(ROOT / "src")], check=False)
    STAMP.write_text(json.dumps(goal), encoding="ascii")


def _interpreter() -> str:
    """The interpreter to build on; never that of `.venv` itself, which is about to go."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _goal() -> dict[str, str]:
    interpreter = f"{sys.base_prefix} {platform.python_version()} {platform.machine()} {ROOT}"
    return {
        "environment": hashlib.sha256(LOCK.read_bytes() + interpreter.encode()).hexdigest(),
        "project": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
    }


def _read_stamp() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_bytes())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _pip(python: str, *what: str) -> None:
    _run([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", *what])


def _run(command: list[str], *, check: bool = True) -> None:
    env = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        env.pop(name, None)
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, check=False)
    if check and done.returncode != 0:
        raise SystemExit("failed with exit code {}: {}".format(done.returncode, " ".join(command)))


if __name__ == "__main__":
    main()
