"""The files in /etc that are ours."""

from __future__ import annotations

import pytest

from shale.runtime.etcfiles import InvalidServer, hostname_file, hosts_file, resolver_file
from shale.runtime.wishes import Network, RunWishes

HOSTS = "127.0.0.1 localhost\n10.1.1.1 build"
RESOLVER = (
    "# ours\ndomain example.org\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\noptions ndots:5\nsortlist x\n"
)


def test_the_name() -> None:
    assert hostname_file("box") == "box\n"


def test_hosts_of_a_network_of_its_own() -> None:
    text = hosts_file(RunWishes(extra_hosts=(("db", "10.0.0.5"),), domainname="test"), "box", HOSTS)
    assert "build" not in text
    assert text.splitlines()[0] == "127.0.0.1\tlocalhost"
    assert text.splitlines()[-2:] == ["10.0.0.5\tdb", "127.0.0.1\tbox.test box"]


def test_hosts_of_the_host_s_network() -> None:
    wishes = RunWishes(network=Network.HOST, extra_hosts=(("db", "10.0.0.5"),))
    assert hosts_file(wishes, "box", HOSTS) == HOSTS + "\n10.0.0.5\tdb\n"


def test_servers_of_the_host_are_only_seen_from_its_network() -> None:
    assert resolver_file(RunWishes(), RESOLVER) == ""
    assert resolver_file(RunWishes(network=Network.HOST), RESOLVER) == (
        "domain example.org\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\noptions ndots:5\n"
    )


def test_what_is_asked_for_replaces_its_kind() -> None:
    wishes = RunWishes(network=Network.HOST, dns=("1.1.1.1", "::1"), dns_search=("a.b", "c"))
    assert resolver_file(wishes, RESOLVER) == (
        "search a.b c\nnameserver 1.1.1.1\nnameserver ::1\noptions ndots:5\n"
    )
    wishes = RunWishes(network=Network.HOST, dns_search=(".",), dns_options=("debug",))
    assert resolver_file(wishes, RESOLVER).splitlines() == [
        "nameserver 10.0.0.2", "nameserver fe80::1%eth0", "options debug",
    ]  # fmt: skip


def test_a_server_is_an_address() -> None:
    with pytest.raises(InvalidServer, match="evil"):
        resolver_file(RunWishes(dns=("evil\nnameserver 6.6.6.6",)), "")
