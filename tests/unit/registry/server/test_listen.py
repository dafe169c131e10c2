from __future__ import annotations

import pytest

from shale.registry.server.listen import InvalidListen, Listen


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:5000", "127.0.0.1", 5000, True),
        ("127.9.9.9:1", "127.9.9.9", 1, True),
        ("localhost:0", "localhost", 0, True),
        ("[::1]:5000", "::1", 5000, True),
        ("0.0.0.0:5000", "0.0.0.0", 5000, False),
        ("[::]:5000", "::", 5000, False),
        (":5000", "", 5000, False),
        ("registry.example:65535", "registry.example", 65535, False),
    ],
)
def test_addresses(text: str, host: str, port: int, loopback: bool) -> None:
    listen = Listen.parse(text)
    assert (listen.host, listen.port, listen.is_loopback, str(listen)) == (host, port, loopback, text)


@pytest.mark.parametrize(
    "text", ["", "5000", "127.0.0.1", "a:b", "a:65536", "::1:5000", "http://a:1", "a:1/x", "a:1\n"]
)
def test_what_is_not_an_address(text: str) -> None:
    with pytest.raises(InvalidListen, match="HOST:PORT"):
        Listen.parse(text)
