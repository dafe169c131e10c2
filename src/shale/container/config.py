"""What a container should be, made of its image's config and the caller's wishes: docker's `Config`.

Specification: image-spec config.md; docker's rules for what replaces what.
"""

from __future__ import annotations

from typing import Any

from shale.container.failures import NoCommand
from shale.container.spec import ContainerSpec
from shale.oci.config import Execution
from shale.runtime.firstprocess import SEARCH_PATH, entrypoint_and_command, merged_variables
from shale.runtime.wishes import Network, RunWishes, encode_wishes

__all__ = ["make_spec"]


def make_spec(
    image: Execution, wishes: RunWishes, *, container: str, name: str, hostname: str, remove: bool = False
) -> ContainerSpec:
    """Put an image and wishes together.

    Args:
        image: how the image says that it is run.
        wishes: what the caller asks for.
        container: the container's id, whose beginning is its host's name.
        name: the image as the caller named it.
        hostname: of this machine, which a container on its network has too.
        remove: whether the container goes when its process has ended.

    Raises:
        NoCommand: neither says what to run.
        InvalidDocument: a wish is no UTF-8.
    """
    entrypoint, command = entrypoint_and_command(image, wishes)
    if not [*entrypoint, *command] or not [*entrypoint, *command][0]:
        raise NoCommand
    variables = merged_variables({"PATH": SEARCH_PATH}, image, wishes)
    own = hostname if wishes.network is Network.HOST else container[:12]
    config: dict[str, Any] = {
        "Hostname": wishes.hostname or own,
        "Domainname": wishes.domainname or "",
        "User": wishes.user if wishes.user is not None else image.user or "",
        "AttachStdin": wishes.interactive,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": wishes.tty,
        "OpenStdin": wishes.interactive,
        "StdinOnce": wishes.interactive,
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "Cmd": list(command) or None,
        "Image": name,
        "Volumes": image.volumes,
        "WorkingDir": wishes.workdir or image.working_dir or "",
        "Entrypoint": list(entrypoint) or None,
        "OnBuild": None,
        "Labels": {**(image.labels or {}), **wishes.labels},
    }
    if image.exposed_ports:
        config["ExposedPorts"] = image.exposed_ports
    stop_signal = wishes.stop_signal or image.stop_signal
    if stop_signal:
        config["StopSignal"] = stop_signal
    return ContainerSpec(config, encode_wishes(wishes), remove)
