from __future__ import annotations

import pytest

from shale.registry.client.challenge import UntrustedRealm, checked_realm


@pytest.mark.parametrize(
    ("realm", "scheme", "registry"),
    [
        ("https://auth.docker.io/token", "https", "registry-1.docker.io"),
        ("https://registry.example:5443/token?a=b", "https", "registry.example:5443"),
        ("HTTPS://Auth.Example/token", "https", "registry.example"),
        ("https://auth.example", "http", "localhost:5000"),
        ("http://localhost:5001/token", "http", "localhost:5000"),
        ("http://127.0.0.1:5001/token", "http", "localhost:5000"),
        ("http://[::1]:5001/token", "http", "127.0.0.1:5000"),
        ("http://registry.lan:5001/token", "http", "registry.lan:5000"),
        ("http://10.0.0.7:5001/token", "http", "10.0.0.7"),
        ("https://10.0.0.8/token", "https", "10.0.0.7:5000"),
        ("https://8.8.8.8/token", "https", "registry.example"),
    ],
)
def test_lets_pass(realm: str, scheme: str, registry: str) -> None:
    assert checked_realm(realm, scheme, registry) == realm


@pytest.mark.parametrize(
    ("realm", "scheme", "registry", "why"),
    [
        ("http://auth.docker.io/token", "https", "registry-1.docker.io", "plain http"),
        ("http://registry.example/token", "https", "registry.example", "plain http"),
        ("http://other.lan/token", "http", "registry.lan:5000", "plain http"),
        ("http://127.0.0.1/token", "http", "registry.lan:5000", "plain http"),
        ("http://auth.example/token", "http", "localhost:5000", "plain http"),
        ("http://localhost/token", "https", "localhost:5000", "plain http"),
        ("https://127.0.0.1/token", "https", "registry.example", "this machine"),
        ("https://localhost:8443/token", "https", "registry.example", "this machine"),
        ("https://0.0.0.0/token", "https", "registry.example", "this machine"),
        ("https://0/token", "https", "registry.example", "this machine"),
        ("https://2130706433/token", "https", "registry.example", "this machine"),
        ("https://0x7f.1/token", "https", "registry.example", "this machine"),
        ("https://[::1]/token", "https", "registry.example", "this machine"),
        ("https://[::ffff:127.0.0.1]/token", "https", "registry.example", "this machine"),
        ("https://169.254.169.254/latest/meta-data", "https", "registry.example", "metadata"),
        ("https://169.254.169.254/latest/meta-data", "https", "10.0.0.7", "metadata"),
        ("https://[fe80::1]/", "https", "registry.example", "metadata"),
        ("https://10.0.0.1/token", "https", "registry.example", "private network"),
        ("https://[fd00::1]/token", "https", "registry.example", "private network"),
        ("https://10.0.0.1/token", "https", "8.8.8.8", "private network"),
        ("/token", "https", "registry.example", "absolute"),
        ("//auth.example/token", "https", "registry.example", "absolute"),
        ("", "https", "registry.example", "not a URL"),
        ("file:///etc/passwd", "https", "registry.example", "absolute"),
        ("ftp://auth.example/", "https", "registry.example", "absolute"),
        ("https:///token", "https", "registry.example", "does not name a host"),
        ("https:token", "https", "registry.example", "does not name a host"),
        ("https://user:pw@auth.example/token", "https", "registry.example", "user name"),
        ("https://auth.example@evil.example/", "https", "registry.example", "user name"),
        ("https://auth.example/token#x", "https", "registry.example", "fragment"),
        ("https://evil.example\\@auth.example/", "https", "registry.example", "printable ASCII"),
        ("https://evil.example\n.auth.example/", "https", "registry.example", "printable ASCII"),
        ("https://auth.example/to ken", "https", "registry.example", "printable ASCII"),
        ("https://аuth.example/token", "https", "registry.example", "printable ASCII"),  # noqa: RUF001
        ("https://auth.example:99999/token", "https", "registry.example", "does not name a host"),
        ("https://auth.example:/token", "https", "registry.example", "does not name a host"),
        ("https://[::1/token", "https", "registry.example", "not a URL"),
        ("https://a%2eb/token", "https", "registry.example", "does not name a host"),
        ("https://auth.example/" + "a" * 5000, "https", "registry.example", "printable ASCII"),
    ],
)
def test_refuses(realm: str, scheme: str, registry: str, why: str) -> None:
    with pytest.raises(UntrustedRealm, match=why) as caught:
        checked_realm(realm, scheme, registry)
    assert len(caught.value.message) < 500
