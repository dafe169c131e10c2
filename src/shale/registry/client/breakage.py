"""What sockets raise, as errors of ours."""

from __future__ import annotations

from shale.registry.client.failures import (
    ConnectionCut,
    NoTls,
    TransferStalled,
    UntrustedServer,
    printable,
)

__all__ = ["breakage"]


def breakage(error: OSError, where: str) -> Exception:
    """The error to raise for one of a socket's.

    Args:
        error: what it raised.
        where: the origin at its other end.
    """
    if isinstance(error, TimeoutError):
        return TransferStalled(f"{where} has stopped, or is too slow: next to nothing came through in time")
    if type(error).__module__ == "ssl":
        return _tls_breakage(printable(str(error)), where)
    reason = error.strerror or printable(str(error)) or type(error).__name__
    return ConnectionCut(f"{where} ended the connection: {reason.lower()}")


def _tls_breakage(text: str, where: str) -> Exception:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return UntrustedServer(
            f"{where}: the certificate is not trusted ({_tls_reason(text)}); add its authority to "
            "certs.d, or mark the registry as insecure"
        )
    if "EOF occurred" in text or "UNEXPECTED_EOF" in text:
        return ConnectionCut(f"{where} ended the TLS connection without a word")
    return NoTls(f"{where}: the TLS connection failed ({_tls_reason(text)})")


def _tls_reason(text: str) -> str:
    start = text.find("CERTIFICATE_VERIFY_FAILED] ")
    reason = text[start + 27 :] if start >= 0 else text
    return reason.partition(" (_ssl.c")[0].lower()
