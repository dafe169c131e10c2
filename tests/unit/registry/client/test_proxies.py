from __future__ import annotations

import pytest

from shale.registry.client.proxies import InvalidProxy, Proxies, UnsupportedProxy

HTTP = "http://plain.proxy:3128"
TLS = "http://tls.proxy:3128"


def proxies(no_proxy: str = "", **more: str) -> Proxies:
    return Proxies.from_environ({"HTTP_PROXY": HTTP, "HTTPS_PROXY": TLS, "NO_PROXY": no_proxy, **more})


def test_the_scheme_of_the_target_chooses() -> None:
    assert proxies().proxy_for("http://registry.example/v2/") == HTTP
    assert proxies().proxy_for("https://registry.example/v2/") == TLS
    assert Proxies.from_environ({}).proxy_for("https://registry.example/") is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"https_proxy": TLS}, TLS),
        ({"HTTPS_PROXY": TLS, "https_proxy": HTTP}, TLS),
        ({"HTTPS_PROXY": "", "https_proxy": TLS}, TLS),
        ({"ALL_PROXY": TLS}, TLS),
        ({"all_proxy": TLS}, TLS),
        ({"ALL_PROXY": HTTP, "https_proxy": TLS}, TLS),
        ({"HTTP_PROXY": HTTP}, None),
        ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "https://user:secret@proxy"}, "https://user:secret@proxy"),
    ],
)
def test_the_variables(environ: dict[str, str], expected: str | None) -> None:
    assert Proxies.from_environ(environ).proxy_for_host("https", "registry.example", 443) == expected


def test_a_cgi_program_does_not_trust_the_header_of_its_request() -> None:
    environ = {"HTTP_PROXY": HTTP, "HTTPS_PROXY": TLS, "REQUEST_METHOD": "GET"}
    assert Proxies.from_environ(environ).proxy_for("http://registry.example/") is None
    assert Proxies.from_environ(environ).proxy_for("https://registry.example/") == TLS


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("*", "registry.example", 443, True),
        ("a, *", "registry.example", 443, True),
        ("example.com", "example.com", 443, True),
        ("example.com", "EXAMPLE.com", 443, True),
        ("EXAMPLE.com", "a.b.example.com", 443, True),
        ("example.com", "example.com.", 443, True),
        ("example.com", "badexample.com", 443, False),
        (".example.com", "a.example.com", 443, True),
        (".example.com", "example.com", 443, False),
        ("*.example.com", "a.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("example.com:5000", "example.com", 5000, True),
        ("example.com:5000", "example.com", 443, False),
        ("*.example.com:5000", "a.example.com", 5000, True),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.1", "10.0.0.2", 443, False),
        ("10.0.0.1:80", "10.0.0.1", 443, False),
        ("10.0.0.0/8", "10.200.0.1", 443, True),
        ("10.0.0.7/8", "10.200.0.1", 443, True),
        ("10.0.0.0/8", "11.0.0.1", 443, False),
        ("10.0.0.0/8", "ten.example", 443, False),
        ("0.0.1", "10.0.0.1", 443, False),
        ("fd00::/8", "fd12::1", 443, True),
        ("[fd12::1]:5000", "fd12::1", 5000, True),
        ("fd12::1", "fd12::1", 443, True),
        ("fd00::/8", "10.0.0.1", 443, False),
        (" , ,example.com , ", "example.com", 443, True),
        ("::/x,a:b:,:80,.,example.com", "example.com", 443, True),
        ("", "localhost", 5000, True),
        ("", "127.0.0.1", 5000, True),
        ("", "127.9.9.9", 5000, True),
        ("", "::1", 5000, True),
        ("", "localhost.example.com", 443, False),
    ],
)
def test_what_is_asked_directly(no_proxy: str, host: str, port: int, direct: bool) -> None:
    found = proxies(no_proxy).proxy_for_host("https", host, port)
    assert found == (None if direct else TLS)


def test_a_url_gives_host_and_port() -> None:
    assert proxies("example.com:443").proxy_for("https://example.com/v2/") is None
    assert proxies("example.com:443").proxy_for("https://example.com:444/v2/") == TLS
    assert proxies("fd12::1").proxy_for("https://[fd12::1]:5000/") is None
    assert proxies().proxy_for("http://[::1]:5000/v2/") is None


@pytest.mark.parametrize("value", ["http://", "http://proxy:port", "http://[::1", "://"])
def test_a_malformed_variable_is_named_and_not_shown(value: str) -> None:
    with pytest.raises(InvalidProxy, match="HTTPS_PROXY") as caught:
        Proxies.from_environ({"HTTPS_PROXY": value.replace("proxy", "user:secret@proxy")})
    assert "secret" not in caught.value.message


def test_socks_is_refused_when_it_would_be_used() -> None:
    found = Proxies.from_environ({"ALL_PROXY": "socks5://proxy:1080", "NO_PROXY": "inside.example"})
    assert found.proxy_for("https://inside.example/") is None
    with pytest.raises(UnsupportedProxy, match="socks5"):
        found.proxy_for("https://registry.example/")


def test_a_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(Proxies.from_environ({"HTTPS_PROXY": "http://user:secret@proxy"}))
