"""Against real programs that speak the helpers' protocol, found on a PATH of their own."""

from __future__ import annotations

import json
import os
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from shale.linux.process import OutputTooLong, ProgramTimedOut
from shale.registry.client.credentials.auth_files import AuthFiles, NotLoggedIn
from shale.registry.client.credentials.helper import (
    CredentialHelper,
    HelperFailed,
    HelperMissing,
    InvalidHelper,
)
from shale.registry.client.endpoint import Credential

KEYCHAIN = """#!{python} -IS
import json, os, sys
kept = os.path.join(os.environ["KEYCHAIN"], os.path.basename(sys.argv[0]))
entries = json.load(open(kept)) if os.path.exists(kept) else {{}}
action, sent = sys.argv[1], sys.stdin.read()
with open(kept + ".log", "a") as log:
    log.write(action + " " + sent + "\\n")
if action == "get":
    if sent not in entries:
        print("credentials not found in native keychain")
        sys.exit(1)
    user, secret = entries[sent]
    print(json.dumps({{"ServerURL": sent, "Username": user, "Secret": secret}}))
elif action == "list":
    print(json.dumps({{server: user for server, (user, _) in entries.items()}}))
elif action == "store":
    entry = json.loads(sent)
    entries[entry["ServerURL"]] = [entry["Username"], entry["Secret"]]
elif action == "erase":
    if entries.pop(sent, None) is None:
        print("credentials not found in native keychain")
        sys.exit(1)
json.dump(entries, open(kept, "w"))
"""
USER = Credential("user", "secret")
HUB = "https://index.docker.io/v1/"


class Programs:
    """A folder of helpers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.env = {"PATH": f"{folder}:{os.environ['PATH']}", "KEYCHAIN": str(folder)}

    def keychain(self, name: str, **entries: list[str]) -> None:
        self.script(name, KEYCHAIN.format(python=sys.executable))
        self._kept(name).write_text(json.dumps(entries))

    def script(self, name: str, text: str) -> None:
        program = self.folder / f"docker-credential-{name}"
        program.write_text(text)
        program.chmod(0o755)

    def entries(self, name: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = json.loads(self._kept(name).read_text())
        return found

    def log(self, name: str) -> list[str]:
        path = self.folder / "kept" / f"docker-credential-{name}.log"
        return path.read_text().splitlines() if path.exists() else []

    def _kept(self, name: str) -> Path:
        kept = self.folder / "kept"
        kept.mkdir(exist_ok=True)
        self.env["KEYCHAIN"] = str(kept)
        return kept / f"docker-credential-{name}"

    def helper(self, name: str, timeout: float = 60.0) -> CredentialHelper:
        return CredentialHelper(name, self.env, "config.json", timeout)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path / "bin")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def test_the_protocol(programs: Programs) -> None:
    programs.keychain("real")
    helper = programs.helper("real")
    assert helper.get("a.example") is None
    helper.store("a.example", USER)
    helper.store("b.example", Credential(identity_token="refresh"))
    assert helper.get("a.example") == USER
    assert helper.get("b.example") == Credential(identity_token="refresh")
    assert helper.list() == {"a.example": "user", "b.example": "<token>"}
    helper.erase("a.example")
    helper.erase("a.example")
    assert helper.get("a.example") is None


@pytest.mark.parametrize(
    "name", ["", "../evil", "a/b", "/bin/sh", "-x", ".x", "a b", "a\n", "a\0b", "x" * 200, "é"]
)
def test_a_name_is_checked(name: str, programs: Programs) -> None:
    with pytest.raises(InvalidHelper, match=r"config\.json"):
        programs.helper(name)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\necho boom; exit 1\n", r"status 1\): boom"),
        ("#!/bin/sh\nprintf 'bo\\033[31mom' >&2; exit 2\n", r"status 2\): bo \[31mom"),
        ("#!/bin/sh\nexit 3\n", "no message"),
        ("#!/bin/sh\nkill -9 $$\n", "signal 9"),
        ("#!/bin/sh\necho secret\n", "did not answer with JSON"),
        ("#!/bin/sh\necho '[]'\n", "JSON object"),
        ('#!/bin/sh\necho \'{"Username": 1, "Secret": "secret"}\'\n', "did not answer with a credential"),
        (
            '#!/bin/sh\necho \'{"ServerURL": "b.example", "Username": "u", "Secret": "secret"}\'\n',
            "another server",
        ),
        ('#!/bin/sh\necho \'{"ServerURL": 1, "Username": "u", "Secret": "secret"}\'\n', "another server"),
    ],
)
def test_a_failure_is_told_without_secrets(script: str, why: str, programs: Programs) -> None:
    programs.script("bad", script)
    with pytest.raises(HelperFailed, match=why) as caught:
        programs.helper("bad").get("a.example")
    assert "secret" not in caught.value.message
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        '{"Username": "u", "Secret": "s"}',
        '{"ServerURL": "", "Username": "u", "Secret": "s"}',
        '{"ServerURL": "https://a.example", "Username": "u", "Secret": "s", "More": 1}',
    ],
)
def test_answers_of_real_helpers(answer: str, programs: Programs) -> None:
    programs.script("lax", f"#!/bin/sh\necho '{answer}'\n")
    assert programs.helper("lax").get("a.example") == Credential("u", "s")


def test_an_empty_answer_is_no_credential(programs: Programs) -> None:
    programs.script("none", '#!/bin/sh\necho \'{"ServerURL": "a.example", "Username": "", "Secret": ""}\'\n')
    assert programs.helper("none").get("a.example") is None


def test_time_and_output_are_bounded(programs: Programs) -> None:
    programs.script("slow", "#!/bin/sh\nexec sleep 600\n")
    with pytest.raises(ProgramTimedOut, match="docker-credential-slow"):
        programs.helper("slow", timeout=0.2).get("a.example")
    programs.script("loud", "#!/bin/sh\nexec yes\n")
    with pytest.raises(OutputTooLong, match="docker-credential-loud"):
        programs.helper("loud").get("a.example")


def test_the_store_keeps_and_the_file_forgets(programs: Programs, config: Path) -> None:
    programs.keychain("real")
    config.write_text(json.dumps({"credsStore": "real", "auths": {"a.example": {"auth": "eDp5"}}}))
    files = AuthFiles([config], programs.env)
    stored = files.store("a.example", USER)
    assert (stored.place, stored.warning) == ("docker-credential-real", "")
    assert json.loads(config.read_text())["auths"] == {"a.example": {}}
    assert programs.entries("real") == {"a.example": ["user", "secret"]}
    assert files.find("a.example", "app") == USER
    assert files.erase("a.example") == ("docker-credential-real", str(config))
    assert programs.entries("real") == {}
    with pytest.raises(NotLoggedIn):
        files.erase("a.example")


def test_docker_hub_goes_by_its_old_address(programs: Programs, config: Path) -> None:
    programs.keychain("real", **{HUB: ["user", "secret"]})
    for content in (
        {"credsStore": "real"},
        {"credHelpers": {"docker.io": "real"}},
        {"credHelpers": {HUB: "real"}},
    ):
        config.write_text(json.dumps(content))
        assert AuthFiles([config], programs.env).find("docker.io", "library/nginx") == USER


def test_a_helper_of_one_registry_has_the_last_word_there(programs: Programs, config: Path) -> None:
    programs.keychain("one")
    programs.keychain("all", **{"a.example": ["wrong", "wrong"], "b.example": ["user", "secret"]})
    entry = {"auth": b64encode(b"old:old").decode()}
    config.write_text(
        json.dumps(
            {
                "credsStore": "all",
                "credHelpers": {"a.example": "one", "c.example": ""},
                "auths": {"a.example": entry, "c.example": entry, "b.example/scoped": entry},
            }
        )
    )
    files = AuthFiles([config], programs.env)
    assert files.find("a.example", "app") is None
    assert files.find("b.example", "app") == USER
    assert files.find("b.example", "scoped/app") == Credential("old", "old")
    assert files.find("c.example", "app") == Credential("old", "old")
    assert programs.log("all") == ["get b.example"]


def test_a_helper_that_is_missing_is_never_passed_over(programs: Programs, config: Path) -> None:
    # CVE-2021-41092: docker went on without the helper, and the password went to Docker Hub.
    programs.keychain("all", **{"a.example": ["user", "secret"], HUB: ["hub", "hub"]})
    entry = {"auth": b64encode(b"hub:hub").decode()}
    content = {"credsStore": "all", "credHelpers": {"a.example": "absent"}, "auths": {HUB: entry}}
    config.write_text(json.dumps(content))
    files = AuthFiles([config], programs.env)
    with pytest.raises(HelperMissing, match=r"config\.json says that docker-credential-absent"):
        files.find("a.example", "app")
    with pytest.raises(HelperMissing):
        files.store("a.example", USER)
    with pytest.raises(HelperMissing):
        files.erase("a.example")
    assert json.loads(config.read_text()) == content
    assert programs.log("all") == []
    config.write_text(json.dumps({"credsStore": "../evil"}))
    with pytest.raises(InvalidHelper):
        files.find("a.example", "app")
