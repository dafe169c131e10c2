"""From the flags of `run` and `create` to what is asked for: `RunWishes`, each value checked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from shale.cli.running.addresses import parse_address, parse_network
from shale.cli.running.variables import labels_from, variables_from
from shale.container.signals import parse_signal
from shale.errors import Invalid
from shale.runtime.mountnotation import parse_mount, parse_tmpfs, parse_volume
from shale.runtime.notation import parse_device, parse_host, parse_size, parse_ulimit
from shale.runtime.wishes import DEFAULT_PIDS, DEFAULT_SHM, RunWishes

__all__ = ["STREAMS", "attached_streams", "wishes_from"]

STREAMS: Final = ("stdin", "stdout", "stderr")
_MOST_PIDS: Final = 2**63 - 1
"""What a runtime reads the number into."""
_MOST_PROFILE: Final = 4 * 1024 * 1024


def wishes_from(flags: Mapping[str, Any], environ: Mapping[str, str]) -> RunWishes:
    """Read the flags.

    Args:
        flags: what `container_options` hands to a command.
        environ: our variables, for `-e NAME`.

    Raises:
        ShaleError: one of them is malformed, or asks for what is not here.
    """
    stop_signal: str | None = flags["stop_signal"]
    if stop_signal is not None:
        parse_signal(stop_signal)
    no_new_privileges, seccomp = _security(flags["security_opt"])
    entrypoint: str | None = flags["entrypoint"]
    folder = os.getcwd()
    return RunWishes(
        args=tuple(flags["command"]),
        entrypoint=None if entrypoint is None else (entrypoint,) if entrypoint else (),
        env=tuple(variables_from(flags["env_file"], flags["env"], environ)),
        user=flags["user"],
        groups=tuple(flags["group_add"]),
        workdir=_workdir(flags["workdir"]),
        hostname=flags["hostname"],
        domainname=flags["domainname"],
        labels=labels_from(flags["label_file"], flags["label"]),
        mounts=(
            *(parse_volume(text, folder) for text in flags["volume"]),
            *(parse_mount(text, folder) for text in flags["mount"]),
            *(parse_tmpfs(text) for text in flags["tmpfs"]),
        ),
        devices=tuple(parse_device(text) for text in flags["device"]),
        read_only=flags["read_only"],
        network=parse_network(flags["network"]),
        extra_hosts=tuple(parse_host(text) for text in flags["add_host"]),
        dns=tuple(parse_address(text) for text in flags["dns"]),
        dns_search=tuple(flags["dns_search"]),
        dns_options=tuple(flags["dns_option"]),
        cap_add=tuple(flags["cap_add"]),
        cap_drop=tuple(flags["cap_drop"]),
        privileged=flags["privileged"],
        no_new_privileges=no_new_privileges,
        seccomp=seccomp,
        init=flags["init"],
        tty=flags["tty"],
        interactive=flags["interactive"],
        stop_signal=stop_signal,
        pids_limit=_pids(flags["pids_limit"]),
        ulimits=tuple(parse_ulimit(text) for text in flags["ulimit"]),
        shm_size=parse_size("0" if flags["shm_size"] is None else flags["shm_size"]) or DEFAULT_SHM,
    )


def attached_streams(texts: Iterable[str], *, interactive: bool) -> frozenset[str]:
    """The streams that are shown: those of `-a`, by default all, standard input only with `-i`.

    Raises:
        Invalid: another word.
    """
    wanted = frozenset(text.lower() for text in texts)
    if unknown := wanted - frozenset(STREAMS):
        raise Invalid(
            f'invalid argument "{min(unknown)}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and '
            "STDERR"
        )
    return wanted or frozenset(STREAMS if interactive else STREAMS[1:])


def _workdir(text: str | None) -> str | None:
    if text and not text.startswith("/"):
        raise Invalid(f"the working directory '{text}' is invalid, it needs to be an absolute path")
    return text or None


def _pids(limit: int | None) -> int | None:
    if limit is None:
        return DEFAULT_PIDS
    if limit > _MOST_PIDS:
        raise Invalid(f'invalid argument "{limit}" for "--pids-limit" flag: value out of range')
    return limit if limit > 0 else None


def _security(texts: Iterable[str]) -> tuple[bool | None, str | None]:
    """Read `--security-opt`: whether new privileges are out of reach, and the seccomp profile."""
    no_new_privileges: bool | None = None
    seccomp: str | None = None
    for text in texts:
        key, _, value = text.replace(":", "=", 1).partition("=") if "=" not in text else text.partition("=")
        if key == "no-new-privileges":
            no_new_privileges = _truth(text, value)
        elif key == "seccomp" and value:
            seccomp = value if value in ("unconfined", "builtin") else _profile(value)
        elif text in ("apparmor=unconfined", "label=disable", "label:disable", "apparmor:unconfined"):
            continue  # neither is ever put upon a container
        else:
            raise Invalid(f'invalid --security-opt: "{text}"; there are no-new-privileges and seccomp')
    return no_new_privileges, None if seccomp == "builtin" else seccomp


def _truth(text: str, value: str) -> bool:
    """What a value says, as docker reads it; a word that is neither must not loosen anything."""
    word = value.lower()
    if word in ("", "1", "t", "true"):
        return True
    if word in ("0", "f", "false"):
        return False
    raise Invalid(f'invalid --security-opt: "{text}"; no-new-privileges is true or false')


def _profile(path: str) -> str:
    try:
        profile = Path(path).read_bytes()
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise Invalid(f"opening seccomp profile ({path}) failed: open {path}: {reason}") from None
    if len(profile) > _MOST_PROFILE:
        raise Invalid(f"seccomp profile {path} is larger than {_MOST_PROFILE} bytes")
    return profile.decode("utf-8", "replace")
