"""One file of credentials: read whole, changed under a lock, replaced whole."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from shale.errors import Conflict, Invalid
from shale.linux.durable import NoPermission, write_file

__all__ = ["ConfigBusy", "ConfigFile", "InvalidConfig"]

_LIMIT: Final = 4 * 1024 * 1024
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.02


class InvalidConfig(Invalid):
    """A file of credentials is malformed."""


class ConfigBusy(Conflict):
    """Another program keeps a file of credentials locked."""


class ConfigFile(msgspec.Struct, frozen=True):
    """A JSON file like `~/.docker/config.json`; it need not be there.

    Attributes:
        path: where it is, as the user knows it; a link is followed, and what it points to is replaced.
    """

    path: Path

    def read(self) -> dict[str, Any]:
        """Its content; empty where there is no file, or nothing in it.

        Raises:
            InvalidConfig: not a JSON object, too large, or too deep.
            NoPermission: this user may not read it.
        """
        try:
            with open(self.path, "rb") as file:
                raw = file.read(_LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except IsADirectoryError as error:
            raise InvalidConfig(f"{self.path} is a folder, not a file of credentials") from error
        except PermissionError as error:
            raise NoPermission(f"reading {self.path}: permission denied; check who owns it") from error
        return self._parse(raw)

    def section(self, content: dict[str, Any], name: str) -> dict[str, Any]:
        """One of its objects, for example `auths`; empty where it is not there.

        Raises:
            InvalidConfig: it is something else than an object.
        """
        value = content.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise InvalidConfig(f"{self.path}: {name} is not an object; correct the file")
        return value

    @contextmanager
    def changing(self) -> Iterator[dict[str, Any]]:
        """Its content, to be changed in place; what it is afterwards is written, unless an error was raised.

        One writer at a time: the folder is locked (flock(2)), which leaves no file behind. Docker itself takes
        no lock, so the file is read again under ours and replaced by a rename: it is never half-written.

        Raises:
            InvalidConfig: the file that is there is malformed; it is left alone.
            ConfigBusy: another program did not let go of it in time.
            NoPermission: this user may not write there.
        """
        target = Path(os.path.realpath(self.path))
        try:
            os.makedirs(target.parent, mode=0o700, exist_ok=True)
            folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError as error:
            raise NoPermission(f"writing {self.path}: permission denied; check who owns the folder") from error
        except (FileExistsError, NotADirectoryError) as error:
            raise InvalidConfig(
                f"{target.parent} is not a folder, and {target.name} should be in it"
            ) from error
        try:
            self._lock(folder)
            before, content = self.read(), self.read()
            yield content
            if content != before:
                self._write(folder, target.name, content)
        finally:
            os.close(folder)

    def _lock(self, folder: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise ConfigBusy(f"another program keeps {self.path} locked; try again") from error
                time.sleep(_PAUSE)
            else:
                return

    def _write(self, folder: int, name: str, content: dict[str, Any]) -> None:
        owner = None
        with suppress(FileNotFoundError):
            owner = os.stat(name, dir_fd=folder)
        import json  # noqa: PLC0415 - see `_parse`

        # Docker's own layout: tabs, keys in the order in which they were.
        text = json.dumps(content, indent="\t", ensure_ascii=False)
        try:
            raw = text.encode()
        except UnicodeEncodeError:
            # Half of a surrogate pair can be written in JSON's escapes only.
            raw = json.dumps(content, indent="\t").encode()
        try:
            write_file(folder, name, raw + b"\n", mode=0o600)
        except PermissionError as error:
            raise NoPermission(f"writing {self.path}: permission denied; check who owns the folder") from error
        if owner is not None and owner.st_uid != os.geteuid():
            # Under sudo with the user's HOME, the user must be able to read the file afterwards.
            with suppress(PermissionError):
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)

    def _parse(self, raw: bytes) -> dict[str, Any]:
        if len(raw) > _LIMIT:
            raise InvalidConfig(f"{self.path} is larger than {_LIMIT} bytes, which no file of credentials is")
        if not raw.strip():
            return {}
        import json  # noqa: PLC0415 - many have no such file

        try:
            content = json.loads(raw)
        except RecursionError:
            raise InvalidConfig(f"{self.path} is nested too deeply") from None
        except ValueError as error:
            raise InvalidConfig(f"{self.path} is not valid JSON: {_place(error)}") from error
        if not isinstance(content, dict):
            raise InvalidConfig(f"{self.path} is not a JSON object")
        return content


def _place(error: ValueError) -> str:
    """Where it is wrong, without showing what stands there: it may be a secret."""
    import json  # noqa: PLC0415 - see `_parse`

    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.lower()} in line {error.lineno}"
    return "it is not UTF-8, or a number is too long"
