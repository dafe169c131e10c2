"""Putting blobs into one repository: whole, in chunks, or mounted from another repository.

An upload is tried in the cheapest way first: POST for a session, one PUT with all bytes. What the registry
makes of it decides how to go on: a cut is continued from where the registry says it is (GET on the session,
then PATCH), a session that is gone begins anew, and 413 makes the chunks smaller.

Specification: distribution-spec "Pushing blobs", "Mounting a blob from another repository".
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from shale.errors import Denied, Invalid, NotFound, Unauthorized, Unsupported
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.registry.client.exchange import Exchange
from shale.registry.client.failures import Transient
from shale.registry.client.payload import Progress, ReadableAt, SourceChanged
from shale.registry.client.sending import Sending
from shale.registry.client.session import UploadSession, open_session, upload_call
from shale.registry.protocol import blob_path, uploads_path

__all__ = ["Progress", "ReadableAt", "SourceChanged", "UploadSession", "Uploads"]


class Uploads(msgspec.Struct, frozen=True):
    """The blobs that one repository is to get."""

    exchange: Exchange

    def exists(self, digest: Digest) -> bool:
        """Whether the repository has this blob.

        Raises:
            ShaleError: see `Exchange.run`.
        """
        call = upload_call(self.exchange, digest, "HEAD", blob_path(self._repository, digest), (200, 404))
        return self.exchange.run(call, lambda response: response.status == 200)

    def mount(self, digest: Digest, from_repository: str) -> UploadSession | None:
        """Let the repository have a blob of another one on the same registry.

        Returns:
            None when it was mounted; otherwise the upload that the registry opened instead.

        Raises:
            ShaleError: see `Exchange.run`.
        """
        target = f"{uploads_path(self._repository)}?mount={digest}&from={quote(from_repository, safe='/')}"
        call = upload_call(self.exchange, digest, "POST", target, (201, 202), body=b"")
        call = replace(call, scopes=(*call.scopes, f"repository:{from_repository}:pull"))
        try:
            return self.exchange.run(
                call, lambda answer: None if answer.status == 201 else open_session(self.exchange, answer)
            )
        except (Denied, Invalid, NotFound, Unauthorized, Unsupported):
            # Because of the source: a token service may refuse the whole token for it, a registry may not know
            # it, or not know mounting. If it is because of the target, opening an upload will tell.
            return self.begin(digest)

    def begin(self, digest: Digest) -> UploadSession:
        """Open an upload session.

        Raises:
            ShaleError: see `Exchange.run`.
        """
        call = upload_call(self.exchange, digest, "POST", uploads_path(self._repository), (202,), body=b"")
        return self.exchange.run(call, lambda answer: open_session(self.exchange, answer))

    def put(
        self,
        descriptor: Descriptor,
        open_at: ReadableAt,
        progress: Progress = lambda _: None,
        session: UploadSession | None = None,
    ) -> None:
        """Upload a blob, and go on after cuts.

        Args:
            descriptor: digest and size of the content.
            open_at: opens the content at an offset.
            progress: told how many bytes are on the way, from any offset; it may go back after a cut.
            session: an upload that is open already (from `mount`).

        Raises:
            SourceChanged: the content is shorter than its descriptor says.
            RequestRefused: the registry found another digest or size.
            TooLarge: the registry does not even accept small chunks.
            Transient: all tries failed.
            Stopped: cancelled.
        """
        attempts = self.exchange.attempts(f"blob {descriptor.digest.short}")
        sending = Sending(self.exchange, descriptor, open_at, progress, session)
        while not sending.done:
            before = sending.offset
            try:
                sending.advance()
            except Transient as failure:
                if sending.offset > before:
                    attempts.progressed()
                attempts.failed(failure)

    @property
    def _repository(self) -> str:
        return self.exchange.endpoint.repository
