"""The flags of `run` and `create`, in docker's words; what they become is in `wishes`."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, Final, TypeAlias

import click

__all__ = ["container_options"]

_Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def _many(*names: str, metavar: str, text: str) -> _Decorator:
    return click.option(*names, multiple=True, metavar=metavar, help=text)


def _one(*names: str, text: str, metavar: str = "string") -> _Decorator:
    return click.option(*names, default=None, metavar=metavar, help=text)


def _flag(*names: str, text: str) -> _Decorator:
    return click.option(*names, is_flag=True, help=text)


_OPTIONS: Final = (
    _many("--add-host", "add_host", metavar="list", text="Add a custom host-to-IP mapping (host:ip)"),
    _many("-a", "--attach", "attach", metavar="list", text="Attach to STDIN, STDOUT or STDERR"),
    _many("--cap-add", "cap_add", metavar="list", text="Add Linux capabilities"),
    _many("--cap-drop", "cap_drop", metavar="list", text="Drop Linux capabilities"),
    _one("--cidfile", text="Write the container ID to the file"),
    _many("--device", "device", metavar="list", text="Add a host device to the container"),
    _many("--dns", "dns", metavar="list", text="Set custom DNS servers"),
    _many("--dns-option", "--dns-opt", "dns_option", metavar="list", text="Set DNS options"),
    _many("--dns-search", "dns_search", metavar="list", text="Set custom DNS search domains"),
    _one("--domainname", text="Container NIS domain name"),
    _one("--entrypoint", text="Overwrite the default ENTRYPOINT of the image"),
    _many("-e", "--env", "env", metavar="list", text="Set environment variables"),
    _many("--env-file", "env_file", metavar="list", text="Read in a file of environment variables"),
    _many("--group-add", "group_add", metavar="list", text="Add additional groups to join"),
    _one("-h", "--hostname", "hostname", text="Container host name"),
    _flag("--init", "init", text="Run an init inside the container that forwards signals and reaps processes"),
    _flag("-i", "--interactive", "interactive", text="Keep STDIN open even if not attached"),
    _many("-l", "--label", "label", metavar="list", text="Set meta data on a container"),
    _many("--label-file", "label_file", metavar="list", text="Read in a line delimited file of labels"),
    _many("--mount", "mount", metavar="mount", text="Attach a filesystem mount to the container"),
    _one("--name", text="Assign a name to the container"),
    click.option("--network", "--net", "network", default="none", metavar="network",
                 help="Connect a container to a network: none or host (default none)"),
    click.option("--pids-limit", "pids_limit", type=int, default=None, metavar="int",
                 help="Tune container pids limit (set -1 for unlimited; default 2048)"),
    _one("--platform", text="Set platform if server is multi-platform capable"),
    _flag("--privileged", "privileged", text="Give extended privileges to this container"),
    click.option("--pull", "pull", type=click.Choice(["always", "missing", "never"]), default="missing",
                 metavar="string", help='Pull image before running ("always", "missing", "never")'),
    _flag("-q", "--quiet", "quiet", text="Suppress the pull output"),
    _flag("--read-only", "read_only", text="Mount the container's root filesystem as read only"),
    _flag("--rm", "remove", text="Automatically remove the container when it exits"),
    _many("--security-opt", "security_opt", metavar="list", text="Security Options"),
    _one("--shm-size", text="Size of /dev/shm", metavar="bytes"),
    _one("--stop-signal", text="Signal to stop the container"),
    _many("--tmpfs", "tmpfs", metavar="list", text="Mount a tmpfs directory"),
    _flag("-t", "--tty", "tty", text="Allocate a pseudo-TTY"),
    _many("--ulimit", "ulimit", metavar="ulimit", text="Ulimit options"),
    _one("-u", "--user", "user", text="Username or UID (format: <name|uid>[:<group|gid>])"),
    _many("-v", "--volume", "volume", metavar="list", text="Bind mount a volume"),
    _one("-w", "--workdir", "workdir", text="Working directory inside the container"),
    click.argument("image", metavar="IMAGE"),
    click.argument("command", metavar="[COMMAND] [ARG...]", nargs=-1, type=click.UNPROCESSED),
)  # fmt: skip


def container_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all these flags, and the image with its command; they arrive as keywords."""
    return reduce(lambda done, option: option(done), reversed(_OPTIONS), function)
