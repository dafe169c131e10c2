"""How TLS is spoken to one endpoint."""

from __future__ import annotations

import ssl

from shale.registry.client.endpoint import Tls
from shale.registry.client.failures import UntrustedServer

__all__ = ["tls_context"]


def tls_context(tls: Tls) -> ssl.SSLContext:
    """How TLS is spoken: the system's authorities and further ones.

    Raises:
        UntrustedServer: a certificate or key file cannot be used.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    current = ""
    try:
        for authority in tls.authorities:
            current = str(authority)
            context.load_verify_locations(cafile=current)
        for certificate, key in tls.client_pairs:
            current = str(certificate)
            context.load_cert_chain(current, str(key))
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or error
        raise UntrustedServer(f"cannot use the certificate file {current}: {reason}") from error
    return context
