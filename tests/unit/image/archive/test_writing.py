"""Archives that shale writes: the same bytes each time, whole or not at all, and read by others."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive_files import REF_NAME, descriptor, oci_entries, platform_index, real_image, write_folder
from shale.engine.engine import Engine
from shale.engine.saveformat import SaveFormat
from shale.errors import Corrupt, Invalid, NotFound, ShaleError
from shale.image.archive.layoutfolder import LayoutFolder
from shale.image.archive.outfile import whole_file
from shale.image.archive.tarstream import TarStream
from shale.image.ports import BlobSink, Document
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from store_images import keep_image, keep_index


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path)}) as engine:
        yield engine


def saved(engine: Engine, *names: str, form: SaveFormat = SaveFormat.DOCKER_ARCHIVE) -> bytes:
    buffer = io.BytesIO()
    engine.images.save(*names, to=buffer, format=form)
    return buffer.getvalue()


def test_saving_twice_gives_the_same_bytes_to_a_pipe_and_to_a_file(engine: Engine, tmp_path: Path) -> None:
    keep_image(engine.store, real_image("a"), "a:v1")
    engine.images.save("a:v1", to=tmp_path / "a.tar")
    assert (tmp_path / "a.tar").read_bytes() == saved(engine, "a:v1")
    with Engine.open(tmp_path / "second", environ={}) as second:
        second.images.load(tmp_path / "a.tar")
        assert saved(second, "a:v1") == saved(engine, "a:v1")
    assert [path.name for path in tmp_path.glob(".shale-*")] == []


def test_pythons_tarfile_reads_what_was_saved(engine: Engine) -> None:
    image = real_image("a")
    keep_image(engine.store, image, "a:v1")
    with tarfile.open(fileobj=io.BytesIO(saved(engine, "a:v1"))) as tar:
        assert [entry.name for entry in tar][-3:] == ["index.json", "manifest.json", "oci-layout"]
        for blob in image.blobs:
            found = tar.extractfile(f"blobs/sha256/{Digest.of(blob).encoded}")
            assert found is not None
            assert found.read() == blob


def test_a_repository_means_all_its_tags_and_an_id_means_no_name(engine: Engine) -> None:
    image = real_image("a")
    keep_image(engine.store, image, "a:v1")
    keep_image(engine.store, image, "a:v2")
    keep_image(engine.store, real_image("b"), "a:v3")

    def tags(*names: str) -> list[list[str] | None]:
        with tarfile.open(fileobj=io.BytesIO(saved(engine, *names))) as tar:
            manifest = tar.extractfile("manifest.json")
            assert manifest is not None
            return [entry.get("RepoTags") for entry in json.load(manifest)]

    assert tags("a") == [["a:v1", "a:v2"], ["a:v3"]]
    assert tags("a:v2", "a:v3") == [["a:v2"], ["a:v3"]]
    assert tags(str(Digest.of(image.config))) == [None]
    assert tags(Digest.of(image.config).short, "a:v1") == [["a:v1"]]
    with pytest.raises(NotFound, match="no such image: nothing"):
        saved(engine, "a:v1", "nothing")


def test_an_index_keeps_its_digest_and_a_platform_is_saved_alone(engine: Engine, tmp_path: Path) -> None:
    one, other = real_image("one"), real_image("other")
    index = platform_index((one, "amd64"), (other, "arm64"))
    for image in (one, other):
        keep_image(engine.store, image)
    target = keep_index(engine.store, index)
    engine.images.tag(str(target), "both:v1")
    for form in (SaveFormat.DOCKER_ARCHIVE, SaveFormat.OCI_ARCHIVE):
        with Engine.open(tmp_path / form.value, environ={}) as second:
            (loaded,) = second.images.load(io.BytesIO(saved(engine, "both:v1", form=form)))
            assert loaded.target == target
    buffer = io.BytesIO()
    engine.images.save("both:v1", to=buffer, platform="linux/arm64")
    buffer.seek(0)
    with Engine.open(tmp_path / "arm", environ={}) as second:
        (loaded,) = second.images.load(buffer)
        assert loaded.target == other.digest


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.tar"
    path.write_bytes(b"before")
    with pytest.raises(TypeError), whole_file(path) as stream:
        stream.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"before"
    with whole_file(path) as stream:
        stream.write(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(NotFound), whole_file(tmp_path / "no" / "where"):
        pass
    with pytest.raises(Invalid, match="folder"), whole_file(tmp_path):
        pass


def test_a_pipe_is_written_to_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with whole_file(pipe) as stream:
        stream.write(b"through")
    reader.join(30)
    assert read == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 8**11 - 1, 8**11, 2**40])
def test_headers_are_those_that_tarfile_understands(size: int) -> None:
    buffer = io.BytesIO()
    TarStream(buffer).begin("some/name", size)
    header = tarfile.TarInfo.frombuf(buffer.getvalue()[:512], "utf-8", "strict")
    assert (header.name, header.size, header.mode, header.mtime) == ("some/name", size, 0o644, 0)


def test_long_names_are_kept() -> None:
    buffer = io.BytesIO()
    tar = TarStream(buffer)
    name = "blobs/sha512/" + "0" * 128
    tar.file(name, b"content")
    tar.close()
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as read:
        assert read.getnames() == [name]


class OneBlob:
    """A source of one blob, which may break off or lie."""

    def __init__(self, content: bytes, cut: int | None = None) -> None:
        self.content = content
        self.cut = cut
        self.asked: list[int] = []

    def document(self, reference: Digest | str) -> Document:
        raise AssertionError(reference)

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        self.asked.append(sink.offset)
        sink.write(memoryview(self.content)[sink.offset : self.cut])
        if self.cut is not None:
            raise ConnectionResetError


def blob_of(content: bytes) -> Descriptor:
    return Descriptor(media_type="x/y", digest=Digest.of(content), size=len(content))


def test_a_layout_continues_where_a_transfer_ended(tmp_path: Path) -> None:
    content = os.urandom(100_000)
    with LayoutFolder(tmp_path / "l") as layout, pytest.raises(ConnectionResetError):
        layout.take(OneBlob(content, cut=60_000), blob_of(content), lambda _: None)
    assert not (tmp_path / "l" / "index.json").exists()
    source = OneBlob(content)
    with LayoutFolder(tmp_path / "l") as layout:
        layout.take(source, blob_of(content), lambda _: None)
        layout.finish()
    assert source.asked == [60_000]
    assert (tmp_path / "l/blobs/sha256" / Digest.of(content).encoded).read_bytes() == content
    assert sorted(os.listdir(tmp_path / "l")) == ["blobs", "index.json", "oci-layout"]


def test_a_damaged_blob_in_a_layout_is_replaced_and_a_lie_is_refused(tmp_path: Path) -> None:
    content = b"good content"
    place = tmp_path / "l/blobs/sha256" / Digest.of(content).encoded
    write_folder(tmp_path / "l", [(str(place.relative_to(tmp_path / "l")), b"evil content")])
    with LayoutFolder(tmp_path / "l") as layout:
        with pytest.raises(Corrupt):
            layout.take(OneBlob(b"else content"), blob_of(content), lambda _: None)
        assert not layout.take(OneBlob(content), blob_of(content), lambda _: None).existed
        assert layout.take(OneBlob(b""), blob_of(content), lambda _: None).existed
    assert place.read_bytes() == content


def test_a_layout_keeps_what_others_wrote_and_a_name_moves(engine: Engine, tmp_path: Path) -> None:
    layout = write_folder(tmp_path / "l", oci_entries(real_image("old"), {REF_NAME: "docker.io/library/a:v1"}))
    document = json.loads((layout / "index.json").read_bytes())
    other = descriptor(b"x", "application/x-unknown", {REF_NAME: "kept", "more": "text"})
    document["manifests"].append({**other, "unknown": {"deep": [1]}})
    document["annotations"] = {"who": "somebody"}
    (layout / "index.json").write_text(json.dumps(document))
    image = real_image("new")
    keep_image(engine.store, image, "a:v1")
    for _ in range(2):
        engine.images.save("a:v1", to=layout, format=SaveFormat.OCI_DIR)
    after = json.loads((layout / "index.json").read_bytes())
    assert after["annotations"] == {"who": "somebody"}
    assert after["manifests"][0] == document["manifests"][1]
    assert [one["digest"] for one in after["manifests"][1:]] == [str(image.digest)]


def test_a_folder_of_other_things_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    keep_image(engine.store, real_image("a"), "a:v1")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    (tmp_path / "file").write_text("x")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "blobs").symlink_to(tmp_path / "home")
    for name in ("home", "file", "linked"):
        with pytest.raises(ShaleError):
            engine.images.save("a:v1", to=tmp_path / name, format=SaveFormat.OCI_DIR)
    assert os.listdir(tmp_path / "home") == ["letter"]


def test_two_writers_of_one_layout_lose_nothing(engine: Engine, tmp_path: Path) -> None:
    names = [f"a{at}:v1" for at in range(8)]
    for name in names:
        keep_image(engine.store, real_image(name.partition(":")[0], size=100), name)
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            engine.images.save(name, to=tmp_path / "l", format=SaveFormat.OCI_DIR)
        except BaseException as failure:  # noqa: BLE001 - shown by the test
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    entries = json.loads((tmp_path / "l/index.json").read_bytes())["manifests"]
    assert sorted(one["annotations"][REF_NAME] for one in entries) == [
        str(Reference.parse(one)) for one in names
    ]
