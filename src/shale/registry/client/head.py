"""The heads of HTTP/1.1 messages: ours written, the other side's read strictly (RFC 9112 sections 2 to 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from shale.registry.client.failures import BadAnswer, ConnectionCut, printable

__all__ = ["Head", "Headers", "read_head", "request_head", "request_target"]

_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LEFT_ALONE: Final = "%/:@!$&'()*+,;=~?[]"
"""What stays as it is in a target, besides letters, digits, `-`, `.` and `_`."""
_SWITCHING: Final = 101
_MOST_FIELDS: Final = 1000


class Headers(Mapping[str, str]):
    """Header fields by name, whatever its case; several of one name read as one list (RFC 9110 section 5.3)."""

    def __init__(self) -> None:
        self._fields: dict[str, list[str]] = {}

    def add(self, name: str, value: str) -> None:
        """One more field."""
        self._fields.setdefault(name.lower(), []).append(value)

    def all(self, name: str) -> tuple[str, ...]:
        """The values of all fields of a name."""
        return tuple(self._fields.get(name.lower(), ()))

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._fields[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class Head(msgspec.Struct, frozen=True):
    """The head of an answer.

    Attributes:
        minor: the 1 of HTTP/1.1.
        status: its code.
        reason: what the server calls it; may be empty.
        headers: its fields.
    """

    minor: int
    status: int
    reason: str
    headers: Headers


def read_head(line: Callable[[], bytes], where: str) -> Head:
    """Read the head of an answer; what is only said meanwhile (1xx) is passed over.

    Args:
        line: gives the next line, without its end.
        where: whose answer it is, for errors.

    Raises:
        ConnectionCut: it is not HTTP/1.
        BadAnswer: a field is malformed.
    """
    while True:
        minor, status, reason = _status_line(line(), where)
        headers = _fields(line, where)
        if status >= 200:
            return Head(minor, status, reason, headers)
        if status == _SWITCHING:
            raise BadAnswer(f"{where} switches to a protocol that nobody asked for")


def _status_line(text: bytes, where: str) -> tuple[int, int, str]:
    version, _, rest = text.partition(b" ")
    code, _, reason = rest.partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or len(code) != 3 or not code.isdigit() or code < b"100":
        said = printable(text[:100].decode("latin-1"))
        raise ConnectionCut(f"{where} does not speak HTTP/1.1: it says {said!r}")
    return version[-1] - ord("0"), int(code), reason.decode("latin-1")


def _fields(line: Callable[[], bytes], where: str) -> Headers:
    headers = Headers()
    for _ in range(_MOST_FIELDS):
        text = line()
        if not text:
            return headers
        name, colon, value = text.partition(b":")
        # A field that goes on in the next line begins with a space, which no name has: RFC 9112 section 5.2
        # lets us refuse it, and nobody has sent one for decades.
        if not colon or not name or not _TOKEN.issuperset(name):
            said = printable(text[:100].decode("latin-1"))
            raise BadAnswer(f"{where}: the head of its answer is malformed: {said!r}")
        headers.add(name.decode("ascii"), value.strip(b" \t").decode("latin-1"))
    raise BadAnswer(f"{where}: its answer has more than {_MOST_FIELDS} header fields")


def request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request, with the empty line that ends it.

    Raises:
        BadAnswer: what a registry told us to send back cannot stand in a head.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines):
        raise BadAnswer("what the registry wants to be sent has line breaks in it, which no header may have")
    try:
        return "\r\n".join(lines).encode("latin-1")
    except UnicodeEncodeError as error:
        raise BadAnswer("what the registry wants to be sent has characters that no header may have") from error


def request_target(text: str) -> str:
    """Path and query of a URL as they may stand in a request: what may not is written with `%`."""
    return quote(text, safe=_LEFT_ALONE) or "/"
