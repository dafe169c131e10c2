"""Where the test vectors of public projects lie: `shared/vectors` beside a folder above this one."""

from __future__ import annotations

from pathlib import Path


def _find() -> Path:
    for folder in Path(__file__).resolve().parents:
        candidate = folder / "shared" / "vectors"
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError("shared/vectors is not beside the project: the tests need it")


VECTORS = _find()
