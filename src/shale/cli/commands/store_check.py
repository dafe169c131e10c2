"""`shale store check`: verify everything that the store keeps, and heal it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

from shale.cli.exit import FAILED
from shale.cli.framework import Command
from shale.cli.output import shown
from shale.cli.progress import listener_for
from shale.cli.render.units import human_size
from shale.cli.session import Session, pass_session
from shale.store.findings import CheckProgress, CheckReport

__all__ = ["command"]

_REDRAW = 0.1
"""Seconds between two drawings of the progress."""


@click.command(
    cls=Command,
    help="Verify every blob, reference and mountable layer, and repair what is damaged.\n\n"
    "Others may use the store meanwhile. The exit code is 1 where damage is left.",
)
@click.option(
    "--quick", is_flag=True, help="Do not read the bytes of blobs: look at names, sizes and documents only"
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing where the store is sound")
@click.option("--repair", "heal", is_flag=True,
              help="Fetch what is damaged or lost from where it came, and remove leftovers")  # fmt: skip
@pass_session
def command(session: Session, *, quick: bool, quiet: bool, heal: bool) -> int:  # noqa: D103 - the help above is its documentation
    from shale.engine.upkeep import check_store, repair_store  # noqa: PLC0415 - help needs no registry

    progress = _Meter() if session.is_terminal and not quiet else _nothing
    if not heal:
        report = check_store(session.settings, read_data=not quick, progress=progress)
        _clear(progress)
        _tell(session, report, quiet=quiet)
        if not report.is_sound and not quiet:
            session.print("Run shale store check --repair to heal it.")
        return 0 if report.is_sound else FAILED
    listener = listener_for(session, quiet=quiet)
    done = repair_store(session.settings, read_data=not quick, progress=progress, listener=listener)
    _clear(progress)
    _tell(session, done.before, quiet=quiet)
    for action in done.actions:
        session.print(shown(f"repair: {action.text}"))
    if done.actions and not quiet:
        session.print(f"Damage left: {len(done.after.damage)}.")
    return 0 if done.after.is_sound else FAILED


def _tell(session: Session, report: CheckReport, *, quiet: bool) -> None:
    for finding in report.damage:
        session.print(shown(f"damage: {finding.text}"))
    if quiet:
        return
    for finding in report.leftovers:
        session.print(shown(f"leftover: {finding.text}"))
    session.print(
        f"Checked {report.blobs} blobs, {human_size(report.bytes_read)} read, "
        f"and {report.layers} mountable {'layer' if report.layers == 1 else 'layers'}: "
        f"{len(report.damage)} damaged, {len(report.leftovers)} left over."
    )


def _nothing(_: CheckProgress) -> None:
    """Nobody watches."""


class _Meter:
    """One line on a terminal that says how far the check is."""

    def __init__(self) -> None:
        self._drawn = 0.0

    def __call__(self, progress: CheckProgress) -> None:
        now = time.monotonic()
        if now - self._drawn >= _REDRAW:
            self._drawn = now
            done, total = human_size(progress.bytes, 3), human_size(progress.bytes_total, 3)
            sys.stdout.write(f"\r\x1b[2KChecking blob {progress.blobs}/{progress.blobs_total}, {done}/{total}")
            sys.stdout.flush()

    def clear(self) -> None:
        """Take the line away."""
        sys.stdout.write("\r\x1b[2K")


def _clear(progress: Callable[[CheckProgress], None]) -> None:
    if isinstance(progress, _Meter):
        progress.clear()
