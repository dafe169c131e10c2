"""The `config.json` of a bundle on its own: for whoever runs an unpacked image with a runtime of theirs.

As safe as what `shale run` does, with nothing of this machine in it but its architecture: no files of the
host's, no control group of ours, no network but loopback. For an ordinary user it asks for a user namespace in
which they are root.

Specification: runtime-spec bundle.md, config.md.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from shale.linux.cgroup import Placement
from shale.linux.idmap import IdRange, IdTable
from shale.oci.config import Execution
from shale.runtime.capabilities import granted
from shale.runtime.firstprocess import NoCommand, arguments, environment, working_folder
from shale.runtime.host import Host
from shale.runtime.profile import PROFILE
from shale.runtime.seccomp import translate
from shale.runtime.spec import Subject, make_spec
from shale.runtime.users import read_accounts, resolve_user
from shale.runtime.wishes import RunWishes

__all__ = ["standalone_spec"]

_SHELL: Final = ["sh"]


def standalone_spec(
    image: Execution, root: int, host: Host, hostname: str, owner: tuple[int, int] | None
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Make the document.

    Args:
        image: the execution parameters of the image; where it has no command, a shell runs.
        root: descriptor of the unpacked tree, which says who its users are.
        host: this machine.
        hostname: for the container.
        owner: user and group of an ordinary user, to whom the whole tree belongs; None for root.

    Returns:
        The document, and what could not be as the image has it, for a person.

    Raises:
        InvalidUser, InvalidProcess: what the image says of its user or its process makes no sense.
    """
    wishes, notes = RunWishes(), []
    if owner is not None:
        host = replace(host, users=_one(owner[0]), groups=_one(owner[1]), drops_groups=False)
    user = resolve_user(image.user or "", (), read_accounts(root))
    if user.uid not in host.users or user.gid not in host.groups:
        notes.append(f"the image's user {user.uid} is not yours to give: config.json says root")
        user = resolve_user("0:0", (), read_accounts(root))
    capabilities = granted((), (), privileged=False, available=host.capabilities)
    subject = Subject(
        wishes=wishes,
        args=_arguments(image, wishes),
        env=environment(image, wishes, home=user.home, hostname=hostname),
        cwd=working_folder(image, wishes),
        user=user,
        hostname=hostname,
        capabilities=capabilities,
        seccomp=translate(
            PROFILE, architecture=host.architecture, capabilities=capabilities, kernel=host.kernel
        ),
        placement=Placement("", frozenset()),
    )
    document = make_spec(subject, host)
    if owner is not None:
        document["linux"]["namespaces"].append({"type": "user"})
        for kind, number in (("uid", owner[0]), ("gid", owner[1])):
            document["linux"][f"{kind}Mappings"] = [{"containerID": 0, "hostID": number, "size": 1}]
    return document, tuple(notes)


def _arguments(image: Execution, wishes: RunWishes) -> list[str]:
    try:
        return arguments(image, wishes)
    except NoCommand:
        return _SHELL


def _one(number: int) -> IdTable:
    """A namespace with one user, or one group."""
    return IdTable((IdRange(0, number, 1),))
