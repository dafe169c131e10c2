"""One value of `auths`, from and to a credential."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from shale.errors import Invalid
from shale.registry.client.endpoint import Credential

__all__ = ["InvalidCredential", "credential_of", "entry_of"]

_OURS = ("auth", "username", "password", "identitytoken", "registrytoken")


class InvalidCredential(Invalid):
    """A kept credential is malformed, or a credential cannot be kept."""


def credential_of(entry: Any, where: str) -> Credential | None:
    """The credential of an entry; None where it holds none (docker keeps `{}` for those of a helper).

    Args:
        entry: the value as JSON gave it.
        where: file and key, for the message.

    Raises:
        InvalidCredential: fields of a wrong type, or an `auth` that is not base64 of `name:password`.
    """
    if not isinstance(entry, dict):
        raise InvalidCredential(f"{where} is not an object; log in again")
    said = {name: entry.get(name) or "" for name in _OURS}
    for name, value in said.items():
        if not isinstance(value, str):
            raise InvalidCredential(f"{where}: {name} is not a string; log in again")
    username, password = said["username"], said["password"]
    if said["auth"]:
        username, password = _decode(said["auth"], where)
    found = Credential(username, password, said["identitytoken"], said["registrytoken"])
    return None if found == Credential() else found


def entry_of(credential: Credential, previous: Any) -> dict[str, Any]:
    """The entry that docker would write for a credential.

    Args:
        credential: what to keep.
        previous: the entry that is there now, whose other fields are kept, or None.

    Raises:
        InvalidCredential: a user name with a colon, which `auth` cannot hold.
    """
    if ":" in credential.username:
        raise InvalidCredential(f"the user name {credential.username!r} has a colon, which no registry takes")
    fields: Mapping[str, Any] = previous if isinstance(previous, dict) else {}
    entry = {name: value for name, value in fields.items() if name not in _OURS}
    if credential.username or credential.password:
        text = f"{credential.username}:{credential.password}"
        entry["auth"] = b64encode(text.encode()).decode("ascii")
    if credential.identity_token:
        entry["identitytoken"] = credential.identity_token
    if credential.registry_token:
        entry["registrytoken"] = credential.registry_token
    return entry


def _decode(text: str, where: str) -> tuple[str, str]:
    try:
        username, colon, password = b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise InvalidCredential(f"{where}: auth is not valid base64; log in again") from error
    if not colon:
        raise InvalidCredential(f"{where}: auth is not a user name and a password; log in again")
    # Old versions of docker padded the password with zero bytes.
    return username, password.strip("\0")
