"""Pulling and pushing between one store and registries: the network side of `Images`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from shale.engine.parts import Parts
from shale.engine.policy import Policy
from shale.engine.registries import Registries
from shale.errors import Invalid, NotFound, Unavailable
from shale.events import Listener, Notice
from shale.oci.digest import Digest
from shale.oci.platform import Platform, parse_platform
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.store.content import Source
from shale.store.names import NameNotFound

if TYPE_CHECKING:
    from shale.image.pull import Pulled
    from shale.image.push import Pushed

__all__ = ["Transfers"]

_ALL: Final = "all"
_JOBS: Final = 4


class Transfers(msgspec.Struct, frozen=True):
    """Transfers of one engine.

    Attributes:
        parts: of an open engine.
        listener: told what happens.
        cancel: stops everything that is begun here.
    """

    parts: Parts
    listener: Listener
    cancel: Cancellation

    @contextmanager
    def _registries(self) -> Iterator[Registries]:
        registries = Registries(self.parts.settings, self.listener, self.cancel)
        try:
            yield registries
        finally:
            registries.close()

    def platform(self, text: str | None) -> Platform | None:
        """The platform that a person means: None for the word `all`, this machine's where nothing is given."""
        if text == _ALL:
            return None
        host = self.parts.settings.host
        return parse_platform(text, host) if text else host

    def pull(self, name: str, platform: str | None, policy: Policy) -> Pulled:
        """Pull one image; see `Images.pull`."""
        from shale.image.pull import Pulled  # noqa: PLC0415 - a push inflates nothing
        from shale.image.resolve import ImageNotFound  # noqa: PLC0415 - as above

        with self._registries() as registries:
            reference = registries.read(name).with_default_tag()
            known = self._known(reference)
            if known is not None and (
                policy is Policy.NEVER or (policy is Policy.MISSING and self._is_here(reference, platform))
            ):
                return Pulled(reference, known, changed=False)
            if policy is Policy.NEVER:
                raise ImageNotFound(f"{reference.familiar} (it may not be pulled: the policy is never)")
            try:
                return self._pull(registries, reference, self.platform(platform), known)
            except (Unavailable, NotFound):
                if known is None or policy is not Policy.NEWER:
                    raise
                return Pulled(reference, known, changed=False)

    def pull_all_tags(self, name: str, platform: str | None) -> list[Pulled]:
        """Pull every tag of a repository; see `Images.pull_all_tags`."""
        with self._registries() as registries:
            reference = registries.read(name)
            if reference.tag is not None or reference.digest is not None:
                raise Invalid("tag can't be used with --all-tags/-a")
            wanted = self.platform(platform)
            tags = list(registries.client.at(reference).listings.tags())
            if not tags:
                raise NotFound(f"repository {reference.familiar_name} has no tags")
            return [self._pull(registries, reference.with_tag(tag), wanted, None) for tag in tags]

    def _is_here(self, reference: Reference, platform: str | None) -> bool:
        """Whether a name that the store has is here for a platform that was asked for by name."""
        if platform is None or platform == _ALL:
            return True
        from shale.image.resolve import find_image, select_platform  # noqa: PLC0415 - hardly ever asked

        host = self.parts.settings.host
        try:
            select_platform(find_image(self.parts.store, str(reference), host).image, platform, host)
        except NotFound:
            return False
        return True

    def _known(self, reference: Reference) -> Digest | None:
        wanted = reference.with_digest(reference.digest) if reference.digest else reference
        try:
            return self.parts.store.names.get(wanted).target
        except NameNotFound:
            return None

    def _pull(
        self, registries: Registries, reference: Reference, platform: Platform | None, known: Digest | None
    ) -> Pulled:
        from shale.image.pull import Puller  # noqa: PLC0415 - as above

        store = self.parts.store
        at = None
        if known is not None and reference.tag is not None and store.content.has_manifest(known):
            # HEAD costs nothing of Docker Hub's rate limit, GET does.
            head = registries.client.at(reference).manifests.head(reference.digest or reference.tag)
            at = known if head.digest == known else None
        shown = reference.tag if reference.digest is None else str(reference.digest)
        self.listener(Notice(f"{shown}: Pulling from {_shown_repository(reference)}"))
        mountable = self.parts.snapshotting.mountable
        puller = Puller(store, self.listener, self.cancel, jobs=_JOBS, mountable=mountable)
        return puller.pull(
            registries.repository(reference),
            reference,
            platform,
            f"pull {reference.familiar}",
            origin=Source(reference.registry, reference.repository),
            at=at,
        )

    def push(self, references: Sequence[Reference], platform: str | None) -> list[Pushed]:
        """Push tags of one repository; see `Images.push`."""
        from shale.image.push import Pusher  # noqa: PLC0415 - a pull sends nothing

        store, host = self.parts.store, self.parts.settings.host
        by_target: dict[Digest, list[str | None]] = {}
        for reference in references:
            by_target.setdefault(store.names.get(reference).target, []).append(reference.tag)
        wanted = parse_platform(platform, host) if platform else None
        pushed: list[Pushed] = []
        with self._registries() as registries:
            repository = registries.repository(references[0], store.content)
            origin = Source(references[0].registry, references[0].repository)
            pusher = Pusher(store, self.listener, self.cancel, jobs=_JOBS)
            for target, tags in by_target.items():
                done = pusher.push(target, repository, tags, wanted, host, origin)
                pushed += done
                if any(one.digest == target for one in done):
                    with store.database.write() as tx:
                        known = references[0].with_digest(target)
                        # Somebody may have removed the image while it was sent: it gets no name again.
                        if store.content.is_whole(tx, target):
                            store.names.move(tx, known, target, f"push {known.familiar_name}")
        return pushed


def _shown_repository(reference: Reference) -> str:
    """How docker shows it: `library/nginx`, and without the registry elsewhere too."""
    return reference.repository
