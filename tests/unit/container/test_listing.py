from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_factory import build_image, keep
from shale.container.containers import Containers
from shale.container.folders import Folders
from shale.container.inspect import inspect_container
from shale.container.listing import LIST_FILTERS, ContainerFilters, changed_bytes, summarise
from shale.container.naming import ContainerNotFound
from shale.container.record import ContainerRecord
from shale.container.spec import ContainerSpec
from shale.container.states import State
from shale.image.filters import InvalidFilter, parse_filters
from shale.linux.boot import current_process
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.runtime.wishes import BindMount, Network, RunWishes, TmpfsMount, encode_wishes
from shale.store.store import Store, open_store
from store_images import keep_index, make_index

IMAGE = Digest.of(b"image")


def record(name: str, **values: object) -> ContainerRecord:
    labels = {"team": "blue", "n": name}
    made = {
        "id": (name.encode().hex() * 64)[:64], "name": name, "image": "app", "manifest": IMAGE, "created": 1.0,
        "spec": ContainerSpec({"Cmd": ["serve", "a b"], "Labels": labels}), **values,
    }  # fmt: skip
    return ContainerRecord(**made)  # type: ignore[arg-type]


RUNNING = record("run", state=State.RUNNING, created=3.0)
ENDED = record("end", state=State.EXITED, exit_code=3, created=2.0)
MADE = record("new", created=1.0, manifest=Digest.of(b"other"))
ALL = (RUNNING, ENDED, MADE)


def find(text: str) -> ContainerRecord:
    for one in ALL:
        if one.name == text:
            return one
    raise ContainerNotFound(text)


def chosen(*texts: str) -> list[str]:
    filters = ContainerFilters(
        parse_filters(texts, (*LIST_FILTERS, "until")), find=find,
        descendants=lambda text: {IMAGE} if text == "app" else set(), moment=float,
    )  # fmt: skip
    return [one.name for one in ALL if filters.accept(one)]


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        ((), ["run", "end", "new"]),
        (("status=running",), ["run"]),
        (("status=exited", "status=created"), ["end", "new"]),
        (("exited=3",), ["end"]),
        (("exited=0",), []),
        (("name=e",), ["end", "new"]),
        (("name=^/end$",), ["end"]),
        (("id=^72756e",), ["run"]),
        (("label=team",), ["run", "end", "new"]),
        (("label=team=red",), []),
        (("label=n=run", "label=team=blue"), ["run"]),
        (("label!=n=run",), ["end", "new"]),
        (("before=end",), ["new"]),
        (("since=end",), ["run"]),
        (("ancestor=app",), ["run", "end"]),
        (("ancestor=app", "ancestor=none"), ["run", "end"]),
        (("until=2.5",), ["end", "new"]),
        (("status=exited", "name=run"), []),
    ],
)
def test_filters(texts: tuple[str, ...], names: list[str]) -> None:
    assert chosen(*texts) == names


@pytest.mark.parametrize("text", ["status=asleep", "exited=x", "name=(", "colour=red", "status", "label="])
def test_filters_that_are_none(text: str) -> None:
    with pytest.raises(InvalidFilter, match="invalid filter"):
        chosen(text)
    with pytest.raises(ContainerNotFound):
        chosen("before=nobody")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "root") as opened:
        yield opened


def test_the_image_of_a_line_is_what_its_name_still_means(store: Store) -> None:
    first, second = (build_image(layers=({"a": text},)) for text in (b"1", b"22"))
    keep(store, first, "docker.io/library/app:latest")
    keep(store, second, "docker.io/library/other:latest")

    def shown(image: str) -> str:
        (summary,) = summarise(store, [record("one", image=image, manifest=first.digest)])
        assert (summary.platform, summary.image_size) == ("linux/amd64", 1)
        return summary.image

    own = Digest.of(first.config).short
    assert shown("app") == "app"
    assert shown(f"app@{first.digest}") == f"app@{first.digest}"
    assert shown(own) == own
    assert shown("nowhere") == own
    keep(store, second, "docker.io/library/app:latest")
    assert shown("app") == own
    index = keep_index(store, make_index(first.manifest))
    with store.database.write() as tx:
        store.names.move(tx, Reference.parse("docker.io/library/app:latest"), index, "test")
    assert shown("app") == "app"


def test_changed_bytes(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with folders.create("a" * 64) as held:
        containers = Containers(None, folders)  # type: ignore[arg-type]
        assert changed_bytes(containers, "a" * 64) == 0
        os.close(held.part("upper"))
        (held.path / "upper/file").write_bytes(b"x" * 10)
        os.link(held.path / "upper/file", held.path / "upper/again")
        (held.path / "upper/folder").mkdir()
        (held.path / "upper/folder/file").write_bytes(b"x" * 5)
        assert changed_bytes(containers, "a" * 64) == 15


def test_inspection_in_dockers_words(store: Store, tmp_path: Path) -> None:
    image = build_image(layers=({"a": b"123"},))
    keep(store, image, "docker.io/library/app:latest")
    wishes = RunWishes(
        network=Network.HOST, cap_add=("SYS_TIME",),
        mounts=(BindMount(source="/src", target="/dst", read_only=True), TmpfsMount(target="/tmp")),
    )  # fmt: skip
    spec = ContainerSpec({"Cmd": ["serve", "now"], "Env": ["A=b"]}, encode_wishes(wishes), remove=True)
    running = record(
        "one", spec=spec, manifest=image.digest, state=State.RUNNING, process=current_process(), started=1.5
    )
    (summary,) = summarise(store, [running])
    shown = inspect_container(summary, tmp_path, 7)
    assert (shown["Name"], shown["Path"], shown["Args"]) == ("/one", "serve", ["now"])
    assert shown["State"]["Pid"] == os.getpid()
    assert (shown["State"]["Running"], shown["State"]["StartedAt"]) == (True, "1970-01-01T00:00:01.500000Z")
    assert shown["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert shown["HostConfig"]["Binds"] == ["/src:/dst:ro"]
    assert (shown["HostConfig"]["NetworkMode"], shown["HostConfig"]["AutoRemove"]) == ("host", True)
    assert [one["Type"] for one in shown["Mounts"]] == ["bind", "tmpfs"]
    assert (shown["SizeRw"], shown["SizeRootFs"]) == (7, 10)
    assert "SizeRw" not in inspect_container(summary, tmp_path)
    assert shown["Image"] == str(Digest.of(image.config))
