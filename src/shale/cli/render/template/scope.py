"""Which variables are known where, while a template is parsed; each gets a place of its own at run time."""

from __future__ import annotations

__all__ = ["Scope"]


class Scope:
    """The variables of one template. Slot 0 is `$`, the value that the template was given."""

    def __init__(self) -> None:
        self._known: list[tuple[str, int]] = [("$", 0)]
        self.slots = 1

    def declare(self, name: str) -> int:
        """Make a variable known; returns its slot."""
        slot = self.slots
        self.slots += 1
        self._known.append((name, slot))
        return slot

    def find(self, name: str) -> int | None:
        """The slot of the innermost variable of a name; None where none is known."""
        return next((slot for known, slot in reversed(self._known) if known == name), None)

    def mark(self) -> int:
        """Where a block begins, for `release`."""
        return len(self._known)

    def release(self, mark: int) -> None:
        """Forget what was declared since the mark."""
        del self._known[mark:]
