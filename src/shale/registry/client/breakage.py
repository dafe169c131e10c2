"""What urllib3 and the sockets below it raise, as errors of ours."""

from __future__ import annotations

import http.client
import ssl
from typing import Final

from urllib3 import exceptions

from shale.registry.client.failures import (
    BadAnswer,
    ConnectFailed,
    ConnectionCut,
    NoTls,
    TransferStalled,
    UntrustedServer,
    origin_of,
    printable,
)

__all__ = ["BREAKAGE", "breakage"]

BREAKAGE: Final = (exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)
"""All that a request or the reading of its answer may raise, besides errors of ours."""


def breakage(error: Exception, url: str) -> Exception:
    """The error to raise for one of urllib3's."""
    where = origin_of(url)
    cause: BaseException = error
    while isinstance(cause, exceptions.MaxRetryError | exceptions.ProxyError) and cause.args[1:]:
        cause = cause.args[1]
    inner = _inner(cause)
    if isinstance(cause, exceptions.ReadTimeoutError) or isinstance(inner, TimeoutError):
        return TransferStalled(f"{where} has stopped, or is too slow: next to nothing came through in time")
    if isinstance(cause, exceptions.ConnectTimeoutError | exceptions.NewConnectionError):
        return ConnectFailed(f"cannot connect to {where}: {printable(str(cause))}")
    text = printable(str(cause))
    if isinstance(cause, exceptions.SSLError | ssl.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in text or "doesn't match" in text:
            return UntrustedServer(
                f"{where}: the certificate is not trusted ({_tls_reason(text)}); add its authority to "
                "certs.d, or mark the registry as insecure"
            )
        if "EOF occurred" in text or "UNEXPECTED_EOF" in text:
            return ConnectionCut(f"{where} ended the TLS connection without a word")
        return NoTls(f"{where}: the TLS connection failed ({_tls_reason(text)})")
    if isinstance(cause, exceptions.ProtocolError | http.client.HTTPException | OSError):
        return ConnectionCut(f"{where} ended the connection: {_cut_reason(cause)}")
    return BadAnswer(f"{where}: {text}")


def _tls_reason(text: str) -> str:
    start = text.find("CERTIFICATE_VERIFY_FAILED] ")
    reason = text[start + 27 :] if start >= 0 else text
    return reason.partition(" (_ssl.c")[0].lower()


def _inner(cause: BaseException) -> BaseException:
    """What urllib3 wrapped; a send that timed out comes as `ProtocolError`, unlike a receive."""
    return cause.args[1] if len(cause.args) > 1 and isinstance(cause.args[1], BaseException) else cause


def _cut_reason(cause: BaseException) -> str:
    inner = _inner(cause)
    if isinstance(inner, http.client.IncompleteRead | exceptions.IncompleteRead):
        return "the answer is incomplete"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return printable(str(inner)) or type(inner).__name__
