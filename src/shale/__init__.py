"""shale: a container image engine with no daemon.

    import shale

    with shale.Engine.open() as engine:
        image = engine.images.pull("debian:12")
        for layer in image.layers:
            print(layer.digest, layer.size)

Names of this module are imported when they are first used, so `import shale` itself costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shale.engine.container import Container as Container
    from shale.engine.containers import Containers as Containers
    from shale.engine.engine import Engine as Engine
    from shale.engine.follow import Following as Following
    from shale.engine.follow import follow as follow
    from shale.engine.image import Image as Image
    from shale.engine.images import Images as Images
    from shale.engine.started import RunResult as RunResult
    from shale.engine.usernamespace import unshare as unshare
    from shale.errors import ShaleError as ShaleError
    from shale.image.listing import ImageSummary as ImageSummary
    from shale.oci.digest import Digest as Digest
    from shale.oci.platform import Platform as Platform
    from shale.oci.reference import Reference as Reference
    from shale.runtime.wishes import RunWishes as RunWishes

__all__ = [
    "Container",
    "Containers",
    "Digest",
    "Engine",
    "Following",
    "Image",
    "ImageSummary",
    "Images",
    "Platform",
    "Reference",
    "RunResult",
    "RunWishes",
    "ShaleError",
    "follow",
    "unshare",
]

_HOMES = {
    "Container": "shale.engine.container",
    "Containers": "shale.engine.containers",
    "Digest": "shale.oci.digest",
    "Engine": "shale.engine.engine",
    "Following": "shale.engine.follow",
    "Image": "shale.engine.image",
    "ImageSummary": "shale.image.listing",
    "Images": "shale.engine.images",
    "Platform": "shale.oci.platform",
    "Reference": "shale.oci.reference",
    "RunResult": "shale.engine.started",
    "RunWishes": "shale.runtime.wishes",
    "ShaleError": "shale.errors",
    "follow": "shale.engine.follow",
    "unshare": "shale.engine.usernamespace",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'shale' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
