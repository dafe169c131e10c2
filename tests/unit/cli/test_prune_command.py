"""image prune: the question, what is removed, and a rehearsal that tells exactly that."""

from __future__ import annotations

import re

from command_line import Shale
from image_factory import add_image, build_image
from shared_vectors import VECTORS

GOLDENS = VECTORS / "docker-cli-28" / "goldens" / "cli" / "command" / "image" / "testdata"
DANGLING = "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] "


def blobs(shale: Shale) -> set[str]:
    return {path.name for path in (shale.root / "blobs" / "sha256").iterdir()}


def fill(shale: Shale) -> None:
    add_image(shale.root, build_image(layers=({"a": b"a" * 5000},)), "docker.io/library/kept:1")
    add_image(shale.root, build_image(layers=({"a": b"a" * 5000}, {"b": b"b" * 9000})))


def test_a_no_removes_nothing(shale: Shale) -> None:
    fill(shale)
    before = blobs(shale)
    for answer in ("n\n", "\n", "", "yes please\n"):
        result = shale("image", "prune", stdin=answer)
        assert (result.code, result.out) == (0, DANGLING)
        assert "cancelled" in result.err
    assert blobs(shale) == before


def test_a_yes_removes_the_dangling_ones(shale: Shale) -> None:
    fill(shale)
    out = shale.ok("image", "prune", stdin="Y\n")
    assert out.startswith(DANGLING + "Deleted Images:\ndeleted: sha256:")
    assert re.search(r"\n\nTotal reclaimed space: 2[01]\.\d+kB\n$", out)
    assert shale.ok("images", "--format", "{{.Repository}}") == "kept\n"


def test_an_image_whose_tag_moved_on_dangles_though_its_digest_has_a_name(shale: Shale) -> None:
    """What a pull of a tag leaves behind when the tag means another image by now."""
    old, new = build_image(layers=({"a": b"old"},)), build_image(layers=({"a": b"new"},))
    for image in (old, new):
        add_image(shale.root, image, "localhost/app:1", f"localhost/app@{image.digest}")
    pinned = build_image(layers=({"a": b"pinned"},))
    add_image(shale.root, pinned, f"localhost/pinned@{pinned.digest}")
    shown = ("images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}")
    untagged = {f"localhost/app <none> {old.digest}", f"localhost/pinned <none> {pinned.digest}"}
    assert set(shale.ok(*shown, "--filter", "dangling=true").splitlines()) == untagged
    assert shale.ok(*shown, "--filter", "dangling=false") == f"localhost/app 1 {new.digest}\n"
    rehearsed = shale.ok("image", "prune", "--dry-run")
    removed = shale.ok("image", "prune", "--force")
    for image, name in ((old, "app"), (pinned, "pinned")):
        line = f"untagged: localhost/{name}@{image.digest}\n"
        assert line in rehearsed
        assert line in removed
    assert str(new.digest) not in rehearsed + removed
    assert shale.ok(*shown) == f"localhost/app 1 {new.digest}\n"
    assert shale.ok("store", "check").endswith(": 0 damaged, 0 left over.\n")


def test_the_question_of_all_and_an_empty_store_are_as_in_docker(shale: Shale) -> None:
    golden = (GOLDENS / "prune-command-success.all.golden").read_text()
    assert shale.ok("image", "prune", "-a", stdin="y\n") == golden


def test_force_asks_nothing(shale: Shale) -> None:
    golden = (GOLDENS / "prune-command-success.label-filter.golden").read_text()
    assert shale.ok("image", "prune", "-f", "--filter", "label=foobar") == golden


def test_a_dry_run_tells_exactly_what_goes(shale: Shale) -> None:
    fill(shale)
    before = blobs(shale)
    out = shale.ok("image", "prune", "-a", "--dry-run")
    assert blobs(shale) == before
    told = set(re.findall(r"^blob: sha256:([0-9a-f]{64}) (\d+) bytes$", out, re.MULTILINE))
    said = re.search(r"Total space to reclaim: .* \((\d+) bytes\)\n$", out)
    assert said is not None
    assert sum(int(size) for _, size in told) == int(said[1])
    removed = shale.ok("image", "prune", "-a", "-f")
    assert before - blobs(shale) == {name for name, _ in told}
    lines = [line for line in out.splitlines() if line.startswith(("untagged: ", "deleted: "))]
    assert [line for line in removed.splitlines() if line.startswith(("untagged: ", "deleted: "))] == lines


def test_filters_choose(shale: Shale) -> None:
    add_image(shale.root, build_image(config={"Labels": {"keep": "yes"}}))
    add_image(shale.root, build_image(config={"Labels": {"keep": "no"}}))
    shale.ok("image", "prune", "-f", "--filter", "label!=keep=yes")
    assert shale.ok("images", "--format", "{{.ID}}").count("\n") == 1


def test_an_unknown_filter_names_those_there_are(shale: Shale) -> None:
    assert "there are dangling, label, label!, until" in shale.fails("image", "prune", "-f", "--filter", "x=y")
