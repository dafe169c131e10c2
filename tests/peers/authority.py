"""A certificate authority of our own, made by openssl, for registries that speak TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peers.ground import Ground
from peers.process import run, tool


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Paths of a certificate and of its key, both PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Trust `certificate`, and every server with a certificate issued here is trusted."""

    ground: Ground
    certificate: Path
    key: Path

    @property
    def folder(self) -> Path:
        """A folder with `ca.crt` alone, as `--cert-dir` of skopeo and podman and `certs.d` want it."""
        return self.certificate.parent

    def issue(self, folder: Path, address: str) -> KeyPair:
        """A certificate for a server at an IP address or of a host name, written into `folder`."""
        pair = KeyPair(folder / "server.crt", folder / "server.key")
        request = folder / "server.csr"
        extension = folder / "server.ext"
        kind = "IP" if address.replace(".", "").isdigit() else "DNS"
        extension.write_text(
            f"subjectAltName={kind}:{address}\nextendedKeyUsage=serverAuth\n", encoding="ascii"
        )
        openssl = tool("openssl", "openssl")
        new = [
            "req",
            "-new",
            *_NEW_KEY,
            "-subj",
            "/CN=registry",
            "-keyout",
            str(pair.key),
            "-out",
            str(request),
        ]
        run([openssl, *new], env=self.ground.env)
        signing = ["-CA", str(self.certificate), "-CAkey", str(self.key), "-CAcreateserial", "-days", "2"]
        result = ["-extfile", str(extension), "-out", str(pair.certificate)]
        run([openssl, "x509", "-req", "-in", str(request), *signing, *result], env=self.ground.env)
        return pair


def make_authority(ground: Ground) -> Authority:
    """A new authority, valid for two days."""
    secret = ground.fresh("authority")
    public = secret / "trust"
    public.mkdir()
    authority = Authority(ground, public / "ca.crt", secret / "ca.key")
    files = ["-keyout", str(authority.key), "-out", str(authority.certificate)]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    command = ["req", "-x509", *_NEW_KEY, "-subj", "/CN=shale tests", "-days", "2", *usage, *files]
    run([tool("openssl", "openssl"), *command], env=ground.env)
    return authority


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
