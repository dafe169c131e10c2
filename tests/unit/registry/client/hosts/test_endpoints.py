from __future__ import annotations

from pathlib import Path

import pytest

from shale.oci.reference import Reference
from shale.registry.client.endpoint import Endpoint, Tls
from shale.registry.client.hosts.certificates import InvalidCertificates, read_certificates
from shale.registry.client.hosts.document import parse_configuration
from shale.registry.client.hosts.endpoints import BlockedRegistry, Hosts
from shale.registry.client.hosts.rules import UnsupportedLocation
from shale.registry.client.hosts.sources import host_paths_from

DIGEST = "@sha256:" + "a" * 64


def hosts(text: str = "", *certificates: Path) -> Hosts:
    return Hosts(parse_configuration(text, "r.conf"), certificates)


def asked(name: str, text: str = "") -> list[str]:
    found = hosts(text).endpoints(Reference.parse(name))
    return [f"{endpoint.host}/{endpoint.repository}" for endpoint in found]


def test_docker_hub_is_asked_at_its_registry() -> None:
    (endpoint,) = hosts().endpoints(Reference.parse("nginx"))
    assert endpoint == Endpoint("registry-1.docker.io", "library/nginx", "docker.io")


def test_others_are_asked_where_they_are() -> None:
    (endpoint,) = hosts().endpoints(Reference.parse("quay.io/team/app:1"))
    assert endpoint == Endpoint("quay.io", "team/app", "quay.io")


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.8.7:1", "[::1]:5000"])
def test_this_machine_may_speak_plain_http(host: str) -> None:
    (endpoint,) = hosts().endpoints(Reference.parse(f"{host}/app"))
    assert endpoint == Endpoint(host, "app", host, plain_http=True, tls=Tls(verify=False))


@pytest.mark.parametrize("host", ["10.0.0.1:5000", "localhost.example.com", "registry.lan:5000", "128.0.0.1"])
def test_nobody_else_may_without_being_told(host: str) -> None:
    (endpoint,) = hosts().endpoints(Reference.parse(f"{host}/app"))
    assert not endpoint.plain_http
    assert endpoint.tls.verify


def test_insecure_is_what_the_configuration_says() -> None:
    text = '[[registry]]\nlocation="r.lan"\ninsecure=true\n'
    text += '[[registry]]\nlocation="localhost:5000"\ninsecure=false\n'
    (marked,) = hosts(text).endpoints(Reference.parse("r.lan/app"))
    assert marked.plain_http
    assert not marked.tls.verify
    (strict,) = hosts(text).endpoints(Reference.parse("localhost:5000/app"))
    assert not strict.plain_http
    assert strict.tls.verify


MANUAL = """
[[registry]]
prefix = "example.com/foo"
location = "internal.example.net/bar"
[[registry.mirror]]
location = "m0.local/mirror-for-foo"
[[registry.mirror]]
location = "m1.local/mirrors/foo"
insecure = true
pull-from-mirror = "digest-only"
"""


def test_the_example_of_the_manual() -> None:
    first, second, last = hosts(MANUAL).endpoints(Reference.parse("example.com/foo/image:latest"))
    assert first == Endpoint("m0.local", "mirror-for-foo/image", "m0.local", mirror=True)
    assert second == Endpoint(
        "m1.local",
        "mirrors/foo/image",
        "m1.local",
        plain_http=True,
        tls=Tls(verify=False),
        mirror=True,
        accepts_tags=False,
    )
    assert last == Endpoint("internal.example.net", "bar/image", "internal.example.net")


def test_pushing_goes_to_the_name_itself() -> None:
    endpoint = hosts(MANUAL).push_endpoint(Reference.parse("example.com/foo/image:latest"))
    assert endpoint == Endpoint("example.com", "foo/image", "example.com")
    insecure = hosts('[[registry]]\nlocation="r.lan"\ninsecure=true').push_endpoint(
        Reference.parse("r.lan/app")
    )
    assert insecure.plain_http


@pytest.mark.parametrize(
    ("prefix", "location", "name", "expected"),
    [
        ("example.com", "m.local", "example.com/a/b", "m.local/a/b"),
        ("example.com", "m.local/x", "example.com/a:1", "m.local/x/a"),
        ("example.com", "m.local/x", "example.com/a" + DIGEST, "m.local/x/a"),
        ("example.com/a", "m.local/x", "example.com/a:1", "m.local/x"),
        ("example.com/a", "m.local/x", "example.com/a" + DIGEST, "m.local/x"),
        ("example.com/a", "m.local/x", "example.com/ab", "example.com/ab"),
        ("example.com", "m.local", "example.com:5000/a", "example.com:5000/a"),
        ("example.com", "m.local", "example.com.evil/a", "example.com.evil/a"),
        ("example.com:5000", "m.local", "example.com:5000/a", "m.local/a"),
        ("example.com/a:1", "m.local/b:1", "example.com/a:1", "m.local/b"),
        ("example.com/a:1", "m.local/b:1", "example.com/a:12", "example.com/a"),
        ("*.example.com", "m.local", "a.b.example.com/x", "m.local/x"),
        ("*.example.com", "m.local", "a.example.com:5000/x", "m.local:5000/x"),
        ("*.example.com", "m.local", "example.com/x", "example.com/x"),
        ("*.example.com", "m.local", "badexample.com/x", "badexample.com/x"),
        ("*.example.com", "m.local", "evil.example/a.example.com/x", "evil.example/a.example.com/x"),
        ("*.example.com", "", "a.example.com/x", "a.example.com/x"),
        ("docker.io", "m.local", "nginx", "m.local/library/nginx"),
        ("docker.io/library", "m.local/hub", "nginx", "m.local/hub/nginx"),
        ("example.com", "docker.io/copies", "example.com/a", "registry-1.docker.io/copies/a"),
        ("example.com", "mirror", "example.com/a", "mirror/a"),
    ],
)
def test_a_location_takes_the_place_of_a_prefix(prefix: str, location: str, name: str, expected: str) -> None:
    text = f'[[registry]]\nprefix="{prefix}"\n' + (f'location="{location}"\n' if location else "")
    assert asked(name, text) == [expected]


def test_the_longest_prefix_speaks() -> None:
    text = "".join(
        f'[[registry]]\nprefix="{prefix}"\nlocation="{location}"\n'
        for prefix, location in (("e.com", "one.local"), ("e.com/a/b", "three.local"), ("e.com/a", "two.local"))
    )
    assert asked("e.com/a/b/c", text) == ["three.local/c"]
    assert asked("e.com/a/x", text) == ["two.local/x"]
    assert asked("e.com/x", text) == ["one.local/x"]


def test_credentials_are_those_of_the_host_that_is_asked() -> None:
    text = '[[registry]]\nprefix="example.com"\nlocation="docker.io/copies"\n'
    text += '[[registry.mirror]]\nlocation="m.local:5000/x"\n'
    found = hosts(text).endpoints(Reference.parse("example.com/a"))
    assert [endpoint.account for endpoint in found] == ["m.local:5000", "docker.io"]


def test_a_location_that_changes_the_tag_is_refused() -> None:
    text = '[[registry]]\nprefix="example.com/a:1"\nlocation="m.local/b:2"\n'
    with pytest.raises(UnsupportedLocation, match=r"correct the location of example\.com/a:1"):
        hosts(text).endpoints(Reference.parse("example.com/a:1"))
    bare = '[[registry]]\nprefix="example.com/a"\nlocation="m.local"\n'
    with pytest.raises(UnsupportedLocation):
        hosts(bare).endpoints(Reference.parse("example.com/a:1"))


def test_a_blocked_registry_is_never_asked() -> None:
    text = '[[registry]]\nlocation="docker.io/library"\nblocked=true\n'
    with pytest.raises(BlockedRegistry, match=r"nginx is blocked.*docker\.io/library"):
        hosts(text).endpoints(Reference.parse("nginx"))
    with pytest.raises(BlockedRegistry):
        hosts(text).push_endpoint(Reference.parse("nginx"))
    assert asked("user/nginx", text) == ["registry-1.docker.io/user/nginx"]


@pytest.mark.parametrize(
    ("typed", "expanded"),
    [
        ("ubi9", "r.example/ubi9"),
        ("ubi9:1", "r.example/ubi9:1"),
        ("ubi9" + DIGEST, "r.example/ubi9" + DIGEST),
        ("ubi9:1" + DIGEST, "r.example/ubi9:1" + DIGEST),
        ("team/app:1", "quay.io/team/app:1"),
        ("docker.io/ubi9", "docker.io/ubi9"),
        ("library/ubi9", "library/ubi9"),
        ("localhost:5000/ubi9", "localhost:5000/ubi9"),
        ("nginx", "nginx"),
        ("ubi9/x", "ubi9/x"),
        ("", ""),
        ("@", "@"),
        ("a" * 64, "a" * 64),
    ],
)
def test_an_alias_is_followed_for_the_name_as_typed(typed: str, expanded: str) -> None:
    text = '[aliases]\nubi9 = "r.example/ubi9"\n"team/app" = "quay.io/team/app"\n'
    assert hosts(text).expand(typed) == expanded


def test_search_registries_do_not_change_what_a_name_means() -> None:
    assert asked("nginx", 'unqualified-search-registries = ["evil.example"]') == [
        "registry-1.docker.io/library/nginx"
    ]


def certificates(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("")
    return folder


def test_certificates_are_sorted_by_their_endings(tmp_path: Path) -> None:
    folder = certificates(
        tmp_path / "r.lan:5000", "b.crt", "a.crt", "client.cert", "client.key", "notes.txt", "key"
    )
    (endpoint,) = hosts("", tmp_path).endpoints(Reference.parse("r.lan:5000/app"))
    assert endpoint.tls == Tls(
        authorities=(folder / "a.crt", folder / "b.crt"),
        client_pairs=((folder / "client.cert", folder / "client.key"),),
    )
    (other,) = hosts("", tmp_path).endpoints(Reference.parse("r.lan/app"))
    assert other.tls == Tls()


def test_the_first_folder_that_exists_counts(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    certificates(one / "other.lan", "x.crt")
    folder = certificates(two / "r.lan", "two.crt")
    certificates(three / "r.lan", "three.crt")
    assert read_certificates([tmp_path / "none", one, two, three], ["r.lan"]).authorities == (
        folder / "two.crt",
    )


def test_docker_hub_goes_by_both_names(tmp_path: Path) -> None:
    folder = certificates(tmp_path / "docker.io", "proxy.crt")
    (endpoint,) = hosts("", tmp_path).endpoints(Reference.parse("nginx"))
    assert endpoint.tls.authorities == (folder / "proxy.crt",)


def test_an_authority_for_this_machine_is_meant_to_be_checked(tmp_path: Path) -> None:
    certificates(tmp_path / "localhost:5000", "ca.crt")
    (endpoint,) = hosts("", tmp_path).endpoints(Reference.parse("localhost:5000/app"))
    assert endpoint.plain_http
    assert endpoint.tls.verify


@pytest.mark.parametrize(("name", "missing"), [("client.key", "client.cert"), ("client.cert", "client.key")])
def test_half_a_pair_is_an_error(name: str, missing: str, tmp_path: Path) -> None:
    certificates(tmp_path / "r.lan", name, "ca.crt")
    with pytest.raises(InvalidCertificates, match=rf"{name} has no {missing}"):
        hosts("", tmp_path).endpoints(Reference.parse("r.lan/app"))


@pytest.mark.parametrize("host", ["", ".", "..", "a/../../x", "a\0b"])
def test_a_host_never_leads_out_of_the_folder(host: str, tmp_path: Path) -> None:
    certificates(tmp_path / "x", "stray.crt")
    assert read_certificates([tmp_path / "x", tmp_path], [host]) == Tls()


def test_loads_the_machines_files(tmp_path: Path) -> None:
    own = tmp_path / ".config" / "containers"
    certificates(own / "certs.d" / "r.lan", "ca.crt")
    (own / "registries.conf").write_text('[[registry]]\nprefix="a.lan"\nlocation="r.lan"\n')
    (endpoint,) = Hosts.load(host_paths_from({}, tmp_path, tmp_path / "etc")).endpoints(
        Reference.parse("a.lan/x")
    )
    assert (endpoint.host, endpoint.tls.authorities) == ("r.lan", (own / "certs.d" / "r.lan" / "ca.crt",))
