"""All files of credentials together: looking up, keeping and forgetting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from shale.errors import NotFound
from shale.registry.client.credentials.account import matching_keys, scopes_of, server_address
from shale.registry.client.credentials.config_file import ConfigFile, InvalidConfig
from shale.registry.client.credentials.entry import credential_of, entry_of
from shale.registry.client.credentials.helper import CredentialHelper
from shale.registry.client.endpoint import Credential

__all__ = ["AuthFiles", "NotLoggedIn", "Stored"]

_WARNING: Final = (
    "WARNING! Your password will be stored unencrypted in {path}.\n"
    "Configure a credential helper to remove this warning. See\n"
    "https://docs.docker.com/engine/reference/commandline/login/#credentials-store\n"
)


class NotLoggedIn(NotFound):
    """No credential is kept for a registry."""


class Stored(msgspec.Struct, frozen=True):
    """Where a credential was kept.

    Attributes:
        place: to show: a file, or `docker-credential-pass`.
        warning: docker's text for a file that holds the password in the clear; empty for a helper.
    """

    place: str
    warning: str = ""


class AuthFiles:
    """The credentials of this user: a `CredentialSource`, and what `login` and `logout` change.

    Files are asked in order, and the first that has a credential for the repository wins. Within a file:

    1. a helper named for the registry in `credHelpers` has the last word for that registry;
    2. entries of `auths` for the repository or its namespaces, the most specific first;
    3. the helper `credsStore`;
    4. the entry of `auths` for the registry.
    """

    def __init__(self, paths: Sequence[Path], env: Mapping[str, str]) -> None:
        """Credentials from these files.

        Args:
            paths: in the order in which they are asked; `store` writes to the first.
            env: the environment of helpers.
        """
        self._files = tuple(ConfigFile(path) for path in paths)
        self._env = env

    def find(self, account: str, repository: str) -> Credential | None:
        """The credential for a repository of a registry; None where there is none: ask anonymously.

        Args:
            account: the registry: `docker.io`, `localhost:5000`.
            repository: the path there; empty for the registry as a whole.

        Raises:
            InvalidConfig, InvalidCredential, InvalidHelper: a file is malformed where it speaks of this
                registry.
            NoPermission: a file is there and cannot be read.
            HelperMissing, HelperFailed: a helper that should know does not work.
        """
        for file in self._files:
            found = self._find_in(file, account, repository)
            if found is not None:
                return found
        return None

    def store(self, account: str, credential: Credential) -> Stored:
        """Keep a credential for a registry, with the helper that the first file names, or in that file.

        Raises:
            HelperMissing, HelperFailed: the helper does not work; nothing is written to the file instead.
            InvalidConfig, InvalidCredential, NoPermission, ConfigBusy: it could not be kept.
        """
        file = self._files[0]
        server = server_address(account)
        helper = self._helper(file, file.read(), account)
        if helper is not None:
            helper.store(server, credential)
        with file.changing() as content:
            auths = content["auths"] = file.section(content, "auths")
            # Docker keeps an empty entry for what a helper has, so that a password from before is gone.
            kept = Credential() if helper is not None else credential
            auths[server] = entry_of(kept, auths.get(server))
        if helper is not None:
            return Stored(f"docker-credential-{helper.name}")
        return Stored(str(file.path), _WARNING.format(path=file.path))

    def erase(self, account: str) -> tuple[str, ...]:
        """Forget the credentials of a registry, in every file and with every helper that has them.

        Entries for a single repository or namespace were not made by `login` and stay.

        Returns:
            Where they were, to show.

        Raises:
            NotLoggedIn: there were none.
            HelperMissing, HelperFailed: a helper does not work, and may still have them.
            InvalidConfig, InvalidHelper, NoPermission, ConfigBusy: a file could not be changed.
        """
        places: list[str] = []
        for file in self._files:
            content = file.read()
            helper = self._helper(file, content, account)
            if helper is not None and helper.get(server_address(account)) is not None:
                helper.erase(server_address(account))
                places.append(f"docker-credential-{helper.name}")
            if matching_keys(file.section(content, "auths"), account):
                with file.changing() as changed:
                    auths = file.section(changed, "auths")
                    for key in matching_keys(auths, account):
                        del auths[key]
                places.append(str(file.path))
        if not places:
            raise NotLoggedIn(f"not logged in to {server_address(account)}")
        return tuple(places)

    def _find_in(self, file: ConfigFile, account: str, repository: str) -> Credential | None:
        content = file.read()
        helper = self._helper(file, content, account)
        if helper is not None and self._named_for(file, content, account):
            return helper.get(server_address(account))
        auths = file.section(content, "auths")
        *scopes, registry = scopes_of(account, repository)
        for scope in scopes:
            found = _first(file, auths, scope)
            if found is not None:
                return found
        found = helper.get(server_address(account)) if helper is not None else None
        return found or _first(file, auths, registry)

    def _helper(self, file: ConfigFile, content: dict[str, Any], account: str) -> CredentialHelper | None:
        name = self._named_for(file, content, account)
        if name is None:
            name = content.get("credsStore") or ""
            if not isinstance(name, str):
                raise InvalidConfig(f"{file.path}: credsStore is not a string; correct the file")
        return CredentialHelper(name, self._env, str(file.path)) if name else None

    def _named_for(self, file: ConfigFile, content: dict[str, Any], account: str) -> str | None:
        """The helper for this registry alone: empty where it is to have none, None where nothing is said."""
        helpers = file.section(content, "credHelpers")
        for key in matching_keys(helpers, account):
            name = helpers[key]
            if not isinstance(name, str):
                raise InvalidConfig(f"{file.path}: credHelpers for {key} is not a string; correct the file")
            return name
        return None


def _first(file: ConfigFile, auths: dict[str, Any], scope: str) -> Credential | None:
    for key in matching_keys(auths, scope):
        found = credential_of(auths[key], f"{file.path}: the entry of {key} in auths")
        if found is not None:
            return found
    return None
