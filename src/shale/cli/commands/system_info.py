"""`shale info`: where things are on this machine, and what is in the store."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shale.cli.framework import Command
from shale.cli.options import format_option
from shale.cli.output import cleaner, shown
from shale.cli.render.units import human_size
from shale.cli.session import Session, pass_session
from shale.version import shale_version

if TYPE_CHECKING:
    from shale.engine.engine import Engine

__all__ = ["command"]

_COUNTS: Final = {
    "Images": "SELECT count(*) FROM roots",
    "Names": "SELECT count(*) FROM names",
    "Manifests": "SELECT count(*) FROM manifests",
    "Layers": "SELECT count(*) FROM layers",
    "Blobs": "SELECT count(*) FROM blobs",
    "BlobBytes": "SELECT coalesce(sum(size), 0) FROM blobs",
    "Leases": "SELECT count(*) FROM leases",
    "MountableLayers": "SELECT count(*) FROM unpacked",
}


@click.command(cls=Command, help="Display system-wide information.\n\nNo credential is read or shown.")
@format_option("Format output using a custom template:\n"
               "'json':             Print in JSON format\n"
               "'TEMPLATE':         Print output using the given Go template.", short=True)  # fmt: skip
@pass_session
def command(session: Session, *, template: str) -> None:  # noqa: D103 - the help above is its documentation
    from shale.engine.runtimes import runtime_of  # noqa: PLC0415 - help needs none
    from shale.engine.surroundings import registries_of  # noqa: PLC0415 - help needs no configuration

    settings = session.settings
    machine = os.uname()
    configuration = registries_of(settings)
    engine = session.engine
    runtime = runtime_of(settings)
    fields: dict[str, object] = {
        "Version": shale_version(),
        "DebugMode": session.debug,
        "Root": str(settings.root),
        **_counts(engine),
        **_layer_form(engine),
        "Platform": str(settings.host),
        "KernelVersion": machine.release,
        "Python": sys.version.split()[0],
        "CPUs": len(os.sched_getaffinity(0)),
        "Runtime": runtime.name,
        "RuntimesRefused": list(runtime.refused),
        "RuntimeProblem": runtime.problem,
        "ConfigurationFiles": [str(path) for path in configuration.files],
        "CredentialFiles": [str(path) for path in configuration.credential_files],
        "Registries": [
            {"Prefix": one.prefix, "Location": one.location, "Insecure": one.insecure, "Blocked": one.blocked,
             "Mirrors": list(one.mirrors)}
            for one in configuration.registries
        ],
    }  # fmt: skip
    if template:
        from shale.cli.render.template import compile_template  # noqa: PLC0415 - only for --format

        compiled = compile_template("{{json .}}" if template == "json" else template, clean=cleaner())
        session.print(compiled.render(fields))
        return
    session.print(shown(_text(fields)), end="")


def _counts(engine: Engine) -> dict[str, object]:
    with engine.store.database.read() as tx:
        return {name: tx.rows(question)[0][0] for name, question in _COUNTS.items()}


def _layer_form(engine: Engine) -> dict[str, object]:
    verdict = engine.parts.snapshotting.verdict()
    return {"LayerForm": verdict.name, "LayerFormReason": verdict.reason}


def _text(fields: Mapping[str, object]) -> str:
    size = fields["BlobBytes"]
    assert isinstance(size, int)
    lines = [
        "Client: shale",
        f" Version:    {fields['Version']}",
        f" Debug Mode: {'true' if fields['DebugMode'] else 'false'}",
        "",
        "Store:",
        f" Root: {fields['Root']}",
        *(f" {name}: {fields[name]}" for name in ("Images", "Names", "Manifests", "Layers")),
        f" Blobs: {fields['Blobs']} ({human_size(size)})",
        f" Mountable Layers: {fields['MountableLayers']}",
        f" Layer Form: {fields['LayerForm']} ({fields['LayerFormReason']})",
        f" Operations under way: {fields['Leases']}",
        f" Backing Filesystem: {_free(Path(str(fields['Root'])))} free",
        "",
        "Machine:",
        f" Platform: {fields['Platform']}",
        f" Kernel Version: {fields['KernelVersion']}",
        f" Python: {fields['Python']}",
        f" CPUs: {fields['CPUs']}",
        f" Runtime: {fields['Runtime'] or fields['RuntimeProblem']}",
        *(_listed("Refused Runtimes", fields["RuntimesRefused"]) if fields["RuntimesRefused"] else ()),
        "",
        "Configuration:",
        *_listed("Files", fields["ConfigurationFiles"]),
        *_listed("Credentials", fields["CredentialFiles"]),
        *_registries(fields["Registries"]),
    ]
    return "\n".join(lines) + "\n"


def _free(root: Path) -> str:
    room = os.statvfs(root)
    return human_size(room.f_bavail * room.f_frsize)


def _listed(title: str, values: object) -> list[str]:
    assert isinstance(values, list)
    return [f" {title}:", *(f"  {value}" for value in values)] if values else [f" {title}: none"]


def _registries(registries: object) -> list[str]:
    """The registries that the configuration says something about, each with what it says."""
    assert isinstance(registries, list)
    lines = []
    for one in registries:
        marks = [word for word in ("Insecure", "Blocked") if one[word]]
        lines.append(f"  {one['Prefix']}" + (f" ({', '.join(marks).lower()})" if marks else ""))
        lines += [f"   Mirror: {mirror}" for mirror in one["Mirrors"]]
    return [" Registries:", *lines] if lines else []
