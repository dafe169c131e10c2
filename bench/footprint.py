"""How much disk the stores of the engines use for ten related images, as `du` counts: not a matter of time."""

from __future__ import annotations

from collections.abc import Mapping

from bench.containers import DOCKER, ENGINES, Engine
from bench.corpus import related_images
from bench.stage import Stage
from peers.process import run, tool
from peers.registry import serve_registry
from peers.skopeo import Skopeo

__all__ = ["ABOUT", "KEY", "footprint_table", "footprints"]

KEY = "disk/related"
ABOUT = "bytes on disk for ten images that share busybox and 5,000 files, and have 500 files of their own each"


def footprints(stage: Stage) -> Mapping[str, int]:
    """Bytes that each engine's store has grown by, by its name."""
    with stage.own_ground() as ground, serve_registry(ground) as registry:
        names = [f"{registry.host}/bench/related:{number}" for number, _ in enumerate(related_images(stage))]
        for name, image in zip(names, related_images(stage), strict=True):
            Skopeo(ground).copy(image.name, f"docker://{name}")
        found = {}
        for engine_name, open_engine in ENGINES.items():
            with open_engine(stage) as engine:
                engine.prepare("images")  # which makes the store
                empty = _used(engine)
                for name in names:
                    engine.prepare("pull", "--quiet", name)
                found[engine_name] = _used(engine) - empty
    return found


def _used(engine: Engine) -> int:
    sync, du = tool("sync", "coreutils"), tool("du", "coreutils")
    run([sync, "--file-system", str(engine.folder)], env=engine.env)
    said = run([du, "-s", "-x", "--block-size=1", str(engine.folder)], env=engine.env).stdout
    return int(said.split()[0])


def footprint_table(found: Mapping[str, int]) -> str:
    """A Markdown table."""
    lines = ["| ten related images | MB on disk | ratio |", "|---|--:|--:|"]
    lines += [
        f"| {name} | {size / 1e6:.1f} | {size / max(found[DOCKER], 1):.2f} |" for name, size in found.items()
    ]
    return "\n".join(lines)
