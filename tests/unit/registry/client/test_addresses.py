from __future__ import annotations

import pytest

from shale.registry.client.addresses import InvalidHost, Reach, is_loopback, reach_of, split_host


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("Example.COM", "example.com", None),
        ("example.com:5000", "example.com", 5000),
        ("[::1]", "::1", None),
        ("[FC00::1]:5000", "fc00::1", 5000),
        ("fc00::1", "fc00::1", None),
        ("127.0.0.1:1", "127.0.0.1", 1),
    ],
)
def test_splits(text: str, host: str, port: int | None) -> None:
    assert split_host(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", ":80", "a:", "a:x", "a:0", "a:65536", "a:-1", "[::1", "[::1]x", "[::1]:", "a:٣"]
)
def test_refuses_what_is_no_host(text: str) -> None:
    with pytest.raises(InvalidHost):
        split_host(text)


@pytest.mark.parametrize(
    ("host", "reach"),
    [
        ("localhost", Reach.LOOPBACK),
        ("LOCALHOST.", Reach.LOOPBACK),
        ("127.0.0.1", Reach.LOOPBACK),
        ("127.255.0.9", Reach.LOOPBACK),
        ("127.0.0.1.", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("::ffff:127.0.0.1", Reach.LOOPBACK),
        ("0.0.0.0", Reach.LOOPBACK),
        ("::", Reach.LOOPBACK),
        ("127.1", Reach.LOOPBACK),
        ("2130706433", Reach.LOOPBACK),
        ("0x7f000001", Reach.LOOPBACK),
        ("0177.0.0.1", Reach.LOOPBACK),
        ("0", Reach.LOOPBACK),
        ("169.254.169.254", Reach.LINK_LOCAL),
        ("0xa9fea9fe", Reach.LINK_LOCAL),
        ("::ffff:169.254.169.254", Reach.LINK_LOCAL),
        ("fe80::1%eth0", Reach.LINK_LOCAL),
        ("10.0.0.1", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("fd00::1", Reach.PRIVATE),
        ("2002:0a00:0001::1", Reach.PRIVATE),
        ("224.0.0.1", Reach.PRIVATE),
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("example.com", Reach.PUBLIC),
        ("localhost.example.com", Reach.PUBLIC),
        ("127.0.0.1.example.com", Reach.PUBLIC),
        ("1.2.3.4.5", Reach.PUBLIC),
    ],
)
def test_tells_what_an_address_reaches(host: str, reach: Reach) -> None:
    assert reach_of(host) is reach
    assert is_loopback(host) is (reach is Reach.LOOPBACK)
