"""Digests: four kinds of content hash that cannot be taken for one another.

Each is `algorithm:encoded` in text. They are different types because mixing them up is the classical
mistake of the field: a layer has a digest (of its compressed bytes) and a DiffID (of its tar), a stack of
layers has a ChainID, and an image has an ImageID (of its config).

Specification: image-spec descriptor.md "Digests", config.md "Layer DiffID", "Layer ChainID", "ImageID".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, Self

from shale.errors import Invalid

__all__ = ["ChainID", "ContentHash", "DiffID", "Digest", "Hasher", "ImageID", "InvalidDigest", "chain_ids"]

_DIGITS: Final = {"sha256": 64, "sha512": 128}
_NO_DIGIT: Final = str.maketrans("", "", "0123456789abcdef")
"""Takes away what a digest is written in; the quickest way to see whether there is anything else."""


class InvalidDigest(Invalid):
    """A text that should be a digest is not one that shale accepts."""


class Hasher(Protocol):
    """What hashlib's objects are: feed bytes, ask for the result."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Feed more bytes."""

    def hexdigest(self) -> str:
        """The hash of all bytes so far, in lower-case hexadecimal."""


class ContentHash:
    """A hash of some bytes, as `algorithm:encoded`; use one of the four kinds below.

    Immutable. Two are equal only when they are of the same kind. (Not a dataclass, because msgspec would
    read one as a JSON object.)

    Attributes:
        algorithm: `sha256` or `sha512`.
        encoded: lower-case hexadecimal of the algorithm's length, so it is safe as a file name.
    """

    __slots__ = ("algorithm", "encoded")
    algorithm: str
    encoded: str

    def __init__(self, algorithm: str, encoded: str) -> None:
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "encoded", encoded)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == str(self)

    def __lt__(self, other: Self) -> bool:
        return str(self) < str(other)

    def __hash__(self) -> int:
        return hash((type(self), self.encoded))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.algorithm, self.encoded)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `algorithm:encoded`.

        Raises:
            InvalidDigest: wrong form, upper case, wrong length, or an algorithm other than sha256, sha512.
        """
        algorithm, _, encoded = text.partition(":")
        if len(encoded) != _DIGITS.get(algorithm) or encoded.translate(_NO_DIGIT):
            shown = text if len(text) <= 140 else text[:140] + "..."
            raise InvalidDigest(
                f"invalid digest {shown!r}: expected sha256: and 64 lower-case hexadecimal digits, "
                "or sha512: and 128"
            )
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The sha256 of these bytes."""
        import hashlib  # noqa: PLC0415 - see below

        return cls("sha256", hashlib.sha256(content).hexdigest())

    @classmethod
    def from_hasher(cls, algorithm: str, hasher: Hasher) -> Self:
        """The result of a hasher that `new_hasher` made."""
        return cls(algorithm, hasher.hexdigest())

    def new_hasher(self) -> Hasher:
        """A fresh hasher of this hash's algorithm, to verify bytes against it."""
        import hashlib  # noqa: PLC0415 - loading OpenSSL takes longer than a list of images, which hashes nothing

        make: Callable[[], Hasher] = hashlib.sha256 if self.algorithm == "sha256" else hashlib.sha512
        return make()

    @property
    def short(self) -> str:
        """The first 12 digits, as people see them."""
        return self.encoded[:12]

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"


class Digest(ContentHash):
    """The hash of a blob's bytes as registries serve them."""

    __slots__ = ()


class DiffID(ContentHash):
    """The hash of a layer's uncompressed tar."""

    __slots__ = ()


class ChainID(ContentHash):
    """The hash that names a stack of layers."""

    __slots__ = ()


class ImageID(ContentHash):
    """The digest of an image's config: what people call the image id."""

    __slots__ = ()


def chain_ids(diff_ids: Sequence[DiffID]) -> tuple[ChainID, ...]:
    """The ChainID of every prefix of a stack of layers, bottom first (config.md, "Layer ChainID")."""
    chain: list[ChainID] = []
    for diff_id in diff_ids:
        if chain:
            chain.append(ChainID.of(f"{chain[-1]} {diff_id}".encode()))
        else:
            chain.append(ChainID(diff_id.algorithm, diff_id.encoded))
    return tuple(chain)
