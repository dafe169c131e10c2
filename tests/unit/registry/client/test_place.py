"""Where requests go, and what their first line says."""

from __future__ import annotations

import pytest

from shale.registry.client.endpoint import Tls
from shale.registry.client.failures import BadAnswer
from shale.registry.client.place import Place


@pytest.mark.parametrize(
    ("url", "authority", "host_field"),
    [
        ("http://Registry.Test/v2/", "registry.test:80", "registry.test"),
        ("http://registry.test:5000/v2/", "registry.test:5000", "registry.test:5000"),
        ("https://registry.test:443/v2/", "registry.test:443", "registry.test"),
        ("https://registry.test:80/", "registry.test:80", "registry.test:80"),
        ("http://me:secret@[::1]:5000/", "[::1]:5000", "[::1]:5000"),
        ("http://[::1]/", "[::1]:80", "[::1]"),
    ],
)
def test_host_and_port(url: str, authority: str, host_field: str) -> None:
    place = Place.of(url)
    assert (place.authority, place.host_field) == (authority, host_field)


@pytest.mark.parametrize(
    "url", ["http://a:0/", "http://a:70000/", "http://a:x/", "http:///v2/", "ftp://a/", "a"]
)
def test_what_is_nowhere_is_refused(url: str) -> None:
    with pytest.raises(BadAnswer):
        Place.of(url)


def test_only_https_is_told_apart_by_its_tls() -> None:
    insecure = Tls(verify=False)
    assert Place.of("http://a/", insecure) == Place.of("http://a/", Tls())
    assert Place.of("https://a/", insecure) != Place.of("https://a/", Tls())
    assert Place.of("https://a/x", Tls()) == Place.of("https://A:443/y?z", Tls())


def test_a_proxy_gets_whole_urls_of_plain_requests_only() -> None:
    url, proxy = "//registry.test:5000/v2/?a=b#c", "http://me:se%40cret@proxy:3128"
    plain, secure = Place.of(f"http:{url}", Tls(), proxy), Place.of(f"https:{url}", Tls(), proxy)
    assert plain.target(f"http:{url}") == "http://registry.test:5000/v2/?a=b"
    assert secure.target(f"https:{url}") == "/v2/?a=b"
    assert (plain.is_relayed, secure.is_relayed) == (True, False)
    assert plain.proxy_headers == {"Proxy-Authorization": "Basic bWU6c2VAY3JldA=="}
    assert Place.of("http://a/", Tls(), "http://proxy:3128").proxy_headers == {}
