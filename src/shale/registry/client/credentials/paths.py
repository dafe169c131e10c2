"""Which files of credentials there may be: from the environment, without touching the disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["auth_files_from"]


def auth_files_from(environ: Mapping[str, str], home: Path, uid: int | None = None) -> tuple[Path, ...]:
    """The files of credentials in the order in which they are asked; `login` writes to the first.

    `$REGISTRY_AUTH_FILE` is meant instead of all others, as in podman and skopeo. Otherwise docker's file comes
    first, since these are docker's commands; then what the containers tools wrote.

    Args:
        environ: the variables of the caller's environment.
        home: the user's home folder.
        uid: the user's id, for `/run/containers/UID/auth.json` where XDG_RUNTIME_DIR is not set; None leaves
            that file out.
    """
    override = environ.get("REGISTRY_AUTH_FILE")
    if override:
        return (Path(override),)
    docker = environ.get("DOCKER_CONFIG")
    paths = [Path(docker) / "config.json" if docker else home / ".docker" / "config.json"]
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime:
        paths.append(Path(runtime) / "containers" / "auth.json")
    elif uid is not None:
        paths.append(Path("/run/containers") / str(uid) / "auth.json")
    configuration = environ.get("XDG_CONFIG_HOME")
    paths.append((Path(configuration) if configuration else home / ".config") / "containers" / "auth.json")
    return tuple(paths)
