"""The image config: how to run an image, what its layers are, and how it came to be.

Specification: image-spec config.md, with the fields that Docker adds (Healthcheck, OnBuild, Shell, ...).
Docker writes `null` where nothing is set; readers accept that for every optional field.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shale.oci.digest import DiffID
from shale.oci.document import MAX_CONFIG, Listed, fill_lists, read_document
from shale.oci.platform import Platform

__all__ = ["Execution", "History", "ImageConfig", "RootFS", "parse_config"]


class Execution(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """The execution parameters: the object under `config`."""

    user: str | None = msgspec.field(default=None)
    exposed_ports: dict[str, Any] | None = None
    env: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: dict[str, Any] | None = None
    working_dir: str | None = None
    labels: dict[str, str] | None = None
    stop_signal: str | None = None
    args_escaped: bool | None = None
    healthcheck: dict[str, Any] | None = None
    on_build: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None


class RootFS(msgspec.Struct, frozen=True, kw_only=True):
    """The layers' DiffIDs, base first."""

    type: str = "layers"
    diff_ids: Listed[DiffID] = ()

    def __post_init__(self) -> None:
        fill_lists(self, "diff_ids")


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of how the image was made; `empty_layer` says that it made no layer."""

    created: str | None = None
    created_by: str | None = None
    author: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole config document."""

    architecture: str = ""
    os: str = ""
    os_version: str | None = msgspec.field(name="os.version", default=None)
    os_features: tuple[str, ...] | None = msgspec.field(name="os.features", default=None)
    variant: str | None = None
    created: str | None = None
    author: str | None = None
    docker_version: str | None = None
    config: Execution | None = None
    rootfs: RootFS = msgspec.field(default_factory=RootFS)
    history: tuple[History, ...] | None = None

    @property
    def platform(self) -> Platform:
        """The platform that the image is for."""
        return Platform(
            os=self.os,
            architecture=self.architecture,
            variant=self.variant,
            os_version=self.os_version,
            os_features=self.os_features,
        )


def parse_config(raw: bytes, *, what: str = "image config") -> ImageConfig:
    """Read an image config of at most 8 MiB.

    Raises:
        InvalidDocument: malformed, or too large.
    """
    return read_document(raw, ImageConfig, what=what, limit=MAX_CONFIG)
