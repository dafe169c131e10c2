"""diff, commit, cp and export, as typed: what they print, and what they refuse."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from archive_files import layer_tar, tar_of
from command_line import Shale


@pytest.fixture
def box(shale: Shale, tmp_path: Path) -> Shale:
    """A container `box` that has run nothing, of an image with two files."""
    (tmp_path / "base.tar").write_bytes(layer_tar({"etc/one": b"1", "etc/two": b"2", "bin/sh": b""}))
    shale.ok("import", "--change", 'CMD ["sh"]', str(tmp_path / "base.tar"), "base:1")
    shale.ok("create", "--name", "box", "base:1")
    return shale


def test_files_go_in_and_show_in_the_diff(box: Shale, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("new")
    assert box.ok("diff", "box") == ""
    assert box.ok("cp", str(tmp_path / "f"), "box:/etc/one") == ""
    assert box.ok("container", "cp", "-q", f"{tmp_path}/f", "box:/etc") == ""
    assert box.ok("diff", "box") == "C /etc\nA /etc/f\nC /etc/one\n"
    box.ok("cp", "box:/etc/one", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "new"


def test_odd_names_cannot_steer_a_terminal(box: Shale, tmp_path: Path) -> None:
    (tmp_path / "\x1b[2J").touch()
    box.ok("cp", f"{tmp_path}/\x1b[2J", "box:/etc")
    assert "\x1b" not in box.on_terminal("diff", "box")


def test_one_change_is_one_line_on_a_terminal(box: Shale, tmp_path: Path) -> None:
    (tmp_path / "a\nD x").touch()
    box.ok("cp", f"{tmp_path}/a\nD x", "box:/etc")
    assert box.on_terminal("diff", "box").split("\n") == ["C /etc", "A /etc/a\\nD x", ""]


def test_what_a_copy_leaves_out_is_told(shale: Shale, tmp_path: Path) -> None:
    device = tarfile.TarInfo("null")
    device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
    (tmp_path / "base.tar").write_bytes(tar_of([device]))
    shale.ok("import", str(tmp_path / "base.tar"), "base:1")
    shale.ok("create", "--name", "box", "base:1", "sh")
    done = shale("cp", "box:/null", str(tmp_path))
    assert (done.code, done.err) == (0, f"shale: note: device '{tmp_path}/null' left out\n")


def test_a_commit_prints_the_id_of_its_image(box: Shale, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("new")
    box.ok("cp", str(tmp_path / "f"), "box:/")
    printed = box.ok(
        "commit",
        "-a",
        "me",
        "-m",
        "why",
        "-c",
        "ENV A=b",
        "--change",
        "LABEL c=d",
        "--pause=false",
        "box",
        "made:1",
    )
    (image,) = box.json_lines("image", "inspect", "--format", "{{json .}}", "made:1")
    assert printed == f"{image['Id']}\n"
    assert (image["Author"], image["Comment"], image["Config"]["Labels"]) == ("me", "why", {"c": "d"})
    assert "A=b" in image["Config"]["Env"]
    assert image["Config"]["Cmd"] == ["sh"]
    assert box.ok("commit", "box").startswith("sha256:")


def test_an_export_is_a_file_or_the_output(box: Shale, tmp_path: Path) -> None:
    box.ok("export", "--output", str(tmp_path / "out.tar"), "box")
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert tar.getnames() == ["bin", "bin/sh", "etc", "etc/one", "etc/two"]
    assert [name for name in os.listdir(tmp_path) if name.startswith(".shale")] == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("diff", "none"), "no such container: none"),
        (("export", "none"), "no such container: none"),
        (("commit", "none"), "no such container: none"),
        (("commit", "box", "UPPER"), "invalid reference 'UPPER'"),
        (("commit", "box", "a@sha256:" + 64 * "0"), "cannot commit to a digest"),
        (("commit", "-c", "RUN x", "box"), "RUN is not a valid change command"),
        (("cp", "none:/etc", "."), "no such container: none"),
        (("cp", "box:/none", "."), "could not find the file /none in container box"),
        (("cp", "box:/etc/one/", "."), "not a directory: /etc/one/ in container box"),
        (("cp", "box:", "."), "the path in the container is empty"),
        (("cp", "", "box:/etc"), "source can not be empty"),
        (("cp", "box:/etc", ""), "destination can not be empty"),
        (("cp", "box:/etc", "box:/bin"), "copying between containers is not supported"),
        (("cp", "here", "there"), "must specify at least one container source"),
        (("cp", "/no/such/file", "box:/etc"), "/no/such/file: no such file or directory"),
        (("cp", "/dev/null", "box:/none/below"), "could not find the file /none in container box"),
        (("cp", "/etc", "box:/etc/one"), "cannot copy directory"),
        (("cp", "/etc/hostname", "box:/new/"), "no such directory: /new/"),
        (
            ("cp", "box:/etc", "/no/such/folder/x"),
            'invalid output path: directory "/no/such/folder" does not exist',
        ),
        (("cp", "box:/etc/one", "/dev/null"), "must be a directory or a regular file: got a device"),
        (("cp", "-", "box:/etc/one"), 'destination "box:/etc/one" must be a directory'),
        (("cp", "-", "box:/none"), 'destination "box:/none" must be a directory'),
    ],
)
def test_what_is_refused(box: Shale, arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in box.fails(*arguments)


def test_an_archive_is_not_written_to_a_terminal(box: Shale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for arguments in (("export", "box"), ("cp", "box:/etc", "-")):
        assert "terminal" in box.fails(*arguments)
