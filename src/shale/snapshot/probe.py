"""Which form of layers works here: found out by making two small layers, stacking them and writing on them.

That takes some milliseconds, so the answer is kept in a small file in the store's root: for this boot, this
kernel, this version of shale, this file system, and whoever asks (a user namespace, or fewer capabilities, may
change it).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from shale.errors import ShaleError
from shale.linux.boot import boot_id
from shale.linux.durable import write_file
from shale.snapshot.form import LayerForm
from shale.version import shale_version

__all__ = ["Candidate", "Verdict", "probe"]

_FILE: Final = "forms.json"
_LARGEST: Final = 64 * 1024
_COPYING: Final = "copying"


class Candidate(msgspec.Struct, frozen=True):
    """A form that may work.

    Attributes:
        form: the form.
        user: whether it marks what is removed in `user.overlay.*`, as in a user namespace.
    """

    form: LayerForm
    user: bool = False

    @property
    def name(self) -> str:
        """What it is called in the file, and to a person."""
        return self.form.name


class Verdict(msgspec.Struct, frozen=True):
    """Which form is used, and why.

    Attributes:
        chosen: the candidate; None where nothing can be mounted, and trees are copied.
        reason: for a person: what works, and what was wrong with those before it.
    """

    chosen: Candidate | None
    reason: str

    @property
    def name(self) -> str:
        """`erofs`, `tree` or `copying`."""
        return self.chosen.form.name if self.chosen else _COPYING


def probe(root: int, candidates: Iterable[Candidate]) -> Verdict:
    """Find the first form that works, or remember which did.

    Args:
        root: descriptor of the store's root.
        candidates: the best one first; gone through twice where nothing is remembered.

    Raises:
        DiskFull, StorageFailure: the disk.
    """
    key = _circumstances(root)
    known = _remembered(root, key, candidates)
    if known is not None:
        return known
    verdict = _try_all(root, candidates)
    answer = {"for": key, "form": verdict.chosen.name if verdict.chosen else None, "reason": verdict.reason}
    with suppress(OSError):  # a store that may only be read; it is found out anew each time
        write_file(root, _FILE, json.dumps(answer, indent=1).encode(), durable=False)
    return verdict


def _circumstances(root: int) -> list[str]:
    """All that the answer depends on."""
    rights = [
        line for line in _lines("/proc/self/status") if line.startswith(("CapEff:", "Seccomp:", "NoNewPrivs:"))
    ]
    users = [" ".join(line.split()) for line in _lines("/proc/self/uid_map")]
    device = os.fstat(root).st_dev  # the file system: there are some on which nothing can be stacked
    return [shale_version(), boot_id(), os.uname().release, str(os.geteuid()), str(device), *users, *rights]


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="ascii").splitlines()


def _remembered(root: int, key: list[str], candidates: Iterable[Candidate]) -> Verdict | None:
    """The answer of before, if there is one and nothing has changed."""
    try:
        file = os.open(_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    except OSError:
        return None
    with open(file, "rb") as stream:
        try:
            answer = json.loads(stream.read(_LARGEST))
            if answer["for"] != key:
                return None
            name, reason = answer["form"], str(answer["reason"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
    if name is None:
        return Verdict(None, reason)
    return next((Verdict(one, reason) for one in candidates if one.name == name), None)


def _try_all(root: int, candidates: Iterable[Candidate]) -> Verdict:
    from shale.linux.removal import remove_tree  # noqa: PLC0415 - the answer is nearly always remembered
    from shale.snapshot.trial import try_form  # noqa: PLC0415 - as above

    failures: list[str] = []
    for candidate in candidates:
        name = f".probe-{os.urandom(8).hex()}"
        try:
            os.mkdir(name, 0o700, dir_fd=root)
            try_form(root, name, candidate.form, user=candidate.user)
        except (ShaleError, OSError) as failure:
            problem = failure.message if isinstance(failure, ShaleError) else str(failure.strerror)
            failures.append(f"{candidate.name} does not work here: {problem}")
        else:
            return Verdict(candidate, "; ".join([f"{candidate.name} works here", *failures]))
        finally:
            with suppress(OSError):
                remove_tree(root, name)
    return Verdict(None, "; ".join(["nothing can be mounted here, so files are copied", *failures]))
