"""`html`, `js`, `urlquery`. Specification: Go text/template/funcs.go, net/url.QueryEscape."""

from __future__ import annotations

from typing import Final

__all__ = ["html", "javascript", "url_query"]

_HTML: Final = str.maketrans(
    {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
)
_JAVASCRIPT: Final = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"
}  # fmt: skip
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")


def html(text: str) -> str:
    """Text for HTML."""
    return text.translate(_HTML)


def javascript(text: str) -> str:
    """Text for a string of JavaScript."""
    return "".join(_JAVASCRIPT.get(mark) or _javascript(mark) for mark in text)


def _javascript(mark: str) -> str:
    if mark.isprintable():
        return mark
    code = ord(mark)
    return f"\\u{code:04X}"


def url_query(text: str) -> str:
    """Text for the query of a URL."""
    return "".join(
        chr(byte) if byte in _PLAIN else "+" if byte == 0x20 else f"%{byte:02X}"
        for byte in text.encode("utf-8", "replace")
    )
