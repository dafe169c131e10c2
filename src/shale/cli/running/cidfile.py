"""`--cidfile`: a file that gets the id of a new container, and must not be there before."""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import Self

from shale.errors import AlreadyExists, Invalid

__all__ = ["CidFile", "CidFileExists"]


class CidFileExists(AlreadyExists):
    """The file is there: another container may be known by it."""


class CidFile:
    """The file, made empty at once so that two commands cannot both have it; without an id it goes again."""

    def __init__(self, path: str | None) -> None:
        """Prepare.

        Args:
            path: as typed; None where none is wanted.
        """
        self._path = path
        self._file: int | None = None
        self._written = False

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            except FileExistsError:
                raise CidFileExists(
                    "container ID file found, make sure the other container isn't running or delete "
                    f"{self._path}"
                ) from None
            except OSError as error:
                reason = os.strerror(error.errno or 0).lower()
                raise Invalid(f"failed to create the container ID file: open {self._path}: {reason}") from error
        return self

    def write(self, container: str) -> None:
        """Write an id, without a line break."""
        if self._file is not None:
            os.write(self._file, container.encode("ascii"))
            self._written = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None and self._path is not None:
            os.close(self._file)
            if not self._written:
                with suppress(FileNotFoundError):
                    os.unlink(self._path)
