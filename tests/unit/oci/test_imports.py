"""The floor of values is cheap to import: every command pays for it."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import shale.oci

HEAVY = {"urllib", "http", "ssl", "socket", "asyncio", "dataclasses", "json", "email", "subprocess"}


def test_nothing_heavy_is_imported() -> None:
    names = [f"shale.oci.{module.name}" for module in pkgutil.iter_modules(shale.oci.__path__)]
    assert "shale.oci.reference" in names
    program = f"import sys, {', '.join(names)}; print(*sys.modules, sep='\\n')"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in found.stdout.split()}
    assert "msgspec" in loaded
    assert loaded & HEAVY == set()
