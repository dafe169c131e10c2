"""`shale logout`: forget the credentials of a registry."""

from __future__ import annotations

import click

from shale.cli.framework import Command
from shale.cli.session import Session, pass_session

__all__ = ["command"]


@click.command(cls=Command, help="Log out from a registry.\n\nWithout SERVER that is Docker Hub.")
@click.argument("server", required=False, default="", metavar="[SERVER]")
@pass_session
def command(session: Session, *, server: str) -> None:  # noqa: D103 - the help above is its documentation
    from shale.engine.access import Access, account_of  # noqa: PLC0415 - help and completion need no registry
    from shale.registry.client.credentials.account import server_address  # noqa: PLC0415 - as above
    from shale.registry.client.credentials.auth_files import NotLoggedIn  # noqa: PLC0415 - as above

    session.print(f"Removing login credentials for {server_address(account_of(server))}")
    try:
        Access(session.settings).log_out(server)
    except NotLoggedIn as error:
        # Being logged out is what was asked for: docker says so and exits 0.
        session.warn(error.message)
