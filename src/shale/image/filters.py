"""Filters of lists and prunes: `dangling=true`, `label=a=b`, `before=NAME`, `reference=PATTERN`, `until=TIME`.

Values of one key are alternatives, except labels, which must all fit; keys are all required, as in docker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from shale.errors import Invalid
from shale.image.listing import ImageSummary

__all__ = [
    "LIST_FILTERS",
    "PRUNE_FILTERS",
    "ImageFilters",
    "InvalidFilter",
    "created_at",
    "has_label",
    "parse_filters",
    "parse_label",
    "truth",
]

LIST_FILTERS: Final = ("before", "dangling", "label", "label!", "reference", "since", "until")
PRUNE_FILTERS: Final = ("dangling", "label", "label!", "until")


class InvalidFilter(Invalid):
    """A filter is malformed, or not one of those that the command has."""


def parse_filters(texts: Iterable[str], allowed: Sequence[str]) -> dict[str, list[str]]:
    """Read `KEY=VALUE` filters.

    Args:
        texts: as typed.
        allowed: the keys that the command has.

    Raises:
        InvalidFilter: no `=`, or another key.
    """
    filters: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().lower()
        if key == "label!" or (key == "label" and value.startswith("!=")):
            key = "label!"
        if not equals:
            raise InvalidFilter(f"invalid filter {text!r}: expected KEY=VALUE")
        if key not in allowed:
            raise InvalidFilter(f"invalid filter {key!r}: there are {', '.join(allowed)}")
        filters.setdefault(key, []).append(value.strip())
    return filters


def created_at(image: ImageSummary) -> float:
    """When an image was built, seconds since the epoch; 0 where its config does not say."""
    if not image.created:
        return 0.0
    try:
        return datetime.fromisoformat(image.created).timestamp()
    except ValueError:
        return 0.0


class ImageFilters:
    """Decides which images a list or a prune is about."""

    def __init__(
        self,
        filters: Mapping[str, Sequence[str]],
        *,
        find: Callable[[str], ImageSummary],
        moment: Callable[[str], float],
    ) -> None:
        """Prepare.

        Args:
            filters: what `parse_filters` made.
            find: the image that `before=` and `since=` name.
            moment: the time that `until=` means, seconds since the epoch.

        Raises:
            InvalidFilter: a value is malformed.
        """
        self._labels = [parse_label(text) for text in filters.get("label", ())]
        self._no_labels = [parse_label(text) for text in filters.get("label!", ())]
        self._patterns = filters.get("reference", ())
        self._dangling = [truth(text) for text in filters.get("dangling", ())]
        self._before = [created_at(find(text)) for text in filters.get("before", ())]
        self._since = [created_at(find(text)) for text in filters.get("since", ())]
        self._until = [moment(text) for text in filters.get("until", ())]

    def accept(self, image: ImageSummary) -> bool:
        """Whether an image fits."""
        created = created_at(image)
        return (
            all(has_label(image.labels, key, value) for key, value in self._labels)
            and not any(has_label(image.labels, key, value) for key, value in self._no_labels)
            and (not self._dangling or image.is_dangling in self._dangling)
            and all(created < moment for moment in (*self._before, *self._until))
            and all(created > moment for moment in self._since)
            and (not self._patterns or self._fits_pattern(image))
        )

    def _fits_pattern(self, image: ImageSummary) -> bool:
        names = (*image.names, *image.digests)
        return any(name.matches(pattern) for name in names for pattern in self._patterns)

    @property
    def patterns(self) -> Sequence[str]:
        """The reference patterns: a list shows only the names that fit them."""
        return self._patterns


def has_label(labels: Mapping[str, str], key: str, value: str | None) -> bool:
    """Whether there is a label, with a value where one is given."""
    return key in labels and (value is None or labels[key] == value)


def parse_label(text: str) -> tuple[str, str | None]:
    """Read `KEY` or `KEY=VALUE`.

    Raises:
        InvalidFilter: there is no key.
    """
    key, equals, value = text.partition("=")
    if not key:
        raise InvalidFilter(f"invalid filter 'label={text}': expected label=KEY or label=KEY=VALUE")
    return key, value if equals else None


def truth(text: str) -> bool:
    """What a person means by `dangling=TEXT`.

    Raises:
        InvalidFilter: neither true nor false.
    """
    if text.lower() in ("1", "t", "true"):
        return True
    if text.lower() in ("0", "f", "false"):
        return False
    raise InvalidFilter(f"invalid filter 'dangling={text}': expected true or false")
