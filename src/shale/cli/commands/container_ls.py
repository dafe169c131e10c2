"""`shale ps`: the containers of the store, as docker lists them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import click

from shale.cli.framework import Command
from shale.cli.options import filter_option, format_option, no_trunc_option, quiet_option
from shale.cli.output import print_rows
from shale.cli.render.rows import Styles, choose_format
from shale.cli.render.units import human_duration, human_size
from shale.cli.render.values import Method
from shale.cli.session import Session, pass_session
from shale.container.listing import ContainerSummary, changed_bytes
from shale.container.record import ContainerRecord
from shale.container.states import State
from shale.engine.containers import Containers

__all__ = ["command", "status_text"]

_COLUMNS: Final = {
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED", "Status": "STATUS", "Ports": "PORTS", "Names": "NAMES", "Size": "SIZE",
    "State": "STATE", "Labels": "LABELS", "Mounts": "MOUNTS", "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS", "Platform": "PLATFORM",
}  # fmt: skip
_TABLE: Final = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
_RAW: Final = (
    "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n"
    "state: {{.State}}\nstatus: {{.Status}}\nnames: {{.Names}}\nlabels: {{.Labels}}\nports: {{.Ports}}\n"
)
_SHORT_COMMAND: Final = 20
_SHORT_MOUNT: Final = 15


class _Row(Mapping[str, object]):
    """One container."""

    def __init__(self, containers: Containers, summary: ContainerSummary, *, trunc: bool, now: float) -> None:
        self._containers = containers
        self.summary = summary
        self.record = summary.record
        self._trunc = trunc
        self._now = now

    def __getitem__(self, name: str) -> object:
        return _FIELDS[name](self)

    def __iter__(self) -> Iterator[str]:
        return iter(_COLUMNS)

    def __len__(self) -> int:
        return len(_COLUMNS)

    def key(self) -> str:
        return self.record.short if self._trunc else self.record.id

    def command(self) -> str:
        return _quoted(self.record.spec.command, trunc=self._trunc)

    def created_at(self) -> str:
        return datetime.fromtimestamp(self.record.created).astimezone().strftime("%Y-%m-%d %H:%M:%S %z %Z")

    def running_for(self) -> str:
        return human_duration(self._now - self.record.created) + " ago"

    def status(self) -> str:
        return status_text(self.record, self._now)

    def size(self) -> str:
        changed = changed_bytes(self._containers.rows, self.record.id)
        whole = changed + self.summary.image_size
        return f"{human_size(changed, 3)} (virtual {human_size(whole, 3)})"

    def labels(self) -> str:
        return ",".join(f"{key}={value}" for key, value in sorted(self.record.spec.labels.items()))

    def label(self) -> Method:
        return Method(1, lambda key: self.record.spec.labels.get(key, ""))

    def networks(self) -> object:
        return self._wishes().get("network", "none")

    def volumes(self) -> str:
        return str(self._sources().count(""))

    def mounts(self) -> str:
        named = [one for one in self._sources() if one]
        return ",".join(_shortened(one, _SHORT_MOUNT) if self._trunc else one for one in named)

    def _wishes(self) -> dict[str, object]:
        # As plain values: a list needs no more than this of them.
        wishes: dict[str, object] = json.loads(self.record.spec.wishes)
        return wishes

    def _sources(self) -> list[str]:
        """Where the mounts come from; empty for folders of the container's own."""
        mounts = self._wishes().get("mounts", [])
        assert isinstance(mounts, list)
        return [one.get("source", "") for one in mounts if one["type"] != "tmpfs"]


_FIELDS: Final[Mapping[str, Callable[[_Row], object]]] = {
    "ID": _Row.key,
    "Image": lambda row: row.summary.image,
    "Command": _Row.command,
    "CreatedAt": _Row.created_at,
    "RunningFor": _Row.running_for,
    "Status": _Row.status,
    "Ports": lambda _: "",
    "Names": lambda row: row.record.name,
    "Size": _Row.size,
    "State": lambda row: row.record.state.value,
    "Labels": _Row.labels,
    "Label": _Row.label,
    "Mounts": _Row.mounts,
    "LocalVolumes": _Row.volumes,
    "Networks": _Row.networks,
    "Platform": lambda row: row.summary.platform,
}


def _quoted(command: Sequence[str], *, trunc: bool) -> str:
    """The command as docker shows it: words with spaces in quotes, all of it in quotes."""
    first, *rest = command
    text = " ".join([first, *(f"'{word}'" if " " in word else word for word in rest)])
    return json.dumps(_shortened(text, _SHORT_COMMAND) if trunc else text, ensure_ascii=False)


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "\u2026"


def status_text(record: ContainerRecord, now: float) -> str:
    """The state of a container in docker's words: `Up 5 minutes`, `Exited (0) 2 hours ago`."""
    if record.state is State.RUNNING:
        return f"Up {human_duration(now - (record.started or now))}"
    if record.state is State.REMOVING:
        return "Removal In Progress"
    if record.state is State.CREATED or record.started is None:
        return "Created"
    ago = human_duration(now - (record.finished or now))
    return f"Exited ({record.exit_code}) {ago} ago"


@click.command(cls=Command, help="List containers")
@click.option(
    "-a", "--all", "all_states", is_flag=True, help="Show all containers (default shows just running)"
)
@filter_option("Filter output based on conditions provided")
@format_option()
@click.option("-n", "--last", type=int, default=-1, metavar="int",
              help="Show n last created containers (includes all states)")  # fmt: skip
@click.option("-l", "--latest", is_flag=True, help="Show the latest created container (includes all states)")
@no_trunc_option()
@quiet_option("Only display container IDs")
@click.option("-s", "--size", is_flag=True, help="Display total file sizes")
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session,
    *,
    all_states: bool,
    filters: Sequence[str],
    template: str,
    last: int,
    latest: bool,
    no_trunc: bool,
    quiet: bool,
    size: bool,
) -> None:
    newest = 1 if latest else last if last > 0 else None
    containers = session.engine.containers
    found = containers.list(all_states=all_states, filters=filters, newest=newest)
    now = time.time()
    rows = [_Row(containers, one, trunc=not no_trunc, now=now) for one in found]
    style = Styles((*_TABLE, "Size") if size else _TABLE, raw=_RAW, raw_quiet="container_id: {{.ID}}")
    print_rows(session, rows, choose_format(template, style, quiet=quiet), _COLUMNS)
