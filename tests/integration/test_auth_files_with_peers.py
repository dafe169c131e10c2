"""skopeo and podman read the files of credentials that shale writes. Neither asks a registry for that."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shale.registry.client.credentials.auth_files import AuthFiles
from shale.registry.client.endpoint import Credential

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("peer", ["skopeo", "podman"])
@pytest.mark.parametrize("account", ["docker.io", "registry.example:5000"])
def test_peers_find_what_login_wrote(peer: str, account: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    files = AuthFiles([path], {})
    files.store(account, Credential("somebody", "secret"))
    command = [peer, "login", "--get-login", "--authfile", str(path), account]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert told.strip() == "somebody"


@pytest.mark.parametrize("account", ["docker.io", "registry.example:5000"])
def test_logout_takes_out_what_a_peer_would_find(account: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    files = AuthFiles([path], {})
    files.store(account, Credential("somebody", "secret"))
    command = ["skopeo", "logout", "--authfile", str(path), account]
    files.erase(account)
    told = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert told.returncode != 0
    assert "not logged" in told.stderr.lower()
