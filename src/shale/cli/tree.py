"""Which command is where: names, one line of help, and the module that has it.

Kept apart from the commands, so that `shale --help` and completion import none of them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["GROUPS", "NAMESPACED", "SIZED", "TOP", "Entry", "aliases"]


class Entry(NamedTuple):
    """One command.

    Attributes:
        module: below `shale.cli.commands`.
        help: one line.
        hidden: left out of lists.
    """

    module: str
    help: str
    hidden: bool = False


GROUPS: Final[dict[str, tuple[str, dict[str, Entry]]]] = {
    "container": (
        "Manage containers",
        {
            "commit": Entry("container_commit", "Create a new image from a container's changes"),
            "cp": Entry("container_cp", "Copy files/folders between a container and the local filesystem"),
            "create": Entry("container_create", "Create a new container"),
            "diff": Entry("container_diff", "Inspect changes to files or directories in a container"),
            "export": Entry("container_export", "Export a container's filesystem as a tar archive"),
            "inspect": Entry("container_inspect", "Display detailed information on one or more containers"),
            "kill": Entry("container_kill", "Kill one or more running containers"),
            "list": Entry("container_ls", "List containers", hidden=True),
            "ls": Entry("container_ls", "List containers"),
            "prune": Entry("container_prune", "Remove all stopped containers"),
            "ps": Entry("container_ls", "List containers", hidden=True),
            "remove": Entry("container_rm", "Remove one or more containers", hidden=True),
            "rename": Entry("container_rename", "Rename a container"),
            "rm": Entry("container_rm", "Remove one or more containers"),
            "run": Entry("container_run", "Create and run a new container from an image"),
            "start": Entry("container_start", "Start one or more stopped containers"),
            "stop": Entry("container_stop", "Stop one or more running containers"),
            "wait": Entry(
                "container_wait", "Block until one or more containers stop, then print their exit codes"
            ),
        },
    ),
    "image": (
        "Manage images",
        {
            "copy": Entry("image_copy", "Copy an image between registries, folders and archives"),
            "history": Entry("image_history", "Show the history of an image"),
            "import": Entry("image_import", "Import the contents from a tarball to create a filesystem image"),
            "inspect": Entry("image_inspect", "Display detailed information on one or more images"),
            "list": Entry("image_ls", "List images", hidden=True),
            "load": Entry("image_load", "Load an image from a tar archive or STDIN"),
            "ls": Entry("image_ls", "List images"),
            "mount": Entry("image_mount", "Mount images read-only, or list those that are mounted"),
            "prune": Entry("image_prune", "Remove unused images"),
            "pull": Entry("image_pull", "Download an image from a registry"),
            "push": Entry("image_push", "Upload an image to a registry"),
            "reflog": Entry("image_reflog", "Show what names pointed at, since when, and by which command"),
            "remove": Entry("image_rm", "Remove one or more images", hidden=True),
            "restore": Entry("image_restore", "Point a name at what it pointed at before"),
            "rm": Entry("image_rm", "Remove one or more images"),
            "save": Entry(
                "image_save", "Save one or more images to a tar archive (streamed to STDOUT by default)"
            ),
            "tag": Entry("image_tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
            "umount": Entry("image_umount", "Unmount images"),
            "unmount": Entry("image_umount", "Unmount images", hidden=True),
            "unpack": Entry("image_unpack", "Write the files of an image into a folder"),
            "untag": Entry("image_untag", "Remove a tag and keep the image"),
        },
    ),
    "registry": ("Run a registry", {"serve": Entry("registry_serve", "Serve images to other machines")}),
    "store": (
        "Look after the store",
        {"check": Entry("store_check", "Verify every blob and reference, and repair what is damaged")},
    ),
    "system": ("Manage shale", {
        "df": Entry("system_df", "Show disk usage"),
        "info": Entry("system_info", "Display system-wide information"),
    }),
}  # fmt: skip

_CONTAINER: Final = GROUPS["container"][1]
_IMAGE: Final = GROUPS["image"][1]

TOP: Final[dict[str, Entry]] = {
    "commit": _CONTAINER["commit"],
    "completion": Entry("completion", "Print a script that completes commands in a shell"),
    "copy": _IMAGE["copy"],
    "cp": _CONTAINER["cp"],
    "create": _CONTAINER["create"],
    "diff": _CONTAINER["diff"],
    "export": _CONTAINER["export"],
    "history": _IMAGE["history"],
    "images": _IMAGE["ls"],
    "import": _IMAGE["import"],
    "info": GROUPS["system"][1]["info"],
    "inspect": Entry("inspect", "Return low-level information on containers and images"),
    "kill": _CONTAINER["kill"],
    "load": _IMAGE["load"],
    "login": Entry("login", "Authenticate to a registry"),
    "logout": Entry("logout", "Log out from a registry"),
    "ps": _CONTAINER["ls"],
    "pull": _IMAGE["pull"],
    "push": _IMAGE["push"],
    "reflog": _IMAGE["reflog"],
    "rename": _CONTAINER["rename"],
    "restore": _IMAGE["restore"],
    "rm": _CONTAINER["rm"],
    "rmi": _IMAGE["rm"],
    "run": _CONTAINER["run"],
    "save": _IMAGE["save"],
    "search": Entry("search", "Search a registry for images"),
    "start": _CONTAINER["start"],
    "stop": _CONTAINER["stop"],
    "tag": _IMAGE["tag"],
    "unshare": Entry("unshare", "Run a command in the user namespace in which a user's containers are"),
    "untag": _IMAGE["untag"],
    "wait": _CONTAINER["wait"],
    "version": Entry("version", "Show the version of shale and of what it uses"),
}


NAMESPACED: Final = frozenset({
    "container_commit", "container_cp", "container_create", "container_diff", "container_export",
    "container_kill", "container_prune", "container_rm", "container_run", "container_start", "container_stop",
    "image_prune", "image_rm", "store_check", "system_df", "system_info", "unshare",
})  # fmt: skip
"""Modules of commands that make, read or remove trees of files with owners of their own, or signal processes of
other users: an ordinary user runs them as root of a user namespace. It ends with the command, so images that
should stay mounted are mounted in the one of `shale unshare`."""

SIZED: Final = frozenset({"container_inspect", "container_ls", "inspect"})
"""As `NAMESPACED`, where `--size` asks for the bytes of such trees."""


def aliases(entry: Entry) -> list[str]:
    """All the ways to call a command, the canonical one first: `image history`, `history`."""
    inside = [
        f"{group} {name}" for group, (_, members) in GROUPS.items() for name, other in members.items()
        if other.module == entry.module
    ]  # fmt: skip
    inside.sort(key=lambda path: (path.endswith((" list", " remove")), path))
    return inside + [name for name, other in TOP.items() if other.module == entry.module]
