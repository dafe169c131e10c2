"""What `save` can write."""

from __future__ import annotations

from enum import Enum

__all__ = ["SaveFormat"]


class SaveFormat(Enum):
    """The forms of archives; the values are podman's words."""

    DOCKER_ARCHIVE = "docker-archive"
    """A tar for docker of any age, podman, skopeo and containerd: docker's form and OCI's in one."""
    OCI_ARCHIVE = "oci-archive"
    """A tar of an OCI image layout."""
    OCI_DIR = "oci-dir"
    """An OCI image layout in a folder, which may have other images already."""
