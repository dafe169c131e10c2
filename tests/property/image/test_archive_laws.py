"""Laws of archives: loading what was saved is identity; whatever bytes come, nothing worse than an error."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_files import docker_entries, oci_entries, real_image, tar_of
from shale.engine.engine import Engine
from shale.engine.saveformat import SaveFormat
from shale.errors import ShaleError
from shale.image.archive.members import components
from shale.image.archive.opening import open_archive
from shale.image.archive.reading import read_archive
from shale.oci.reference import Reference
from store_images import keep_image

FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
GOOD = tar_of(
    [*oci_entries(real_image("one", size=600)), *docker_entries(real_image("two", size=600), ["two:v1"])]
)


@FEW
@given(
    shapes=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3000)), min_size=1, max_size=3),
    form=st.sampled_from(list(SaveFormat)),
)
def test_loading_what_was_saved_gives_the_same_digests_and_names(
    shapes: list[tuple[int, int]], form: SaveFormat
) -> None:
    with tempfile.TemporaryDirectory() as folder, Engine.open(Path(folder) / "a", environ={}) as first:
        names = [f"localhost/image{at}:v{at}" for at in range(len(shapes))]
        for name, (layers, size) in zip(names, shapes, strict=True):
            keep_image(first.store, real_image(name[10:16], layers=layers, size=size), name)
        first.images.save(*names, to=Path(folder) / "saved", format=form)
        with Engine.open(Path(folder) / "b", environ={}) as second:
            second.images.load(Path(folder) / "saved")
            for name in names:
                reference = Reference.parse(name)
                assert second.store.names.get(reference).target == first.store.names.get(reference).target
                assert second.images.inspect(name)["RootFS"] == first.images.inspect(name)["RootFS"]


@settings(max_examples=150, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8)), max_size=4),
    length=st.integers(0, len(GOOD)),
)
def test_damaged_archives_raise_nothing_but_our_errors(changes: list[tuple[int, bytes]], length: int) -> None:
    content = bytearray(GOOD)
    for at, new in changes:
        content[at : at + len(new)] = new
    with tempfile.TemporaryDirectory() as folder:
        try:
            with open_archive(io.BytesIO(bytes(content[:length])), Path(folder)) as members:
                archive = read_archive(members)
                for image in archive.images:
                    archive.content.document(image.target)
        except ShaleError:
            pass


@given(st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "", "a", "\0", "b c"])).map("/".join))
def test_names_never_lead_anywhere_else(name: str) -> None:
    try:
        parts = components(name)
    except ShaleError:
        return
    assert parts
    assert not {"", ".", ".."} & set(parts)
    assert not any("/" in part or "\0" in part for part in parts)
