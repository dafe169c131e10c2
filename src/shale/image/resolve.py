"""From what a person types to an image of the store: a name, a digest, an id, or the beginning of an id."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from shale.errors import Conflict, Invalid, NotFound
from shale.image.fitting import best_offer
from shale.image.listing import ImageSummary, PlatformSummary, list_images
from shale.oci.platform import Platform, parse_platform
from shale.oci.reference import InvalidReference, Reference
from shale.store.store import Store

__all__ = ["AmbiguousImage", "Found", "ImageNotFound", "find_image", "select_platform"]

_ID: Final = re.compile(r"(?:sha256:)?([a-f0-9]{1,64})\Z")


class ImageNotFound(NotFound):
    """The store has no such image."""

    def __init__(self, text: str) -> None:
        super().__init__(f"no such image: {text}")
        self.text = text


class AmbiguousImage(Conflict):
    """The beginning of an id fits several images."""


class Found(msgspec.Struct, frozen=True):
    """An image, and how it was asked for.

    Attributes:
        image: the image.
        reference: the name that it was found by; None where it was found by id.
    """

    image: ImageSummary
    reference: Reference | None


def find_image(store: Store, text: str, host: Platform) -> Found:
    """Find one image.

    A name goes before an id, as in docker; a whole digest may be of the config, the manifest or the index.

    Raises:
        ImageNotFound: nothing of that name or id.
        AmbiguousImage: an id's beginning that fits several images.
        InvalidReference: neither a name nor an id.
    """
    images = list_images(store, host)
    reference = _as_reference(text)
    if reference is not None:
        for image in images:
            if reference in image.names or reference in image.digests:
                return Found(image, reference)
            if reference.digest is not None and _same_repository(image, reference):
                return Found(image, reference)
    match = _ID.match(text)
    if match is not None:
        found = [image for image in images if _has_id(image, match[1])]
        if len({image.id for image in found}) > 1:
            raise AmbiguousImage(f"{text} is the beginning of several image ids; give more of it")
        if found:
            return Found(found[0], None)
    elif reference is None:
        Reference.parse(text)
    raise ImageNotFound(text)


def _as_reference(text: str) -> Reference | None:
    try:
        reference = Reference.parse(text).with_default_tag()
    except InvalidReference:
        return None
    # `name:tag@digest` is known by its digest; the tag is only for people.
    return reference.with_digest(reference.digest) if reference.digest is not None else reference


def _same_repository(image: ImageSummary, reference: Reference) -> bool:
    """Whether a digest reference means this image, of which only a tag of the repository is kept."""
    known = {name.name for name in (*image.names, *image.digests)}
    digests = {image.target, *(one.manifest for one in image.platforms)}
    return reference.name in known and reference.digest in digests


def _has_id(image: ImageSummary, prefix: str) -> bool:
    ids = [image.target.encoded, image.id.encoded]
    ids += [one.id.encoded for one in image.platforms]
    ids += [one.manifest.encoded for one in image.platforms]
    return any(one.startswith(prefix) for one in ids)


def select_platform(image: ImageSummary, platform: str | None, host: Platform) -> PlatformSummary:
    """The platform of an image to look at: the one asked for, or the best for this machine.

    Raises:
        NotFound: that platform is not here, or this is an artifact and has none.
        InvalidPlatform: the text is not a platform.
    """
    shown = image.names[0].familiar if image.names else image.id.short
    if not image.platforms:
        raise Invalid(f"{shown} is an artifact, not an image: it has no config of an image")
    if platform is None:
        return image.platforms[0]
    wanted = parse_platform(platform, host)
    best = best_offer(wanted, ((one.platform, one) for one in image.platforms), host)
    if best is None:
        there = ", ".join(one.platform for one in image.platforms)
        raise NotFound(
            f"image {shown} is here for {there}, not for {platform}; pull it with --platform {platform}"
        )
    return best
