"""The files of a container that are ours: /etc/hosts, /etc/hostname, /etc/resolv.conf. Pure text.

Specification: hosts(5), hostname(5), resolv.conf(5).
"""

from __future__ import annotations

from typing import Final

from shale.errors import Invalid
from shale.runtime.wishes import Network, RunWishes

__all__ = ["InvalidServer", "hostname_file", "hosts_file", "resolver_file"]

_LOCAL: Final = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


class InvalidServer(Invalid):
    """What was named as a name server is not an address."""


def hostname_file(hostname: str) -> str:
    """What /etc/hostname holds."""
    return f"{hostname}\n"


def hosts_file(wishes: RunWishes, hostname: str, hosts: str) -> str:
    """What /etc/hosts holds.

    Args:
        wishes: whose network and further hosts count.
        hostname: of the container.
        hosts: the host's own file, which is shown where its network is.
    """
    shared = wishes.network == Network.HOST
    text = hosts if shared else _LOCAL
    if text and not text.endswith("\n"):
        text += "\n"
    text += "".join(f"{address}\t{name}\n" for name, address in wishes.extra_hosts)
    if not shared:
        full = f"{hostname}.{wishes.domainname} {hostname}" if wishes.domainname else hostname
        text += f"127.0.0.1\t{full}\n"
    return text


def resolver_file(wishes: RunWishes, resolver: str) -> str:
    """What /etc/resolv.conf holds: what was asked for, and from the host's file what was not.

    Args:
        wishes: whose network, servers, domains and options count.
        resolver: the host's own file. Without the host's network nothing in it can be reached.

    Raises:
        InvalidServer: a server that was asked for is not an address.
    """
    kept = {"nameserver": "", "search": "", "options": ""}
    if wishes.network == Network.HOST:
        for line in resolver.splitlines():
            word = line.split(maxsplit=1)[0] if line.strip() else ""
            word = "search" if word == "domain" else word
            if word in kept:
                kept[word] += f"{line}\n"
    if wishes.dns:
        kept["nameserver"] = "".join(f"nameserver {_address(one)}\n" for one in wishes.dns)
    if wishes.dns_search:
        domains = [one for one in wishes.dns_search if one != "."]
        kept["search"] = f"search {' '.join(domains)}\n" if domains else ""
    if wishes.dns_options:
        kept["options"] = f"options {' '.join(wishes.dns_options)}\n"
    return kept["search"] + kept["nameserver"] + kept["options"]


def _address(text: str) -> str:
    import ipaddress  # noqa: PLC0415 - few containers name servers

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise InvalidServer(f"the name server {text[:60]!r} is not an address, as 10.0.0.2") from None
