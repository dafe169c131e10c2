"""Heads of answers are read strictly, those of requests cannot be forged."""

from __future__ import annotations

import pytest

from faults.pieces import WHERE, Pieces, channel_of
from shale.errors import ShaleError
from shale.registry.client.failures import BadAnswer, ConnectionCut
from shale.registry.client.head import Head, read_head, request_head, request_target


def head_of(raw: bytes, size: int = 1 << 20) -> Head:
    channel = channel_of(Pieces(raw, size))
    pace = channel.pace(5.0)
    return read_head(lambda: channel.line(pace), WHERE)


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_head_is_read_however_it_comes(size: int) -> None:
    raw = b"HTTP/1.1 404 Not  Found\r\nContent-Type: a/b\r\nX-Empty:\r\nLink: <a>\r\nlink:\t<b> \r\n\r\nrest"
    head = head_of(raw, size)
    assert (head.minor, head.status, head.reason) == (1, 404, "Not  Found")
    assert head.headers["content-TYPE"] == "a/b"
    assert head.headers["x-empty"] == ""
    assert head.headers.all("LINK") == ("<a>", "<b>")
    assert head.headers.get("Link") == "<a>, <b>"
    assert dict(head.headers) == {"content-type": "a/b", "x-empty": "", "link": "<a>, <b>"}


def test_lines_may_end_without_a_carriage_return_and_reasons_may_be_missing() -> None:
    head = head_of(b"HTTP/1.0 200\nA: 1\n\n")
    assert (head.minor, head.status, head.reason, head.headers["a"]) == (0, 200, "", "1")


def test_what_is_said_meanwhile_is_passed_over() -> None:
    meanwhile = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
    head = head_of(meanwhile + b"HTTP/1.1 201 Created\r\n\r\n")
    assert head.status == 201
    assert not head.headers


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", ConnectionCut),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\n", ConnectionCut),
        (b"HTTP/2 200 OK\r\n\r\n", ConnectionCut),
        (b"HTTP/1.1 20 OK\r\n\r\n", ConnectionCut),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", ConnectionCut),
        (b"HTTP/1.1 099 OK\r\n\r\n", ConnectionCut),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ConnectionCut),
        (b"\x15\x03\x01\x00\x02\x02\r\n", ConnectionCut),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nspace : before\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 1001 + b"\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000 + b"\r\n\r\n", ConnectionCut),
    ],
)
def test_what_is_no_head_is_refused(raw: bytes, kind: type[ShaleError]) -> None:
    with pytest.raises(kind, match="registry\\.test"):
        head_of(raw)


def test_what_is_no_head_is_shown_safely() -> None:
    with pytest.raises(ConnectionCut) as caught:
        head_of(b"\x1b[2Jgarbage\r\n")
    assert "\x1b" not in caught.value.message
    assert "garbage" in caught.value.message


def test_request_is_written_as_it_is_meant() -> None:
    assert (
        request_head("GET", "/v2/", {"Host": "a", "X": "\xe9"})
        == b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\rb", "a\0b", "\u20ac"])
def test_nothing_can_be_smuggled_into_a_request(value: str) -> None:
    with pytest.raises(BadAnswer):
        request_head("GET", "/", {"X": value})


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("/v2/a/blobs/sha256:0?x=a%2Fb&y=~", "/v2/a/blobs/sha256:0?x=a%2Fb&y=~"),
        ("/a b\u00e9#", "/a%20b%C3%A9%23"),
        ("", "/"),
    ],
)
def test_targets_hold_nothing_that_ends_them(text: str, target: str) -> None:
    assert request_target(text) == target
