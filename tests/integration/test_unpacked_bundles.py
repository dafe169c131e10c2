"""Bundles of `image unpack --bundle`, run by the runtime of the distribution, without shale."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from ordinary_user import NOBODY, ordinary_user
from peers import trees
from peers.process import tool
from shale.engine.engine import Engine

SAY = 'CMD ["sh", "-c", "id -u; hostname; pwd; cat /etc/hostname; touch /srv/new && echo written"]'


def unpacked(tmp_path: Path, *changes: str) -> Path:
    """A bundle of busybox."""
    tar = tmp_path / "busybox.tar"
    trees.busybox(tar, os.environ)
    with Engine.open(tmp_path / "root", environ={"HOME": str(tmp_path)}) as engine:
        with tar.open("rb") as stream:
            engine.images.import_rootfs(stream, "busybox:1", changes=changes)
        done = engine.images.unpack("busybox:1", tmp_path / "bundle", bundle=True)
    assert done.notes == ()
    return done.folder


def run(bundle: Path, tmp_path: Path) -> str:
    """What the container of a bundle says."""
    argv = [
        tool("runc", "runc"),
        "--root",
        str(tmp_path / "runc"),
        "run",
        "--bundle",
        str(bundle),
        "shale-test",
    ]
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_bundle_runs(tmp_path: Path) -> None:
    bundle = unpacked(tmp_path, SAY, "WORKDIR /srv/deep", "ENV A=b")
    assert sorted(path.name for path in bundle.iterdir()) == ["config.json", "rootfs"]
    spec = json.loads((bundle / "config.json").read_text())
    assert "A=b" in spec["process"]["env"]
    assert spec["process"]["noNewPrivileges"]
    assert "hooks" not in spec
    assert "annotations" not in spec
    uid, hostname, folder, *rest = run(bundle, tmp_path).splitlines()
    assert (uid, folder, rest[-1]) == ("0", "/srv/deep", "written")
    assert hostname == spec["hostname"]
    assert (bundle / "rootfs/srv/new").exists()


def test_a_bundle_of_another_user(tmp_path: Path) -> None:
    bundle = unpacked(tmp_path, 'CMD ["id", "-u"]', "USER nobody")
    assert run(bundle, tmp_path) == "65534\n"


def test_an_image_without_a_command_runs_a_shell(tmp_path: Path) -> None:
    bundle = unpacked(tmp_path)
    assert json.loads((bundle / "config.json").read_text())["process"]["args"] == ["sh"]


def test_a_bundle_of_an_ordinary_user_runs_without_shale(tmp_path: Path) -> None:
    """Of one who has no range of ids: root of a namespace with one user."""
    tar = tmp_path / "busybox.tar"
    trees.busybox(tar, os.environ)
    with ordinary_user("") as user:
        shutil.copy(tar, user.home / "busybox.tar")
        (user.home / "busybox.tar").chmod(0o644)
        bundle = user.home / "bundle"
        for words in (
            (
                "import",
                "--change",
                'CMD ["sh", "-c", "id -u && touch /new && echo written"]',
                "busybox.tar",
                "b:1",
            ),
            ("image", "unpack", "--bundle", "b:1", str(bundle)),
        ):
            done = user.shale(*words)
            assert done.returncode == 0, done.stderr
        argv = [
            tool("runc", "runc"),
            "--root",
            str(user.home / "runc"),
            "run",
            "--bundle",
            str(bundle),
            "shale",
        ]
        done = user.run(argv, env={"XDG_RUNTIME_DIR": str(user.home)})
        assert (done.returncode, done.stdout) == (0, b"0\nwritten\n"), done.stderr
        assert (bundle / "rootfs/new").stat().st_uid == NOBODY
