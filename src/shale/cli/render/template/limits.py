"""How much a template may do. Each is far above honest use; together they bound time and memory."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_DEPTH", "MAX_NESTING", "MAX_OUTPUT", "MAX_STEPS", "MAX_STRING"]

MAX_NESTING: Final = 60
"""Parentheses and blocks inside one another in the text of a template."""

MAX_DEPTH: Final = 40
"""Templates that call templates."""

MAX_STEPS: Final = 1_000_000
"""Iterations of `range` and calls of templates in one rendering."""

MAX_STRING: Final = 4 << 20
"""Characters in a string that a function makes."""

MAX_OUTPUT: Final = 64 << 20
"""Characters that one rendering writes."""
