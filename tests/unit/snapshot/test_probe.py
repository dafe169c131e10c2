from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shale.linux.mount import MountDenied
from shale.oci.digest import DiffID
from shale.snapshot.erofs.form import ErofsForm
from shale.snapshot.form import Built, LayerBuilder
from shale.snapshot.probe import Candidate, Verdict, probe
from shale.snapshot.tree import TreeForm


@dataclass
class Broken:
    """A form that says why it does not work, and counts who asked."""

    name: str = "erofs"
    asked: list[str] = field(default_factory=list)

    def builder(self, folder: int, name: str) -> LayerBuilder:
        self.asked.append(name)
        raise MountDenied("mounting a layer: only root may")

    def open(self, folder: int, name: str) -> int:
        raise AssertionError

    def verify(self, folder: int, name: str, diff_id: DiffID) -> None:
        raise AssertionError

    def sync(self, folder: int, name: str) -> None:
        raise AssertionError

    def remove(self, folder: int, name: str) -> None:
        raise AssertionError


class Forgetful(TreeForm):
    """A form that does not know whiteouts: every layer is the same folder with everything in it."""

    def builder(self, folder: int, name: str) -> LayerBuilder:
        os.makedirs(f"/proc/self/fd/{folder}/{name}/root/kept", exist_ok=True)
        for file in ("gone", "kept/old", "kept/new"):
            Path(f"/proc/self/fd/{folder}/{name}/root/{file}").touch()
        return Nothing()


class Nothing:
    def feed(self, piece: bytes | memoryview, /) -> None:
        """Nothing is kept."""

    def finish(self) -> Built:
        return Built(0, 0, 0, loose=False)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


@pytest.mark.parametrize("candidate", [Candidate(ErofsForm()), Candidate(TreeForm())], ids=lambda one: one.name)
def test_forms_that_work(root: int, tmp_path: Path, candidate: Candidate) -> None:
    assert probe(root, [candidate]) == Verdict(candidate, f"{candidate.name} works here")
    assert os.listdir(tmp_path) == ["forms.json"]


def test_the_first_that_works_and_why_not_those_before(root: int) -> None:
    verdict = probe(root, [Candidate(Broken()), Candidate(TreeForm())])
    assert verdict.name == "tree"
    assert verdict.reason == "tree works here; erofs does not work here: mounting a layer: only root may"


def test_a_form_that_does_not_hide_what_it_should(root: int, tmp_path: Path) -> None:
    verdict = probe(root, [Candidate(Forgetful())])
    assert verdict.chosen is None
    assert verdict.reason.endswith("tree does not work here: files that were removed are still there")
    assert os.listdir(tmp_path) == ["forms.json"]


def test_where_nothing_works_files_are_copied(root: int) -> None:
    verdict = probe(root, [Candidate(Broken())])
    assert (verdict.chosen, verdict.name) == (None, "copying")
    assert verdict.reason.startswith("nothing can be mounted here, so files are copied; erofs does not")


class TestRemembering:
    def test_nothing_is_tried_twice(self, root: int) -> None:
        broken = Broken()
        first = probe(root, [Candidate(broken), Candidate(TreeForm())])
        again = [Candidate(broken), Candidate(TreeForm())]
        second = probe(root, again)
        assert (second.chosen, second.reason) == (again[1], first.reason)
        assert broken.asked == ["layer0"]

    def test_that_nothing_works_is_remembered_too(self, root: int) -> None:
        broken = Broken()
        assert probe(root, [Candidate(broken)]) == probe(root, [Candidate(broken)])
        assert broken.asked == ["layer0"]

    @pytest.mark.parametrize("place", range(5))
    def test_another_version_boot_kernel_user_or_device(self, root: int, tmp_path: Path, place: int) -> None:
        broken = Broken()
        probe(root, [Candidate(broken)])
        written = json.loads((tmp_path / "forms.json").read_text())
        written["for"][place] = "another"
        (tmp_path / "forms.json").write_text(json.dumps(written))
        probe(root, [Candidate(broken)])
        assert broken.asked == ["layer0", "layer0"]

    @pytest.mark.parametrize(
        "content", ["", "{", "[]", "null", '{"for": 1}', "[" * 10_000, "\0" * 100, '"\\ud800"']
    )
    def test_a_damaged_file_counts_for_nothing(self, root: int, tmp_path: Path, content: str) -> None:
        (tmp_path / "forms.json").write_text(content)
        assert probe(root, [Candidate(TreeForm())]).name == "tree"

    def test_a_form_that_there_is_no_more(self, root: int) -> None:
        probe(root, [Candidate(TreeForm())])
        assert probe(root, [Candidate(ErofsForm())]).name == "erofs"

    def test_a_link_in_its_place_is_not_followed(self, root: int, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").write_text("kept")
        (tmp_path / "forms.json").symlink_to("elsewhere")
        assert probe(root, [Candidate(TreeForm())]).name == "tree"
        assert (tmp_path / "elsewhere").read_text() == "kept"
        assert not (tmp_path / "forms.json").is_symlink()
