"""Manifests of one repository: fetch, head, put, delete.

Invariant: bytes that are fetched by digest have that digest, or an error is raised; what a server says in
`Docker-Content-Digest` is never taken for the digest of bytes that we have.
Specification: distribution-spec "Pulling manifests", "Pushing Manifests", "Deleting Manifests".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from shale.errors import Invalid
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import MAX_MANIFEST
from shale.oci.mediatype import ACCEPTED_MANIFESTS
from shale.registry.client.exchange import Call, Exchange
from shale.registry.client.failures import AnswerTooLarge, BadAnswer, ManifestNotFound, printable
from shale.registry.client.mirrors import places, try_each
from shale.registry.client.response import Response
from shale.registry.protocol import DOCKER_CONTENT_DIGEST, OCI_SUBJECT, manifest_path

__all__ = ["FetchedManifest", "ManifestCorrupt", "Manifests", "PutManifest"]

_ACCEPT: Final = ", ".join(ACCEPTED_MANIFESTS)


class ManifestCorrupt(BadAnswer):
    """A manifest's bytes do not have the digest that they were asked for by."""


class FetchedManifest(msgspec.Struct, frozen=True):
    """A manifest as it came.

    Attributes:
        raw: its bytes.
        media_type: what the server calls them, without parameters; empty where it does not say.
        digest: the hash of the bytes, taken here.
    """

    raw: bytes
    media_type: str
    digest: Digest


class PutManifest(msgspec.Struct, frozen=True):
    """What a registry made of a manifest.

    Attributes:
        digest: the hash of the bytes.
        subject: the subject that the registry says it linked (OCI-Subject); None where it keeps no
            referrers, so that the referrers tag has to be maintained.
    """

    digest: Digest
    subject: Digest | None


class Manifests(msgspec.Struct, frozen=True):
    """The manifests of one repository, at its mirrors and at the registry itself (last)."""

    exchanges: Sequence[Exchange]
    registry: Exchange
    """Where changes go: never to a mirror."""

    def fetch(self, reference: Digest | str) -> FetchedManifest:
        """Fetch a manifest by digest or by tag.

        Raises:
            ManifestNotFound, RepositoryNotFound: there is none.
            ManifestCorrupt: asked for by digest, other bytes came.
            AnswerTooLarge: more than 4 MiB.
            ShaleError: see `Exchange.run`.
        """

        def ask(exchange: Exchange) -> FetchedManifest:
            call = _call(exchange, "GET", reference, headers={"Accept": _ACCEPT})
            return exchange.run(call, lambda response: _read(response, reference, call.subject))

        return try_each(places(self.exchanges, reference), ask)

    def head(self, reference: Digest | str) -> Descriptor:
        """Media type, digest and size of a manifest, without its bytes where the registry allows that.

        Raises: as `fetch`.
        """

        def ask(exchange: Exchange) -> Descriptor | None:
            call = _call(exchange, "HEAD", reference, headers={"Accept": _ACCEPT})
            return exchange.run(call, lambda response: _read_head(response, reference))

        found = try_each(places(self.exchanges, reference), ask)
        if found is not None:
            return found
        fetched = self.fetch(reference)
        return Descriptor(media_type=fetched.media_type, digest=fetched.digest, size=len(fetched.raw))

    def put(self, raw: bytes, media_type: str, reference: Digest | str) -> PutManifest:
        """Put a manifest's exact bytes under a tag or its digest.

        Raises:
            RequestRefused: the registry finds something wrong with it, a missing blob for example.
            ShaleError: see `Exchange.run`.
        """
        digest = Digest.of(raw)
        if isinstance(reference, Digest):
            hasher = reference.new_hasher()
            hasher.update(raw)
            digest = Digest.from_hasher(reference.algorithm, hasher)
            if digest != reference:
                raise Invalid(f"a manifest with digest {digest} cannot be put as {reference}")
        call = _call(
            self.registry,
            "PUT",
            reference,
            headers={"Content-Type": media_type},
            body=raw,
            actions="pull,push",
            expected=(201,),
        )
        return self.registry.run(call, lambda response: _read_put(response, digest, call.subject))

    def delete(self, reference: Digest | str) -> None:
        """Delete a manifest, or a tag.

        Raises:
            ManifestNotFound: there is none.
            UnsupportedByRegistry: it does not let manifests be deleted.
        """
        call = _call(self.registry, "DELETE", reference, actions="delete", expected=(200, 202))
        self.registry.run(call, lambda _: None)


def _call(
    exchange: Exchange,
    method: str,
    reference: Digest | str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    actions: str = "pull",
    expected: tuple[int, ...] = (200,),
) -> Call:
    endpoint = exchange.endpoint
    mark = "@" if isinstance(reference, Digest) else ":"
    return Call(
        method,
        manifest_path(endpoint.repository, reference),
        f"manifest for {endpoint.host}/{endpoint.repository}{mark}{reference}",
        scopes=(f"repository:{endpoint.repository}:{actions}",),
        headers=headers or {},
        body=body,
        expected=expected,
        missing=ManifestNotFound,
    )


def _media_type(response: Response) -> str:
    return printable(response.header("content-type").partition(";")[0].strip(), 255)


def _read(response: Response, reference: Digest | str, subject: str) -> FetchedManifest:
    length = response.header("content-length")
    if length.isdecimal() and len(length) > 7 and int(length[:20]) > MAX_MANIFEST:
        raise AnswerTooLarge(
            f"{subject} has {length[:20]} bytes, more than the {MAX_MANIFEST} that are accepted"
        )
    raw = response.read_bounded(MAX_MANIFEST, subject)
    media_type = _media_type(response)
    if raw.lstrip()[:1] != b"{":
        shown = printable(raw[:80].decode("utf-8", "replace"))
        raise BadAnswer(f"{subject}: the answer is not a manifest but {media_type or 'something'}: {shown!r}")
    if isinstance(reference, Digest):
        hasher = reference.new_hasher()
        hasher.update(raw)
        found = Digest.from_hasher(reference.algorithm, hasher)
        if found != reference:
            raise ManifestCorrupt(f"{subject}: what came has digest {found}; nothing of it was kept")
        return FetchedManifest(raw, media_type, reference)
    return FetchedManifest(raw, media_type, Digest.of(raw))


def _read_head(response: Response, reference: Digest | str) -> Descriptor | None:
    """The descriptor in the headers; None where they do not tell enough."""
    length, media_type = response.header("content-length"), _media_type(response)
    if not length.isdecimal() or len(length) > 10 or int(length) == 0 or media_type not in ACCEPTED_MANIFESTS:
        return None
    try:
        digest = Digest.parse(response.header(DOCKER_CONTENT_DIGEST))
    except Invalid:
        return None
    if isinstance(reference, Digest) and digest != reference:
        return None
    return Descriptor(media_type=media_type, digest=digest, size=int(length))


def _read_put(response: Response, digest: Digest, subject: str) -> PutManifest:
    stated = response.header(DOCKER_CONTENT_DIGEST)
    if stated and stated.startswith(digest.algorithm) and stated != str(digest):
        raise ManifestCorrupt(f"{subject}: the registry stored {printable(stated, 140)} instead of {digest}")
    try:
        linked = Digest.parse(response.header(OCI_SUBJECT))
    except Invalid:
        linked = None
    return PutManifest(digest, linked)
