"""Bodies end where they should, and only then is a connection used again."""

from __future__ import annotations

import pytest

from faults.pieces import Pieces, channel_of
from shale.errors import ShaleError
from shale.registry.client.connection import Answer, Connection
from shale.registry.client.failures import BadAnswer, ConnectionCut

OK = b"HTTP/1.1 200 OK\r\n"


class Exchange:
    """One request over a socket that gives these bytes."""

    def __init__(
        self,
        raw: bytes,
        *,
        size: int = 1 << 20,
        method: str = "GET",
        body: bytes | None = None,
        takes: int | None = None,
    ) -> None:
        self.socket = Pieces(raw, size, takes=takes)
        self.kept = 0
        self.connection = Connection(channel_of(self.socket), self._keep)
        self.answer: Answer = self.connection.ask(method, "/x", {"Host": "h"}, body, 5.0)

    def _keep(self, connection: Connection) -> None:
        assert connection is self.connection
        self.kept += 1

    def body(self, limit: int = 1 << 20) -> bytes:
        parts = list(iter(lambda: self.answer.read(limit), b""))
        assert self.answer.read(limit) == b"", "the end stays the end"
        return b"".join(parts)


CHUNKED = (
    OK + b'Transfer-Encoding: Chunked\r\n\r\n4\r\nabcd\r\n00A ;x="y"\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n'
)


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
@pytest.mark.parametrize("limit", [1, 5, 1 << 20])
def test_bodies_are_read_however_they_come(size: int, limit: int) -> None:
    for raw, body in (
        (CHUNKED, b"abcd0123456789"),
        (OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (OK + b"Content-Length: 5, 5\r\n\r\nhello", b"hello"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
    ):
        exchange = Exchange(raw, size=size)
        assert exchange.body(limit) == body
        assert (exchange.kept, exchange.socket.closed) == (1, False)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body_have_none(method: str, status: int) -> None:
    exchange = Exchange(b"HTTP/1.1 %d X\r\nContent-Length: 7\r\n\r\n" % status, method=method)
    assert exchange.body() == b""
    assert exchange.kept == 1


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Connection: Keep-Alive, Close\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n",
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
    ids=["until the end", "HTTP/1.0", "said so", "bytes that nobody asked for", "two lengths"],
)
def test_connections_that_may_not_be_kept_are_not(raw: bytes) -> None:
    exchange = Exchange(raw)
    assert exchange.body() == b"hello"
    exchange.answer.close()
    assert (exchange.kept, exchange.socket.closed) == (0, True)


def test_connection_of_http_1_0_is_kept_where_the_server_says_so() -> None:
    exchange = Exchange(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello")
    assert exchange.body() == b"hello"
    assert exchange.kept == 1


def test_closing_in_the_middle_cuts_the_connection() -> None:
    exchange = Exchange(OK + b"Content-Length: 5\r\n\r\nhello")
    exchange.answer.close()
    assert (exchange.kept, exchange.socket.closed) == (0, True)
    assert exchange.body() == b""


@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        (b"Content-Length: 6\r\n\r\nhello", ConnectionCut),
        (b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello", ConnectionCut),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", ConnectionCut),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", ConnectionCut),
        (b"Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", BadAnswer),
        (b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", BadAnswer),
        (b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", BadAnswer),
        (b"Transfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n0\r\n\r\n", BadAnswer),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: 1\r\n" * 200 + b"\r\n", BadAnswer),
        (b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 200_000 + b"\r\nhello\r\n0\r\n\r\n", ConnectionCut),
    ],
)
def test_bodies_that_lie_about_their_length_are_errors(rest: bytes, kind: type[ShaleError]) -> None:
    exchange = Exchange(OK + rest)
    with pytest.raises(kind):
        exchange.body()
    exchange.answer.close()
    assert (exchange.kept, exchange.socket.closed) == (0, True)


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Length: 5, 6",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: +5",
        b"Content-Length: 5,",
        b"Content-Length: \xb2",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, chunked",
    ],
)
def test_lengths_that_say_two_things_are_refused(field: bytes) -> None:
    with pytest.raises(BadAnswer):
        Exchange(OK + field + b"\r\n\r\nhello")


def test_small_body_goes_out_with_its_head() -> None:
    exchange = Exchange(OK + b"Content-Length: 0\r\n\r\n", method="PUT", body=b"data")
    assert exchange.socket.sent == b"PUT /x HTTP/1.1\r\nHost: h\r\n\r\ndata"


def test_answer_to_a_body_that_was_not_wanted_is_read() -> None:
    exchange = Exchange(
        b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", method="PUT", body=bytes(200_000), takes=10
    )
    assert exchange.answer.head.status == 413
    assert (exchange.kept, exchange.socket.closed) == (0, True), "half a request stands on it"


def test_body_that_was_not_wanted_without_a_word_is_a_cut() -> None:
    with pytest.raises(ConnectionCut, match="broken pipe"):
        Exchange(b"", method="PUT", body=bytes(200_000), takes=10)
