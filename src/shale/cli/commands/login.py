"""`shale login`: show a credential to a registry, and keep it where it is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shale.cli.asking import ask, ask_hidden, read_secret
from shale.cli.framework import Command
from shale.cli.session import Session, pass_session
from shale.errors import Invalid

if TYPE_CHECKING:
    from shale.engine.access import Access
    from shale.registry.client.endpoint import Credential

__all__ = ["command"]

_TOKEN_USER = "<token>"  # noqa: S105 - docker's name for whoever logs in with an identity token


@click.command(
    cls=Command,
    help="Authenticate to a registry.\n\n"
    "Without SERVER that is Docker Hub. The credential is kept where docker keeps it, in ~/.docker/config.json "
    "or with the helper that this file names.",
)
@click.option("-p", "--password", default=None, help="Password or Personal Access Token (PAT)")
@click.option(
    "--password-stdin", is_flag=True, help="Take the Password or Personal Access Token (PAT) from stdin"
)
@click.option("-u", "--username", default=None, help="Username")
@click.argument("server", required=False, default="", metavar="[SERVER]")
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, password: str | None, password_stdin: bool, username: str | None, server: str
) -> None:
    from shale.engine.access import Access  # noqa: PLC0415 - help and completion need no registry

    if password_stdin and password is not None:
        raise Invalid("--password and --password-stdin are mutually exclusive")
    if password_stdin and not username:
        raise Invalid("the --password-stdin option requires --username to be set")
    if password is not None:
        session.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    access = Access(session.settings)
    credential = None
    if username is None and password is None:
        credential = _existing(session, access, server)
    if credential is None:
        credential = _typed(session, username, read_secret() if password_stdin else password)
    stored = access.log_in(server, credential).stored
    if stored.warning:
        session.warn(f"\n{stored.warning}")
    session.print("Login Succeeded")


def _existing(session: Session, access: Access, server: str) -> Credential | None:
    """What is kept already, which is only tried again; None where a person has to be asked."""
    known = access.known(server)
    if known is None or not known.username:
        return None
    session.print(f"Authenticating with existing credentials... [Username: {known.username}]")
    return known


def _typed(session: Session, username: str | None, password: str | None) -> Credential:
    from shale.registry.client.endpoint import Credential  # noqa: PLC0415 - as the engine's

    name = username if username is not None else ask(session, "Username: ")
    if not name:
        raise Invalid("a user name is required; give one with -u")
    secret = password if password is not None else ask_hidden("Password: ")
    if not secret:
        raise Invalid("a password is required; give it with --password-stdin")
    if name == _TOKEN_USER:
        return Credential(identity_token=secret)
    return Credential(username=name, password=secret)
