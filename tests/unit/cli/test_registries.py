"""push, pull, search, login and logout, against registries on this machine."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from command_line import Shale
from image_factory import add_image, build_image
from shale.oci.digest import DiffID, Digest
from shale.registry.server.service import RegistryServer

ANSWERS = {
    "num_results": 3,
    "results": [
        {"name": "nginx", "description": "Official\nbuild of Nginx and some more words than fit",
         "star_count": 5000, "is_official": True, "is_automated": False},
        {"name": "bitnami/nginx", "description": None, "star_count": 5, "is_official": False},
        {"name": "evil\x1b[2J", "description": "x", "star_count": 0, "is_official": False},
    ],
}  # fmt: skip


class Locked(BaseHTTPRequestHandler):
    """A registry that wants basic authentication, and can be searched by whoever has it."""

    protocol_version = "HTTP/1.1"
    proof = "Basic " + base64.b64encode(b"me:secret").decode()

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != self.proof:
            self._answer(401, {"errors": [{"code": "UNAUTHORIZED"}]}, ("WWW-Authenticate", 'Basic realm="x"'))
        elif self.path.startswith("/v1/search?q=nginx&n="):
            self._answer(200, ANSWERS)
        elif self.path == "/v2/":
            self._answer(200, {})
        else:
            self._answer(404, {"errors": [{"code": "NAME_UNKNOWN"}]})

    def _answer(self, status: int, body: Any, *headers: tuple[str, str]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(raw))), ("Content-Type", "application/json")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature of the class above
        pass


@pytest.fixture
def locked() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Locked)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with RegistryServer(tmp_path / "registry") as server:
        yield server.address


def test_push_prints_what_the_origin_shows(shale: Shale, registry: str) -> None:
    image = build_image(layers=({"a": b"1"}, {"b": b"2"}))
    add_image(shale.root, image, f"{registry}/library/nginx:latest")
    shorts = [DiffID.of(layer).short for layer in image.layers]
    last = f"latest: digest: {image.digest} size: {len(image.manifest)}"
    out = shale.ok("image", "push", f"{registry}/library/nginx").splitlines()
    assert out[:2] == [
        "Using default tag: latest",
        f"The push refers to repository [{registry}/library/nginx]",
    ]
    assert out[-1] == last
    assert {f"{short}: Pushed" for short in shorts} <= set(out)
    shale.ok("tag", f"{registry}/library/nginx", f"{registry}/me/nginx:v1")
    out = shale.ok("push", f"{registry}/me/nginx:v1").splitlines()
    assert out[0] == f"The push refers to repository [{registry}/me/nginx]"
    assert {f"{short}: Mounted from library/nginx" for short in shorts} <= set(out)
    out = shale.ok("push", f"{registry}/me/nginx:v1").splitlines()
    assert {f"{short}: Layer already exists" for short in shorts} <= set(out)


def test_push_quiet_and_all_tags(shale: Shale, registry: str) -> None:
    add_image(shale.root, build_image(), f"{registry}/app:v1", f"{registry}/app:v2")
    assert shale.ok("push", "-q", "-a", f"{registry}/app").split() == [
        f"{registry}/app:v1",
        f"{registry}/app:v2",
    ]


def test_push_takes_several_tags_of_one_repository(shale: Shale, registry: str) -> None:
    add_image(shale.root, build_image(), f"{registry}/app:v1", f"{registry}/app:v2")
    out = shale.ok("push", f"{registry}/app:v1", f"{registry}/app:v2")
    assert [line.split(":")[0] for line in out.splitlines()[-2:]] == ["v1", "v2"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope",), "no such image: nope:latest"),
        (("-a", "app:v1"), "tag can't be used with --all-tags/-a"),
        (("app@sha256:" + "a" * 64,), "cannot push a digest reference"),
        (("a:1", "b:1"), "push takes tags of one repository at a time"),
    ],
)
def test_push_refuses(shale: Shale, arguments: tuple[str, ...], words: str) -> None:
    assert words in shale.fails("push", *arguments)


def test_pull_brings_back_what_was_pushed(shale: Shale, registry: str) -> None:
    image = build_image()
    add_image(shale.root, image, f"{registry}/library/nginx:latest")
    shale.ok("push", f"{registry}/library/nginx")
    shale.ok("rmi", f"{registry}/library/nginx")
    out = shale.ok("pull", f"{registry}/library/nginx").splitlines()
    short = Digest.of(image.layers[0]).short
    assert out[:2] == ["Using default tag: latest", "latest: Pulling from library/nginx"]
    assert f"{short}: Pull complete" in out
    assert out[-3:] == [
        f"Digest: {image.digest}",
        f"Status: Downloaded newer image for {registry}/library/nginx:latest",
        f"{registry}/library/nginx:latest",
    ]
    again = shale.ok("pull", f"{registry}/library/nginx").splitlines()
    assert again[-2] == f"Status: Image is up to date for {registry}/library/nginx:latest"
    assert shale.ok("pull", "-q", f"{registry}/library/nginx") == f"{registry}/library/nginx:latest\n"


def test_search_looks_through_the_catalog_of_a_registry_without_a_search(shale: Shale, registry: str) -> None:
    for name in ("team/nginx", "team/redis", "nginx-extras"):
        add_image(shale.root, build_image(), f"{registry}/{name}:1")
        shale.ok("push", "-q", f"{registry}/{name}:1")
    assert shale.ok("search", "--format", "{{.Name}}", f"{registry}/NGINX").split() == [
        "nginx-extras",
        "team/nginx",
    ]
    assert shale.ok("search", "--limit", "1", "--format", "{{.Name}}", f"{registry}/nginx") == "nginx-extras\n"


def test_search_asks_where_a_search_is_offered(shale: Shale, locked: str) -> None:
    assert "login" in shale.fails("search", f"{locked}/nginx")
    shale("login", "-u", "me", "--password-stdin", locked, stdin="secret\n")
    table = shale.ok("search", f"{locked}/nginx")
    assert table.splitlines()[:3] == [
        "NAME            DESCRIPTION                                     STARS     OFFICIAL",
        "nginx           Official build of Nginx and some more words …   5000      [OK]",
        "bitnami/nginx                                                   5         ",
    ]
    assert "\x1b" not in table
    names = ("--format", "{{.Name}}", f"{locked}/nginx")
    assert shale.ok("search", "--filter", "stars=6", *names) == "nginx\n"
    assert (
        shale.ok("search", "--filter", "is-official=false", "--filter", "stars=1", *names) == "bitnami/nginx\n"
    )


def test_search_says_where_nothing_can_be_searched(shale: Shale, locked: str) -> None:
    shale("login", "-u", "me", "--password-stdin", locked, stdin="secret\n")
    assert f"{locked} cannot be searched: it has neither a search" in shale.fails("search", f"{locked}/other")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--limit", "101"), "outside the range of [1, 100]"),
        (("--filter", "stars=many"), "expected a number"),
        (("--filter", "is-official=x"), "expected true or false"),
        (("--filter", "a=b"), "there are is-official, stars"),
    ],
)
def test_search_refuses(shale: Shale, arguments: tuple[str, ...], words: str) -> None:
    assert words in shale.fails("search", *arguments, "localhost:1/nginx")


def test_login_keeps_what_the_registry_accepts(shale: Shale, locked: str) -> None:
    result = shale("login", "-u", "me", "--password-stdin", locked, stdin="secret\n")
    assert (result.code, result.out) == (0, "Login Succeeded\n")
    assert "WARNING! Your password will be stored unencrypted in" in result.err
    file = shale.home / ".docker" / "config.json"
    assert json.loads(file.read_text())["auths"] == {locked: {"auth": "bWU6c2VjcmV0"}}
    assert file.stat().st_mode & 0o077 == 0
    again = shale("login", locked)
    assert again.out == "Authenticating with existing credentials... [Username: me]\nLogin Succeeded\n"
    assert shale("logout", locked).out == f"Removing login credentials for {locked}\n"
    assert json.loads(file.read_text())["auths"] == {}
    assert f"not logged in to {locked}" in shale("logout", locked).err


def test_login_keeps_nothing_that_the_registry_refuses(shale: Shale, locked: str) -> None:
    error = shale.fails("login", "-u", "me", "--password-stdin", locked, stdin="guess\n")
    assert "did not accept the credentials" in error
    assert "guess" not in error
    assert not (shale.home / ".docker").exists()


def test_a_password_in_the_arguments_is_warned_of(shale: Shale, locked: str) -> None:
    result = shale("login", "-u", "me", "-p", "secret", locked)
    assert result.err.startswith("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--password-stdin",), "requires --username"),
        (("-u", "a", "-p", "b", "--password-stdin"), "mutually exclusive"),
        ((), "standard input is no terminal"),
        (("-u", "a"), "standard input is no terminal"),
        (("-u", "a", "--password-stdin"), "standard input has no password"),
    ],
)
def test_login_refuses(shale: Shale, arguments: tuple[str, ...], words: str) -> None:
    assert words in shale.fails("login", *arguments, "localhost:1", stdin="")


@pytest.mark.parametrize("server", ["", "docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"])
def test_docker_hub_has_many_names(shale: Shale, server: str) -> None:
    out = shale("logout", *([server] if server else [])).out
    assert out == "Removing login credentials for https://index.docker.io/v1/\n"
