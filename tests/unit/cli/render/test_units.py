from __future__ import annotations

from shale.cli.render.units import human_size


def test_sizes_of_images_as_docker_shows_them() -> None:
    sizes = [0, 999, 1000, 4_261_502, 187_694_648, 1_098_000_000]
    assert [human_size(size) for size in sizes] == ["0B", "999B", "1kB", "4.262MB", "187.7MB", "1.098GB"]
    assert human_size(187_694_648, 3) == "188MB"


def test_sizes_stop_at_the_last_unit() -> None:
    assert human_size(10**30) == "1e+06YB"
