from __future__ import annotations

from pathlib import Path

import pytest

from shale.registry.client.hosts.document import (
    Configuration,
    InvalidConfiguration,
    Mirror,
    Registry,
    parse_configuration,
)
from shale.registry.client.hosts.sources import (
    ConfigurationMissing,
    HostPaths,
    host_paths_from,
    load_configuration,
)


def parse(text: str) -> Configuration:
    return parse_configuration(text, "r.conf")


def test_reads_every_field() -> None:
    found = parse(
        """
        unqualified-search-registries = ["a.example", "b.example"]
        short-name-mode = "enforcing"
        something-new = 1
        [[registry]]
        prefix = "example.com/foo"
        location = "inside.example.com/bar/"
        insecure = true
        blocked = true
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "m0.local/foo"
        [[registry]]
        location = "plain.local:5000"
        insecure = false
        [[registry.mirror]]
        location = "m1.local"
        insecure = true
        pull-from-mirror = "tag-only"
        [[registry.mirror]]
        location = "m2"
        pull-from-mirror = "digest-only"
        [[registry]]
        prefix = "*.wild.example"
        [aliases]
        "ubi9" = "registry.example/ubi9"
        "team/app" = "quay.io/team/app"
        "gone" = ""
        """
    )
    assert found.registries == {
        "example.com/foo": Registry(
            "example.com/foo",
            "inside.example.com/bar",
            True,
            True,
            (Mirror("m0.local/foo", None, False, True),),
        ),
        "plain.local:5000": Registry(
            "plain.local:5000",
            "plain.local:5000",
            False,
            False,
            (Mirror("m1.local", True, True, False), Mirror("m2", None, False, True)),
        ),
        "*.wild.example": Registry("*.wild.example"),
    }
    assert found.aliases == {"ubi9": "registry.example/ubi9", "team/app": "quay.io/team/app", "gone": ""}
    assert found.search == ("a.example", "b.example")


def test_nothing_is_valid() -> None:
    assert parse("# all comments\n") == Configuration({}, {}, None)


def test_of_two_tables_for_one_prefix_the_first_counts() -> None:
    text = '[[registry]]\nlocation="a.example"\ninsecure=true\n[[registry]]\nlocation="a.example"\n'
    assert parse(text).registries["a.example"].insecure is True


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("registry = [", "not valid TOML"),
        ("[registries.search]\nregistries = []", "version 1"),
        ("registry = 1", "registry is not a list of tables"),
        ("registry = [1]", "registry is not a list of tables"),
        ("[registry]\nlocation = 'a.example'", "registry is not a list of tables"),
        ("[[registry]]", "registry 1: prefix and location are both missing"),
        ("[[registry]]\nprefix = 'a.example'", "registry 1: location is missing"),
        ("[[registry]]\nprefix = 1\nlocation = 'a.example'", "registry 1: prefix is not a string"),
        ("[[registry]]\nlocation = 'http://a.example'", "registry 1: location is a URL"),
        ("[[registry]]\nlocation = 'a.example/../b'", "registry 1: location .* is not a host"),
        ("[[registry]]\nlocation = 'a example'", "registry 1: location .* is not a host"),
        ("[[registry]]\nlocation = '..'", "registry 1: location .* is not a host"),
        ("[[registry]]\nlocation = '*.a.example'", "registry 1: location .* is not a host"),
        ("[[registry]]\nprefix = '*.a.example:5000'", "wildcard"),
        ("[[registry]]\nprefix = '*.a.example/x'", "wildcard"),
        ("[[registry]]\nlocation = 'a.example'\ninsecure = 'yes'", "registry 1: insecure is not true or false"),
        ("[[registry]]\nlocation = 'a.example'\nblocked = 1", "registry 1: blocked is not true or false"),
        (
            "[[registry]]\nlocation = 'a.example'\npull-from-mirror = 'all'",
            r"belongs to a \[\[registry.mirror\]\]",
        ),
        ("[[registry]]\nlocation = 'a.example'\nmirror = 1", "mirror is not a list"),
        (
            "[[registry]]\nlocation = 'a.example'\n[[registry.mirror]]",
            "registry 1, mirror 1: location is missing",
        ),
        (
            "[[registry]]\nlocation = 'a'\n[[registry.mirror]]\nlocation = 'm'\npull-from-mirror = 'some'",
            "registry 1, mirror 1: pull-from-mirror is 'some'",
        ),
        (
            (
                "[[registry]]\nlocation = 'a.example'\nmirror-by-digest-only = true\n[[registry.mirror]]\n"
                "location = 'm'\npull-from-mirror = 'all'"
            ),
            "together with mirror-by-digest-only",
        ),
        ("aliases = 1", "aliases is not a table"),
        ("[aliases]\na = 1", "aliases: a is not a string"),
        ("[aliases]\n'a:tag' = 'b.example/a'", "a:tag is not a short name"),
        ("[aliases]\n'c.example/a' = 'b.example/a'", "c.example/a is not a short name"),
        ("[aliases]\n'index.docker.io/a' = 'b.example/a'", "index.docker.io/a is not a short name"),
        ("[aliases]\n'docker.io/a' = 'b.example/a'", "docker.io/a is not a short name"),
        ("[aliases]\n'localhost/a' = 'b.example/a'", "localhost/a is not a short name"),
        ("[aliases]\na = 'b'", "not a full name"),
        ("[aliases]\na = 'team/b'", "not a full name"),
        ("[aliases]\na = 'b.example/a:tag'", "not a full name"),
        ("[aliases]\na = 'B!'", "aliases: a: invalid reference"),
        ("unqualified-search-registries = 'a'", "not a list of strings"),
        ("unqualified-search-registries = [1]", "not a list of strings"),
    ],
)
def test_an_error_names_file_and_key(text: str, why: str) -> None:
    with pytest.raises(InvalidConfiguration, match=why) as caught:
        parse(text)
    assert caught.value.message.startswith("r.conf")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def paths(home: Path, **environ: str) -> HostPaths:
    return host_paths_from(environ, home, home.parent / "etc")


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def registry(location: str, *, insecure: bool) -> str:
    return f'[[registry]]\nlocation = "{location}"\ninsecure = {str(insecure).lower()}\n'


def test_no_file_is_no_configuration(home: Path) -> None:
    assert load_configuration(paths(home)) == Configuration({}, {}, None)


def test_drop_ins_are_added_in_order(home: Path) -> None:
    etc, own = home.parent / "etc" / "containers", home / ".config" / "containers"
    put(
        etc / "registries.conf",
        'unqualified-search-registries = ["s"]\n'
        + registry("a.example", insecure=False)
        + '[aliases]\nx = "a.example/x"\ny = "a.example/y"\n',
    )
    put(
        etc / "registries.conf.d" / "10-b.conf",
        registry("b.example", insecure=False) + registry("c.example", insecure=True),
    )
    put(etc / "registries.conf.d" / "20-b.conf", registry("b.example", insecure=True))
    put(etc / "registries.conf.d" / "30-ignored.conf.bak", "not TOML")
    (etc / "registries.conf.d" / "40-folder.conf").mkdir()
    put(
        own / "registries.conf.d" / "00-own.conf",
        registry("c.example", insecure=False) + '[aliases]\nx = ""\ny = "b.example/y"\n',
    )
    found = load_configuration(paths(home))
    assert {key: table.insecure for key, table in found.registries.items()} == {
        "a.example": False,
        "b.example": True,
        "c.example": False,
    }
    assert found.aliases == {"y": "b.example/y"}
    assert found.search == ("s",)


def test_the_users_file_takes_the_place_of_the_systems(home: Path) -> None:
    etc, own = home.parent / "etc" / "containers", home / ".config" / "containers"
    put(etc / "registries.conf", registry("a.example", insecure=True))
    put(etc / "registries.conf.d" / "a.conf", registry("b.example", insecure=True))
    put(own / "registries.conf", registry("c.example", insecure=True))
    put(own / "registries.conf.d" / "a.conf", registry("d.example", insecure=True))
    assert list(load_configuration(paths(home)).registries) == ["c.example", "d.example"]
    other = put(
        home / "xdg" / "containers" / "registries.conf", registry("e.example", insecure=True)
    ).parent.parent
    assert list(load_configuration(paths(home, XDG_CONFIG_HOME=str(other))).registries) == ["e.example"]


def test_the_chosen_file_takes_the_place_of_both(home: Path) -> None:
    own = home / ".config" / "containers"
    put(own / "registries.conf", registry("c.example", insecure=True))
    put(own / "registries.conf.d" / "a.conf", registry("d.example", insecure=True))
    chosen = put(home / "chosen.conf", registry("e.example", insecure=True))
    found = load_configuration(paths(home, CONTAINERS_REGISTRIES_CONF=str(chosen)))
    assert list(found.registries) == ["e.example", "d.example"]
    with pytest.raises(ConfigurationMissing, match=r"absent\.conf"):
        load_configuration(paths(home, CONTAINERS_REGISTRIES_CONF=str(home / "absent.conf")))


def test_a_malformed_drop_in_is_named(home: Path) -> None:
    bad = put(home / ".config" / "containers" / "registries.conf.d" / "bad.conf", "x")
    with pytest.raises(InvalidConfiguration) as caught:
        load_configuration(paths(home))
    assert str(bad) in caught.value.message
    bad.write_bytes(b"\xff")
    with pytest.raises(InvalidConfiguration, match="UTF-8"):
        load_configuration(paths(home))
