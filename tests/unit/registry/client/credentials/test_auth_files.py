from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shale.linux.durable import NoPermission
from shale.registry.client.credentials.account import account_of_key
from shale.registry.client.credentials.auth_files import AuthFiles, NotLoggedIn
from shale.registry.client.credentials.config_file import ConfigFile, InvalidConfig
from shale.registry.client.credentials.entry import InvalidCredential
from shale.registry.client.credentials.paths import auth_files_from
from shale.registry.client.endpoint import Credential

USER = Credential("user", "pass:word é")


def auth(text: str) -> dict[str, str]:
    return {"auth": b64encode(text.encode()).decode()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "docker" / "config.json"


@pytest.fixture
def files(path: Path) -> AuthFiles:
    return AuthFiles([path], {})


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("key", "account"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://Host.Example:5000/v1/", "host.example:5000"),
        ("http://host.example", "host.example"),
        ("host.example/v2/", "host.example"),
        ("host.example/", "host.example"),
        ("https://host.example/team/app", "host.example"),
        ("quay.io/team/app", "quay.io/team/app"),
        ("docker.io/library", "docker.io/library"),
    ],
)
def test_what_a_key_speaks_of(key: str, account: str) -> None:
    assert account_of_key(key) == account


def test_login_and_logout(files: AuthFiles, path: Path) -> None:
    stored = files.store("registry.example:5000", USER)
    assert stored.place == str(path)
    assert stored.warning.startswith(f"WARNING! Your password will be stored unencrypted in {path}.\n")
    assert files.find("registry.example:5000", "team/app") == USER
    assert files.find("registry.example", "team/app") is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text()) == {"auths": {"registry.example:5000": auth("user:pass:word é")}}
    assert files.erase("registry.example:5000") == (str(path),)
    assert files.find("registry.example:5000", "team/app") is None
    with pytest.raises(NotLoggedIn, match=r"not logged in to registry\.example:5000"):
        files.erase("registry.example:5000")


def test_docker_hub_goes_by_its_old_address(files: AuthFiles, path: Path) -> None:
    files.store("docker.io", USER)
    assert list(json.loads(path.read_text())["auths"]) == ["https://index.docker.io/v1/"]
    assert files.find("docker.io", "library/nginx") == USER
    with pytest.raises(NotLoggedIn, match=r"https://index\.docker\.io/v1/"):
        AuthFiles([path.with_name("none")], {}).erase("docker.io")


def test_what_is_not_ours_survives(files: AuthFiles, path: Path) -> None:
    write(
        path,
        {
            "zeta": {"deep": [1, {"é": None}]},
            "auths": {"a.example": {**auth("x:y"), "email": "x@y"}, "b.example": auth("b:b")},
            "HttpHeaders": {"X": "1"},
            "big": 12345678901234567890123,
            "half": "\ud800",
        },
    )
    files.store("a.example", USER)
    text = path.read_text()
    content = json.loads(text)
    assert list(content) == ["zeta", "auths", "HttpHeaders", "big", "half"]
    assert content["zeta"] == {"deep": [1, {"é": None}]}
    assert content["big"] == 12345678901234567890123
    assert content["half"] == "\ud800"
    assert content["auths"] == {
        "a.example": {"email": "x@y", **auth("user:pass:word é")},
        "b.example": auth("b:b"),
    }
    assert text.startswith('{\n\t"zeta"')
    assert text.endswith("}\n")


def test_the_most_specific_entry_wins(files: AuthFiles, path: Path) -> None:
    write(
        path,
        {"auths": {"q.example": auth("host:1"), "q.example/a/b": auth("repo:2"), "q.example/a": auth("ns:3")}},
    )
    found = [files.find("q.example", name) for name in ("a/b", "a/b/c", "a/c", "ab", "")]
    assert [one.username for one in found if one] == ["repo", "repo", "ns", "host", "host"]


def test_logout_leaves_entries_of_repositories(files: AuthFiles, path: Path) -> None:
    write(
        path,
        {"auths": {"q.example": auth("a:b"), "https://q.example/v1/": auth("a:c"), "q.example/a": auth("a:d")}},
    )
    files.erase("q.example")
    assert list(json.loads(path.read_text())["auths"]) == ["q.example/a"]


def test_an_earlier_file_wins_and_logout_clears_all(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    write(first, {"auths": {"b.example": auth("first:1")}})
    write(second, {"auths": {"a.example": auth("second:2"), "b.example": auth("second:2")}})
    files = AuthFiles([first, second], {})
    assert files.find("a.example", "") == Credential("second", "2")
    assert files.find("b.example", "") == Credential("first", "1")
    assert files.erase("b.example") == (str(first), str(second))
    assert files.find("b.example", "") is None
    assert files.find("a.example", "") == Credential("second", "2")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, None),
        ({"auth": ""}, None),
        ({"username": "u", "password": "p"}, Credential("u", "p")),
        ({**auth("u:p"), "username": "x"}, Credential("u", "p")),
        (auth("u:p:q\0\0"), Credential("u", "p:q")),
        ({**auth("u:"), "identitytoken": "t"}, Credential("u", "", "t")),
        ({"registrytoken": "t"}, Credential(registry_token="t")),
        ({"email": "u@p"}, None),
    ],
)
def test_forms_of_an_entry(
    entry: dict[str, str], expected: Credential | None, files: AuthFiles, path: Path
) -> None:
    write(path, {"auths": {"a.example": entry}})
    assert files.find("a.example", "") == expected


def test_tokens_are_written_as_docker_does(files: AuthFiles, path: Path) -> None:
    files.store("a.example", Credential("u", "", "token"))
    assert json.loads(path.read_text())["auths"]["a.example"] == {**auth("u:"), "identitytoken": "token"}
    assert files.find("a.example", "") == Credential("u", "", "token")
    with pytest.raises(InvalidCredential, match="colon"):
        files.store("a.example", Credential("a:b", "c"))
    assert files.find("a.example", "") == Credential("u", "", "token")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "null",
        '"secret"',
        '{"auths": []}',
        '{"auths": {"a.example": []}}',
        '{"auths": {"a.example": {"auth": 1}}}',
        '{"auths": {"a.example": {"auth": "secret"}}}',
        '{"auths": {"a.example": {"auth": "%%%"}}}',
        '{"auths": {"a.example": {"auth": "c2VjcmV0"}}}',
        '{"credHelpers": 1}',
        '{"credHelpers": {"a.example": 1}}',
        '{"credsStore": 1}',
        '{"auths": {"a.example": {"auth": "c2Vj',
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_malformed_file_is_named_and_left_alone(content: str, files: AuthFiles, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises((InvalidConfig, InvalidCredential)) as caught:
        files.find("a.example", "")
    assert str(path) in caught.value.message
    assert "secret" not in caught.value.message
    assert path.read_bytes() == content.encode("latin-1")


def test_a_file_that_is_not_json_is_not_written_over(files: AuthFiles, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("{ my notes")
    with pytest.raises(InvalidConfig):
        files.store("a.example", USER)
    assert path.read_text() == "{ my notes"


@pytest.mark.parametrize("content", ["", "  \n"])
def test_an_empty_file_is_no_credentials(content: str, files: AuthFiles, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(content)
    assert files.find("a.example", "") is None
    files.store("a.example", USER)
    assert files.find("a.example", "") == USER


def test_a_link_stays_a_link(files: AuthFiles, path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "docker.json"
    write(real, {"auths": {}})
    path.parent.mkdir()
    path.symlink_to(real)
    files.store("a.example", USER)
    assert path.is_symlink()
    assert "a.example" in json.loads(real.read_text())["auths"]
    assert [entry.name for entry in real.parent.iterdir()] == ["docker.json"]


def test_nothing_is_left_beside_the_file(files: AuthFiles, path: Path) -> None:
    files.store("a.example", USER)
    files.erase("a.example")
    assert [entry.name for entry in path.parent.iterdir()] == ["config.json"]


def test_writers_take_turns(path: Path) -> None:
    threads = [
        threading.Thread(target=AuthFiles([path], {}).store, args=(f"r{number}.example", USER))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(path.read_text())["auths"]) == 12


def test_a_writer_waits_for_the_lock(files: AuthFiles, path: Path) -> None:
    path.parent.mkdir()
    folder = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    writer = threading.Thread(target=files.store, args=("a.example", USER))
    writer.start()
    writer.join(0.2)
    assert writer.is_alive()
    assert not path.exists()
    os.close(folder)
    writer.join()
    assert files.find("a.example", "") == USER


def test_nothing_is_written_where_the_change_fails(path: Path) -> None:
    write(path, {"auths": {}})
    before = path.stat().st_ino

    def fail() -> None:
        with ConfigFile(path).changing() as content:
            content["auths"]["x"] = {}
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with ConfigFile(path).changing():
        pass
    assert path.stat().st_ino == before


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root reads everything: the test goes on as nobody."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_file_that_may_not_be_read_is_an_error(files: AuthFiles, path: Path) -> None:
    write(path, {})
    path.chmod(0)
    with ordinary_user(), pytest.raises(NoPermission, match="check who owns it"):
        files.find("a.example", "")


def test_a_folder_that_may_not_be_written_is_an_error(files: AuthFiles, path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o555)
    with ordinary_user(), pytest.raises(NoPermission, match="check who owns"):
        files.store("a.example", USER)


def test_a_folder_in_the_place_of_the_file_is_an_error(files: AuthFiles, path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(InvalidConfig, match="is a folder"):
        files.find("a.example", "")


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("")
    files = AuthFiles([tmp_path / "docker" / "config.json"], {})
    assert files.find("a.example", "") is None
    with pytest.raises(InvalidConfig, match="is not a folder"):
        files.store("a.example", USER)


HOME = Path("/home/user")


@pytest.mark.parametrize(
    ("environ", "uid", "expected"),
    [
        ({}, None, ["/home/user/.docker/config.json", "/home/user/.config/containers/auth.json"]),
        (
            {},
            1000,
            [
                "/home/user/.docker/config.json",
                "/run/containers/1000/auth.json",
                "/home/user/.config/containers/auth.json",
            ],
        ),
        (
            {"XDG_RUNTIME_DIR": "/run/user/1000", "XDG_CONFIG_HOME": "/c", "DOCKER_CONFIG": "/d"},
            1000,
            ["/d/config.json", "/run/user/1000/containers/auth.json", "/c/containers/auth.json"],
        ),
        ({"REGISTRY_AUTH_FILE": "/only", "DOCKER_CONFIG": "/d"}, 1000, ["/only"]),
    ],
)
def test_which_files(environ: dict[str, str], uid: int | None, expected: list[str]) -> None:
    assert [str(path) for path in auth_files_from(environ, HOME, uid)] == expected
