"""`shale run`: make a container of an image and run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from shale.cli.framework import ProgramCommand
from shale.cli.progress import listener_beside
from shale.cli.running.attached import Attachment, attend
from shale.cli.running.cidfile import CidFile
from shale.cli.running.failing import run_failure
from shale.cli.running.options import container_options
from shale.cli.running.wishes import attached_streams, wishes_from
from shale.cli.session import Session, pass_session
from shale.container.streams import Plumbing
from shale.container.supervision import Supervision
from shale.engine.policy import Policy
from shale.engine.runoptions import ContainerOptions
from shale.errors import ShaleError, Unsupported

__all__ = ["command"]


class _Run(ProgramCommand):
    """What is wrong with the machine is told apart from what the container's command answers."""

    def refused(self, error: ShaleError, ctx: click.Context) -> int:
        """As any other failure of `run`."""
        return run_failure(error, ctx.command_path)


@click.command(cls=_Run, help="Create and run a new container from an image")
@container_options
@click.option("-d", "--detach", is_flag=True, help="Run container in background and print container ID")
@click.option("--sig-proxy/--no-sig-proxy", default=True, help="Proxy received signals to the process")
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context, /, **flags: Any) -> int:  # noqa: D103 - the help above is its documentation
    try:
        return _run(session, flags)
    except ShaleError as error:
        if session.debug:
            raise
        return run_failure(error, ctx.command_path)


def _run(session: Session, flags: dict[str, Any]) -> int:
    if flags["detach"]:
        raise Unsupported(
            "containers in the background are not supported yet: leave out -d, and put & after the command "
            "for as long as this shell lives"
        )
    wishes = wishes_from(flags, session.environ)
    attachment = Attachment(
        attached_streams(flags["attach"], interactive=wishes.interactive), wishes.tty, flags["sig_proxy"]
    )
    attachment.check()
    options = ContainerOptions(
        wishes=wishes,
        name=flags["name"] or "",
        remove=flags["remove"],
        platform=flags["platform"],
        policy=Policy(flags["pull"]),
        listener=listener_beside(session, quiet=flags["quiet"]),
    )
    containers = session.engine.containers
    with CidFile(flags["cidfile"]) as cidfile:
        containers.tidied()
        runner = containers.runner()
        record = runner.record(flags["image"], (), options)

        def begin(plumbing: Callable[[], Plumbing]) -> Supervision:
            supervision = runner.lifecycle.run(record, plumbing)
            cidfile.write(supervision.id)
            return supervision

        return attend(attachment, begin)
