"""`shale stop`: ask containers to end."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.framework import Command
from shale.cli.naming import container_names
from shale.cli.session import Session, pass_session
from shale.cli.several import report_each

__all__ = ["command"]


@click.command(cls=Command, help="Stop one or more running containers")
@click.option("-s", "--signal", default=None, help="Signal to send to the container")
@click.option("-t", "--timeout", "--time", "timeout", type=int, default=10, metavar="int",
              help="Seconds to wait before killing the container")  # fmt: skip
@click.argument(
    "names", metavar="CONTAINER [CONTAINER...]", nargs=-1, required=True, shell_complete=container_names
)
@pass_session
def command(session: Session, *, signal: str | None, timeout: int, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    containers = session.engine.containers

    def stop(name: str) -> None:
        containers.stop(name, timeout=timeout, signal=signal)
        session.print(name)

    return report_each(session, names, stop)
