"""Debian's docker-registry (CNCF Distribution 2.8) on a loopback port that the kernel chooses."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from peers.authority import Authority
from peers.ground import Ground
from peers.process import Daemon, run, tool

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


@dataclass(frozen=True, slots=True)
class Login:
    """A user of a registry that asks for one."""

    username: str
    password: str

    @property
    def header(self) -> str:
        """The value of an `Authorization` header of the Basic scheme (RFC 7617)."""
        return "Basic " + b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that is listening."""

    host: str
    """`127.0.0.1:PORT`, as it stands in references."""
    folder: Path
    """Where it keeps its content; nothing else writes there."""
    login: Login | None
    authority: Authority | None
    daemon: Daemon

    @property
    def url(self) -> str:
        return f"{'https' if self.authority else 'http'}://{self.host}"

    def request(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One plain request below `/v2/`, with nothing of shale's; errors are answers too."""
        request = urllib.request.Request(f"{self.url}/v2/{path}", method=method, data=body)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if self.login:
            request.add_unredirected_header("Authorization", self.login.header)
        trust = ssl.create_default_context(cafile=self.authority.certificate) if self.authority else None
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust), _EveryAnswer()
        )
        with opener.open(request, timeout=30) as answer:
            return Answer(answer.status, MappingProxyType(dict(answer.headers)), answer.read())

    def digest(self, repository: str, tag: str) -> str:
        """The digest of the manifest that a tag names, as the registry gives it."""
        answer = self.request(
            f"{repository}/manifests/{tag}", method="HEAD", headers={"Accept": ", ".join(MANIFESTS)}
        )
        if answer.status != 200:
            raise AssertionError(f"{self.host}/{repository}:{tag} is not there: status {answer.status}")
        return answer.headers["Docker-Content-Digest"]


class _EveryAnswer(urllib.request.HTTPErrorProcessor):
    """Hands out errors as answers."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response

    https_response = http_response


@contextmanager
def serve_registry(
    ground: Ground, *, login: Login | None = None, authority: Authority | None = None
) -> Iterator[Registry]:
    """Run a registry with nothing in it, deletion allowed; with a password or TLS when they are given."""
    program = tool("docker-registry", "docker-registry")
    folder = ground.fresh("registry")
    content = folder / "content"
    config = folder / "config.json"  # JSON is YAML
    config.write_text(json.dumps(_config(ground, folder, login, authority)), encoding="utf-8")
    daemon = Daemon([program, "serve", str(config)], env=ground.env, log=folder / "log")
    try:
        # Port 0: the log says which one the kernel gave, so no other program can take it in between.
        port = daemon.wait_until(lambda: re.search(r"listening on 127\.0\.0\.1:(\d+)", daemon.log))[1]
        yield Registry(f"127.0.0.1:{port}", content, login, authority, daemon)
    finally:
        daemon.stop()


def _config(
    ground: Ground, folder: Path, login: Login | None, authority: Authority | None
) -> dict[str, object]:
    http: dict[str, object] = {"addr": "127.0.0.1:0", "secret": "one process only"}
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "content"), "maxthreads": 100},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": http,
    }
    if authority:
        server = authority.issue(folder, "127.0.0.1")
        http["tls"] = {"certificate": str(server.certificate), "key": str(server.key)}
    if login:
        passwords = folder / "htpasswd"
        passwords.write_text(f"{login.username}:{_bcrypt(ground, login.password)}\n", encoding="utf-8")
        config["auth"] = {"htpasswd": {"realm": "shale tests", "path": str(passwords)}}
    return config


def _bcrypt(ground: Ground, password: str) -> str:
    """The password as htpasswd files want it. Perl is on every Debian, and its crypt is that of libxcrypt."""
    salt = "$2b$05$abcdefghijklmnopqrstuu"
    script = "print crypt($ARGV[0], $ARGV[1])"
    return run([tool("perl", "perl-base"), "-e", script, password, salt], env=ground.env).stdout
