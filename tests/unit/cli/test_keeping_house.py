"""store check, system df, info and version."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Shale
from image_factory import add_image, build_image
from shale.oci.digest import Digest
from shale.registry.server.service import RegistryServer
from shale.store.store import open_store

IMAGE = build_image(layers=({"a": b"a" * 5000}, {"b": b"b" * 5000}))


@pytest.fixture
def pulled(shale: Shale, tmp_path: Path) -> Iterator[Shale]:
    """A store whose image came from a registry that is still there."""
    with RegistryServer(tmp_path / "registry") as server:
        add_image(shale.root, IMAGE, f"{server.address}/app:v1")
        shale.ok("push", "-q", f"{server.address}/app:v1")
        yield shale


def blob(shale: Shale, content: bytes) -> Path:
    return shale.root / "blobs" / "sha256" / Digest.of(content).encoded


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_sound_store_is_said_to_be_sound(shale: Shale) -> None:
    add_image(shale.root, IMAGE, "docker.io/library/app:v1")
    out = shale.ok("store", "check")
    assert out.startswith("Checked 4 blobs, ")
    assert out.endswith(" read, and 0 mountable layers: 0 damaged, 0 left over.\n")
    assert shale.ok("store", "check", "--quiet") == ""


def test_damage_is_reported_and_fetched_again(pulled: Shale) -> None:
    for content in (IMAGE.layers[0], IMAGE.config):
        spoil(blob(pulled, content))
    blob(pulled, IMAGE.manifest).unlink()
    found = pulled("store", "check")
    assert found.code == 1
    assert found.out.count("damage: ") >= 3
    assert "Run shale store check --repair to heal it." in found.out
    healed = pulled("store", "check", "--repair")
    assert (healed.code, healed.out.count("fetched again")) == (0, 3)
    assert healed.out.endswith("Damage left: 0.\n")
    assert blob(pulled, IMAGE.layers[0]).read_bytes() == IMAGE.layers[0]
    assert "0 damaged, 0 left over" in pulled.ok("store", "check")


def test_quick_does_not_read_the_bytes(shale: Shale) -> None:
    add_image(shale.root, IMAGE, "docker.io/library/app:v1")
    spoil(blob(shale, IMAGE.layers[0]))
    assert "0 damaged" in shale.ok("store", "check", "--quick")
    assert shale("store", "check").code == 1


def test_what_nobody_has_stays_damaged(shale: Shale) -> None:
    add_image(shale.root, IMAGE, "localhost:1/app:v1")
    spoil(blob(shale, IMAGE.layers[0]))
    result = shale("store", "check", "--repair")
    assert result.code == 1
    assert "could not be healed" in result.out
    assert result.out.endswith("Damage left: 1.\n")


def test_a_lost_database_is_made_anew(shale: Shale) -> None:
    add_image(shale.root, IMAGE, "docker.io/library/app:v1")
    for path in shale.root.glob("shale.db*"):
        path.unlink()
    assert "store check --repair" in shale.fails("images")
    assert "the database is damaged" in shale("store", "check").out
    assert shale("store", "check", "--repair").code == 0
    assert shale.ok("images", "--format", "{{.ID}} {{.Size}}").endswith(" 10kB\n")


def rows(shale: Shale) -> dict[str, dict[str, str]]:
    return {row["Type"]: dict(row) for row in shale.json_lines("system", "df", "--format", "json")}


def test_df_counts_shared_blobs_once_and_rehearses_a_prune(shale: Shale) -> None:
    add_image(shale.root, IMAGE, "docker.io/library/app:v1")
    add_image(shale.root, build_image(layers=({"a": b"a" * 5000},)))
    size = sum(path.stat().st_size for path in (shale.root / "blobs" / "sha256").iterdir())
    images = rows(shale)["Images"]
    assert (images["TotalCount"], images["Active"]) == ("2", "0")
    assert images["Reclaimable"] == f"{images['Size']} (100%)"
    assert f"({size} bytes)" in shale.ok("image", "prune", "-a", "--dry-run")


def test_df_keeps_what_a_lease_keeps(shale: Shale) -> None:
    add_image(shale.root, IMAGE, "docker.io/library/app:v1")
    with open_store(shale.root) as store, store.leases.hold("test") as lease:
        lease.protect([IMAGE.digest])
        assert rows(shale)["Images"]["Reclaimable"] == "0B (0%)"


def test_df_shows_interrupted_transfers(shale: Shale) -> None:
    with open_store(shale.root) as store:
        with store.ingests.open("sha256-one") as ingest:
            ingest.write(b"x" * 1234)
        with store.ingests.open("sha256-two") as ingest:
            ingest.write(b"y" * 1000)
            found = rows(shale)["Transfers"]
    assert found["TotalCount"] == "2"
    assert (found["Active"], found["Size"], found["Reclaimable"]) == ("1", "2.234kB", "1.234kB (55%)")


def test_df_tables(shale: Shale) -> None:
    assert shale.ok("system", "df") == (
        "TYPE         TOTAL     ACTIVE    SIZE      RECLAIMABLE\n"
        "Images       0         0         0B        0B\n"
        "Containers   0         0         0B        0B\n"
        "Layers       0         0         0B        0B\n"
        "Transfers    0         0         0B        0B\n"
    )
    assert shale.ok("system", "df", "--format", "raw").startswith(
        "type: Images\ntotal: 0\nactive: 0\nsize: 0B\nreclaimable: 0B\n\ntype: Containers\n"
    )
    assert shale.ok("system", "df", "-v").startswith(
        "Images space usage:\n\n"
        "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE      SHARED SIZE   UNIQUE SIZE   CONTAINERS\n\n"
    )


def test_df_verbose_tells_shared_from_unique(shale: Shale) -> None:
    add_image(shale.root, IMAGE, "docker.io/library/app:v1")
    other = build_image(layers=({"a": b"a" * 5000}, {"c": b"c"}))
    add_image(shale.root, other, "docker.io/library/other:v1")
    document = json.loads(shale.ok("system", "df", "-v", "--format", "json"))
    shared = len(IMAGE.layers[0])
    assert {row["SharedSize"] for row in document["Images"]} == {f"{shared / 1000:.3g}kB"}


def test_info_tells_where_things_are_and_no_secret(shale: Shale) -> None:
    (shale.home / "registries.conf").write_text(
        '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n'
        '[[registry.mirror]]\nlocation = "mirror.example.com"\n'
        '[[registry]]\nprefix = "bad.example.com"\nlocation = "bad.example.com"\nblocked = true\n'
    )
    (shale.home / ".docker").mkdir()
    (shale.home / ".docker" / "config.json").write_text(
        '{"auths": {"x.example.com": {"auth": "c2VjcmV0OnNlY3JldA=="}}}'
    )
    add_image(shale.root, IMAGE, "docker.io/library/app:v1")
    text = shale.ok("info")
    for line in (f" Root: {shale.root}", " Images: 1", " Names: 1", "   Mirror: mirror.example.com",
                 "  bad.example.com (blocked)", f"  {shale.home}/registries.conf"):  # fmt: skip
        assert line in text.splitlines(), text
    assert "c2VjcmV0" not in text + shale.ok("info", "--format", "json")
    assert shale.ok("system", "info", "-f", "{{.Images}} {{(index .Registries 1).Mirrors}}") == (
        "1 [mirror.example.com]\n"
    )


def test_version(shale: Shale) -> None:
    text = shale.ok("version")
    assert text.startswith("Client: shale\n Version:           ")
    assert f" OS/Arch:           linux/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}[os.uname().machine] }" in text
    client = json.loads(shale.ok("version", "-f", "json"))["Client"]
    assert shale.ok("version", "-f", "{{.Client.Version}}") == client["Version"] + "\n"
    assert shale.ok("--version") == f"shale version {client['Version']}\n"
    assert client["Libraries"]["click"]
