"""Where images are, in the notation of skopeo (containers-transports(5)).

    docker://NAME[:TAG|@DIGEST]        a repository on a registry; a plain NAME means the same
    oci:FOLDER[:TAG]                   an OCI image layout
    oci-archive:FILE[:TAG]             a tar of one
    docker-archive:FILE[:NAME[:TAG]]   what `docker save` writes

Of a source with several images, `:@N` instead of a name takes the one at position N, from 0.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

import msgspec

from shale.errors import Invalid
from shale.oci.reference import Reference

__all__ = ["Form", "InvalidPlace", "Place", "parse_place"]

_POSITION: Final = re.compile(r"@(0|[1-9][0-9]{0,8})\Z")
_LONGEST: Final = 1024


class InvalidPlace(Invalid):
    """A text does not say where an image is."""


class Form(Enum):
    """The kinds of places; the values are the words before the colon."""

    REGISTRY = "docker"
    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"


class Place(msgspec.Struct, frozen=True):
    """Where one image is, or should go.

    Attributes:
        form: what kind of place.
        path: of a folder or file, as typed; of a registry, the name as typed.
        label: the tag in a layout.
        reference: the name in docker's archive.
        position: which image of several; None where a name or nothing says it.
    """

    form: Form
    path: str
    label: str | None = None
    reference: Reference | None = None
    position: int | None = None


def parse_place(text: str) -> Place:
    """Read a place as a person writes it.

    Raises:
        InvalidPlace: of no known form, or without a path.
        InvalidReference: the name of an image in it is malformed.
    """
    scheme, colon, rest = text.partition(":")
    if colon and rest.startswith("//") and scheme != Form.REGISTRY.value:
        raise InvalidPlace(f"unknown place {scheme}://: an image on a registry is docker://NAME")
    if scheme == Form.REGISTRY.value and rest.startswith("//"):
        return Place(Form.REGISTRY, rest[2:])
    match scheme if colon else "":
        case "oci" | "oci-archive":
            return _layout(Form(scheme), rest)
        case "docker-archive":
            return _docker_archive(rest)
        case "dir" | "containers-storage" | "docker-daemon" | "ostree" | "sif":
            raise InvalidPlace(
                f"{scheme}: is not supported; use docker://, oci:, oci-archive: or docker-archive:"
            )
    return Place(Form.REGISTRY, text)


def _layout(form: Form, rest: str) -> Place:
    path, colon, label = rest.partition(":")
    _check_path(form, path)
    if not colon or not label:
        return Place(form, path)
    if match := _POSITION.match(label):
        return Place(form, path, position=int(match[1]))
    # The grammar is image-spec annotations.md's for org.opencontainers.image.ref.name.
    if len(label) > _LONGEST or not _is_label(label):
        raise InvalidPlace(
            f"invalid tag {label[:140]!r} of an OCI layout: letters, digits and -._:@/+ between them"
        )
    return Place(form, path, label=label)


def _is_label(text: str) -> bool:
    """Whether a text is alphanumeric parts, with one separator (or two dashes) between them."""
    parts = re.split(r"--|[-._:@/+]", text)
    return all(part.isascii() and part.isalnum() for part in parts)


def _docker_archive(rest: str) -> Place:
    path, colon, name = rest.partition(":")
    _check_path(Form.DOCKER_ARCHIVE, path)
    if not colon:
        return Place(Form.DOCKER_ARCHIVE, path)
    if name.startswith("@"):
        match = _POSITION.match(name)
        if match is None:
            raise InvalidPlace(f"invalid position {name[:40]!r}: @ and a number from 0 are expected")
        return Place(Form.DOCKER_ARCHIVE, path, position=int(match[1]))
    reference = Reference.parse(name).with_default_tag()
    if reference.digest is not None:
        raise InvalidPlace(f"docker-archive:{path}: an archive has tags, no digests: {name[:140]}")
    return Place(Form.DOCKER_ARCHIVE, path, reference=reference)


def _check_path(form: Form, path: str) -> None:
    if not path:
        raise InvalidPlace(f"{form.value}: needs a path after the colon")
