"""`shale start`: start a container that was created, or has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from shale.cli.framework import Command
from shale.cli.naming import container_names
from shale.cli.running.attached import Attachment, attend
from shale.cli.session import Session, pass_session
from shale.container.streams import Plumbing
from shale.container.supervision import Supervision
from shale.engine.started import wants_terminal
from shale.errors import Invalid, Unsupported

__all__ = ["command"]


@click.command(cls=Command, help="Start one or more stopped containers")
@click.option("-a", "--attach", is_flag=True, help="Attach STDOUT/STDERR and forward signals")
@click.option("-i", "--interactive", is_flag=True, help="Attach container's STDIN")
@click.option("--sig-proxy/--no-sig-proxy", default=True, help="Proxy received signals to the process")
@click.argument(
    "names", metavar="CONTAINER [CONTAINER...]", nargs=-1, required=True, shell_complete=container_names
)
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, attach: bool, interactive: bool, sig_proxy: bool, names: Sequence[str]
) -> int:
    if not (attach or interactive):
        raise Unsupported("containers in the background are not supported yet: start them with -a")
    if len(names) > 1:
        raise Invalid("you cannot start and attach multiple containers at once")
    containers = session.engine.containers
    record = containers.find(names[0])
    reads = interactive and bool(record.spec.config.get("OpenStdin"))
    streams = frozenset({"stdout", "stderr", *(["stdin"] if reads else [])})

    def begin(plumbing: Callable[[], Plumbing]) -> Supervision:
        return containers.runner().lifecycle.start(record.id, plumbing)

    return attend(Attachment(streams, wants_terminal(record), sig_proxy), begin)
