"""tag, untag, rm, reflog and restore: what happens to names, and what is printed of it."""

from __future__ import annotations

import hashlib

import pytest

from command_line import Shale
from image_factory import add_image, build_image


def repositories(shale: Shale) -> list[str]:
    return shale.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split()


def test_tag_is_silent_and_points_at_the_same_image(shale: Shale) -> None:
    add_image(shale.root, build_image(), "docker.io/library/nginx:latest")
    assert shale.ok("image", "tag", "nginx", "edhe08232001/nginx") == ""
    ids = {line.split()[2] for line in shale.ok("image", "ls").splitlines()[1:]}
    assert sorted(repositories(shale)) == ["edhe08232001/nginx:latest", "nginx:latest"]
    assert len(ids) == 1


def test_tag_of_what_is_not_here_says_so(shale: Shale) -> None:
    assert shale.fails("tag", "nope", "other") == "shale: no such image: nope\n"


def test_untag_keeps_the_image(shale: Shale) -> None:
    image = build_image()
    add_image(shale.root, image, "docker.io/library/nginx:latest")
    assert shale.ok("untag", "nginx") == "Untagged: nginx:latest\n"
    assert shale.ok("images", "--format", "{{.Repository}}") == "<none>\n"


def test_rm_goes_on_after_an_error(shale: Shale) -> None:
    image = build_image()
    add_image(shale.root, image, "docker.io/library/a:latest", "docker.io/library/b:1")
    result = shale("rmi", "a", "nope", "b:1", "gone")
    assert result.code == 1
    config = f"sha256:{image_id(image.config)}"
    assert result.out.splitlines()[:3] == ["Untagged: a:latest", "Untagged: b:1", f"Deleted: {config}"]
    assert result.err == "shale: no such image: nope\nshale: no such image: gone\n"
    assert repositories(shale) == []


def image_id(config: bytes) -> str:
    return hashlib.sha256(config).hexdigest()


def test_rm_force_of_what_is_not_here_succeeds_and_says_so(shale: Shale) -> None:
    result = shale("rmi", "-f", "nope")
    assert (result.code, result.out, result.err) == (0, "", "shale: no such image: nope\n")


def test_rm_by_id_needs_force_when_several_repositories_name_it(shale: Shale) -> None:
    image = build_image()
    add_image(shale.root, image, "docker.io/library/a:1", "docker.io/library/b:1")
    short = image_id(image.config)[:12]
    assert "must be forced" in shale.fails("rmi", short)
    assert sorted(repositories(shale)) == ["a:1", "b:1"]
    assert "Untagged: a:1\nUntagged: b:1\nDeleted: " in shale.ok("rmi", "-f", short)


def test_rm_no_prune_leaves_the_content_for_a_later_prune(shale: Shale) -> None:
    add_image(shale.root, build_image(), "docker.io/library/a:1")
    assert shale.ok("rmi", "--no-prune", "a:1") == "Untagged: a:1\n"
    assert len(list((shale.root / "blobs" / "sha256").iterdir())) == 3


def test_a_name_can_be_brought_back_from_its_log(shale: Shale) -> None:
    first, second = build_image(), build_image(created="2025-01-01T00:00:00Z")
    add_image(shale.root, first, "docker.io/library/app:v1")
    add_image(shale.root, second, "docker.io/library/app:v1")
    rows = shale.json_lines("image", "reflog", "--no-trunc", "--format", "json", "app:v1")
    assert [(row["Selector"], row["Digest"]) for row in rows] == [
        ("app:v1@{0}", str(second.digest)), ("app:v1@{1}", str(first.digest)),
    ]  # fmt: skip
    assert shale.ok("restore", "app:v1@{1}") == f"app:v1: points at {first.digest} again\n"
    assert shale.json_lines("reflog", "--format", "json", "app:v1")[0]["Command"] == "restore app:v1@{1}"


def test_reflog_numbers_every_name_for_itself_and_shows_removals(shale: Shale) -> None:
    add_image(shale.root, build_image(), "docker.io/library/a:1", "docker.io/library/b:1")
    shale.ok("untag", "a:1")
    rows = shale.json_lines("reflog", "--format", "json")
    assert (rows[0]["Selector"], rows[0]["Digest"]) == ("a:1@{0}", "<removed>")
    assert {row["Selector"] for row in rows} == {"a:1@{0}", "a:1@{1}", "b:1@{0}"}


def test_reflog_table(shale: Shale) -> None:
    image = build_image()
    add_image(shale.root, image, "docker.io/library/a:1")
    head, row = shale.ok("reflog").splitlines()
    assert head.split() == ["NAME@{STEP}", "DIGEST", "SINCE", "COMMAND"]
    assert row.split()[:2] == ["a:1@{0}", image.digest.short]
    assert row.endswith("   pull")


@pytest.mark.parametrize("selector", ["app", "app@{}", "app@{x}", "@{1}", "app@{1}x"])
def test_restore_wants_a_step(shale: Shale, selector: str) -> None:
    assert "expected NAME[:TAG]@{STEP}" in shale.fails("restore", selector)


def test_restore_beyond_the_log_says_where_to_look(shale: Shale) -> None:
    add_image(shale.root, build_image(), "docker.io/library/a:1")
    assert "a:1@{7} is not in the log; see shale reflog a:1" in shale.fails("restore", "a:1@{7}")
