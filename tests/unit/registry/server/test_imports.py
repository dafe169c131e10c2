from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["shale.registry.server", "shale.registry.server.folder", "shale.registry.protocol"]
)
def test_only_the_endpoints_import_aiohttp(module: str) -> None:
    program = f"import sys, {module}; sys.exit('aiohttp' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, check=False
        ).returncode
        == 0
    )
