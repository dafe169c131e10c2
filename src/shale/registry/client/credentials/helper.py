"""Credential helpers: the programs `docker-credential-NAME` that keep secrets in a keychain.

    get     stdin: server address                       stdout: {"ServerURL", "Username", "Secret"}
    store   stdin: {"ServerURL", "Username", "Secret"}
    erase   stdin: server address
    list                                                stdout: {server address: user name}

A failure is an exit status with the message on standard output. The user name `<token>` says that the secret
is an identity token. Protocol: github.com/docker/docker-credential-helpers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shale.errors import Invalid, NotFound, Unavailable
from shale.registry.client.credentials.account import account_of_key
from shale.registry.client.endpoint import Credential

if TYPE_CHECKING:
    from shale.linux.process import Completed

__all__ = ["CredentialHelper", "HelperFailed", "HelperMissing", "InvalidHelper"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_NOT_FOUND: Final = "credentials not found in native keychain"
_TOKEN_USER: Final = "<token>"  # noqa: S105 -- what helpers write in the place of a user name
_LIMIT: Final = 1024 * 1024


class InvalidHelper(Invalid):
    """A helper's name is not one: it must be the part after `docker-credential-`, without a path."""


class HelperMissing(NotFound):
    """The configuration names a helper that is not installed."""


class HelperFailed(Unavailable):
    """A helper failed, or answered with something that is no credential."""


class CredentialHelper(msgspec.Struct, frozen=True):
    """One helper.

    Attributes:
        name: `pass` for `docker-credential-pass`.
        env: the environment in which it runs, and on whose PATH it is looked for.
        configured_in: the file that names it, for messages.
        timeout: seconds that it may take; it may have to ask the user for a passphrase.
    """

    name: str
    env: Mapping[str, str]
    configured_in: str
    timeout: float = 60.0

    def __repr__(self) -> str:
        # The environment is private.
        return f"CredentialHelper({self.name!r}, configured_in={self.configured_in!r})"

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise InvalidHelper(
                f"{self.configured_in}: {self.name[:140]!r} is not the name of a credential helper; "
                "it is the part of the program's name after docker-credential-"
            )

    def get(self, server: str) -> Credential | None:
        """The credential of a server address; None where it keeps none.

        Raises:
            HelperMissing: it is not installed.
            HelperFailed: it failed, or answered for another server.
        """
        done = self._run("get", server.encode())
        if done.status != 0:
            if _message(done) == _NOT_FOUND:
                return None
            raise self._failed("get", server, done)
        answer = self._decode(done)
        username, secret = answer.get("Username") or "", answer.get("Secret") or ""
        if not isinstance(username, str) or not isinstance(secret, str):
            raise HelperFailed(f"{self._program} did not answer with a credential for {server}")
        said = answer.get("ServerURL") or server
        # Some keychains match addresses loosely, and hand out what belongs to a neighbour.
        if not isinstance(said, str) or account_of_key(said) != account_of_key(server):
            raise HelperFailed(
                f"{self._program} was asked for {server} and answered for another server; nothing was sent"
            )
        if not username and not secret:
            return None
        if username == _TOKEN_USER:
            return Credential(identity_token=secret)
        return Credential(username, secret)

    def store(self, server: str, credential: Credential) -> None:
        """Keep a credential.

        Raises:
            HelperMissing: it is not installed.
            HelperFailed: it did not keep it.
        """
        token = credential.identity_token
        entry = {
            "ServerURL": server,
            "Username": _TOKEN_USER if token else credential.username,
            "Secret": token or credential.password,
        }
        import json  # noqa: PLC0415 - most have no helper

        done = self._run("store", json.dumps(entry).encode())
        if done.status != 0:
            raise self._failed("store", server, done)

    def erase(self, server: str) -> None:
        """Forget a credential; one that is not there is no error.

        Raises:
            HelperMissing: it is not installed.
            HelperFailed: it did not forget it.
        """
        done = self._run("erase", server.encode())
        if done.status != 0 and _message(done) != _NOT_FOUND:
            raise self._failed("erase", server, done)

    def list(self) -> dict[str, str]:
        """The user names by server address.

        Raises:
            HelperMissing: it is not installed.
            HelperFailed: it failed, or answered with something else.
        """
        done = self._run("list", b"")
        if done.status != 0:
            raise self._failed("list", "all servers", done)
        return {server: user for server, user in self._decode(done).items() if isinstance(user, str)}

    @property
    def _program(self) -> str:
        return f"docker-credential-{self.name}"

    def _run(self, action: str, stdin: bytes) -> Completed:
        from shale.linux.process import ProgramNotFound, run_bounded  # noqa: PLC0415 - most have no helper

        try:
            return run_bounded(
                [self._program, action],
                stdin=stdin,
                timeout=self.timeout,
                output_limit=_LIMIT,
                env=self.env,
            )
        except ProgramNotFound as error:
            raise HelperMissing(
                f"{self.configured_in} says that {self._program} keeps the credentials, and it is not on PATH; "
                "install it, or remove it from that file"
            ) from error

    def _decode(self, done: Completed) -> dict[str, Any]:
        import json  # noqa: PLC0415 - most have no helper

        try:
            answer = json.loads(done.output)
        except (ValueError, RecursionError) as error:
            raise HelperFailed(f"{self._program} did not answer with JSON") from error
        if not isinstance(answer, dict):
            raise HelperFailed(f"{self._program} did not answer with a JSON object")
        return answer

    def _failed(self, action: str, server: str, done: Completed) -> HelperFailed:
        # Of a failed call the output is a message; control characters must not reach a terminal.
        said = _message(done) or done.errors[-300:].decode(errors="replace").strip()
        shown = "".join(char if char.isprintable() else " " for char in said[:300])
        how = f"status {done.status}" if done.status >= 0 else f"signal {-done.status}"
        return HelperFailed(f"{self._program} {action} for {server} failed ({how}): {shown or 'no message'}")


def _message(done: Completed) -> str:
    return done.output[:4096].decode(errors="replace").strip()
