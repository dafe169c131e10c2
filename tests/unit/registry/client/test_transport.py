"""TLS, proxies, http or https, and stopping (trials RF-2, RF-4, RF-11)."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from faults.bad_registry import BadRegistry, Content, Reply, Step, error
from faults.clients import SHORT, STEADY, MemorySink, described, rig
from faults.tunnel import Tunnel
from shale.errors import ShaleError
from shale.registry.client.cancel import Cancellation, Stopped
from shale.registry.client.endpoint import Endpoint, Tls
from shale.registry.client.failures import (
    ConnectFailed,
    ConnectionCut,
    ConnectionRefused,
    HostUnknown,
    NoTls,
    RefusedTarget,
    TransferStalled,
    UntrustedServer,
)
from shale.registry.client.request import Request
from shale.registry.client.transport import Transport
from shale.registry.protocol import blob_path

DATA = bytes(range(256)) * 40
DESCRIPTOR = described(DATA)
PATH = blob_path("app", DESCRIPTOR.digest)


def fetch(registry: BadRegistry, **kwargs: object) -> bytes:
    sink = MemorySink()
    made = rig(registry.host, **kwargs)  # type: ignore[arg-type]
    with made.client:
        made.repository().blobs.fetch(DESCRIPTOR, sink)
    return bytes(sink.data)


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    pair = folder / "server.crt", folder / "server.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    command += ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-out", pair[0], "-keyout", pair[1]], check=True, capture_output=True)
    return pair


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def trusting(tls: Tls) -> Callable[[Endpoint], Endpoint]:
    return lambda endpoint: replace(endpoint, tls=tls)


def test_unknown_authority_is_not_trusted(secure: ssl.SSLContext) -> None:
    with BadRegistry(secure) as registry:
        registry.script("GET", PATH, Content(DATA))
        with pytest.raises(UntrustedServer, match=r"self-signed certificate.*certs\.d"):
            fetch(registry, plain_http=False)
        assert registry.seen == []


def test_configured_authority_is_trusted(secure: ssl.SSLContext, certificate: tuple[Path, Path]) -> None:
    with BadRegistry(secure) as registry:
        registry.script("GET", PATH, Content(DATA))
        assert fetch(registry, plain_http=False, change=trusting(Tls(authorities=(certificate[0],)))) == DATA


def test_certificate_for_another_host_is_refused(
    secure: ssl.SSLContext, certificate: tuple[Path, Path]
) -> None:
    with BadRegistry(secure) as registry:
        registry.script("GET", PATH, Content(DATA))
        registry.host = f"localhost:{registry.port}"
        with pytest.raises(UntrustedServer):
            fetch(registry, plain_http=False, change=trusting(Tls(authorities=(certificate[0],))))


def test_insecure_registry_needs_no_authority(secure: ssl.SSLContext) -> None:
    with BadRegistry(secure) as registry:
        registry.script("GET", PATH, Content(DATA))
        assert fetch(registry, plain_http=False, change=trusting(Tls(verify=False))) == DATA


def test_cut_within_tls_is_continued(secure: ssl.SSLContext) -> None:
    with BadRegistry(secure) as registry:
        cut = [Content(DATA, cut_at=100 * step, reset=True) for step in range(3)]
        registry.script("GET", PATH, *cut, Content(DATA))
        assert fetch(registry, plain_http=False, change=trusting(Tls(verify=False))) == DATA


def test_authority_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with BadRegistry() as registry, pytest.raises(UntrustedServer, match=r"gone\.crt"):
        fetch(registry, plain_http=False, change=trusting(Tls(authorities=(tmp_path / "gone.crt",))))


def test_plain_server_is_not_spoken_to_where_https_is_needed() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, Content(DATA))
        with pytest.raises(ShaleError):
            fetch(registry, plain_http=False)
        assert registry.seen == []


def test_server_that_answers_tls_with_text_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        made = rig(f"127.0.0.1:{listener.getsockname()[1]}", plain_http=False)
        with made.client, pytest.raises(NoTls):
            made.repository().blobs.fetch(DESCRIPTOR, MemorySink())
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_redirect_from_https_to_http_is_refused(secure: ssl.SSLContext, certificate: tuple[Path, Path]) -> None:
    with BadRegistry() as storage, BadRegistry(secure) as registry:
        registry.script("GET", PATH, Reply(307, {"Location": f"http://{storage.host}/data"}))
        with pytest.raises(RefusedTarget, match="not encrypted"):
            fetch(registry, plain_http=False, change=trusting(Tls(authorities=(certificate[0],))))
        assert storage.connections == 0


def test_redirect_to_http_on_the_same_host_stays_on_https(
    secure: ssl.SSLContext, certificate: tuple[Path, Path]
) -> None:
    with BadRegistry(secure) as registry:
        registry.script("GET", PATH, Reply(307, {"Location": f"http://{registry.host}/data"}))
        registry.script("GET", "/data", Content(DATA))
        change = trusting(Tls(authorities=(certificate[0],)))
        assert fetch(registry, plain_http=False, change=change) == DATA


# http or https


def test_loopback_is_asked_by_http_at_once() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, Content(DATA))
        assert fetch(registry) == DATA
        assert registry.connections == 1


def test_tls_on_loopback_is_found_and_remembered(secure: ssl.SSLContext) -> None:
    with BadRegistry(secure) as registry:
        registry.script("GET", PATH, Content(DATA))
        made = rig(registry.host, change=trusting(Tls(verify=False)))
        with made.client:
            for _ in range(3):
                made.repository().blobs.fetch(DESCRIPTOR, MemorySink())
        assert registry.connections == 2, "one try by http, then one kept connection"
        assert len(registry.seen) == 3


def test_real_400_of_a_plain_server_stays_what_it_is() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, error(400, "DIGEST_INVALID", "a bad digest"))
        with pytest.raises(ShaleError, match="a bad digest"):
            fetch(registry)


# Waits


@pytest.mark.parametrize("reply", [Reply(stall_at=0, length=len(DATA)), Reply(drip=0.02, body=DATA)])
def test_slow_answers_are_given_up(reply: Reply) -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, reply)
        with pytest.raises(TransferStalled):
            fetch(registry, timeouts=SHORT)


def test_head_that_does_not_end_is_given_up() -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\n"
    good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(DATA), DATA)
    with BadRegistry() as registry:
        registry.script("GET", PATH, Reply(raw=head * 3 + good))
        assert fetch(registry) == DATA
        registry.script("GET", PATH, Reply(raw=head * 100_000 + good))
        with pytest.raises(ConnectionCut, match="does not end"):
            fetch(registry)


def test_unknown_host_is_told_at_once() -> None:
    made = rig("no-such-host.invalid:5000")
    with made.client, pytest.raises(HostUnknown, match="check the name"):
        made.repository().blobs.fetch(DESCRIPTOR, MemorySink())
    assert made.events == []


@pytest.mark.parametrize("moment", ["stalled body", "no answer", "between tries"])
def test_cancel_ends_a_wait(moment: str) -> None:
    cancel = Cancellation()
    with BadRegistry() as registry:
        stalled: dict[str, Step] = {
            "stalled body": Content(DATA, stall_at=100),
            "no answer": Reply(drip=5.0),
            "between tries": Reply(429, {"Retry-After": "50"}),
        }
        registry.script("GET", PATH, stalled[moment])
        failures: list[BaseException] = []
        sink = MemorySink()
        made = rig(registry.host, cancel=cancel, timeouts=STEADY)

        def work() -> None:
            try:
                made.repository().blobs.fetch(DESCRIPTOR, sink)
            except Stopped as error:
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not registry.seen or (moment == "stalled body" and not sink.data):
            time.sleep(0.005)
        cancel.cancel()
        thread.join(10)
        assert not thread.is_alive()
        assert len(failures) == 1
        made.client.close()


def test_cancelled_client_starts_nothing() -> None:
    cancel = Cancellation()
    cancel.cancel()
    with BadRegistry() as registry:
        with pytest.raises(Stopped):
            fetch(registry, cancel=cancel)
        assert registry.connections == 0


def test_cancel_ends_a_tls_handshake() -> None:
    cancel = Cancellation()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = rig(f"127.0.0.1:{silent.getsockname()[1]}", plain_http=False, cancel=cancel)
        done: list[BaseException] = []

        def work() -> None:
            try:
                made.repository().blobs.fetch(DESCRIPTOR, MemorySink())
            except ShaleError as error:
                done.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)
            cancel.cancel()
            thread.join(8)
        assert not thread.is_alive()
        assert isinstance(done[0], Stopped)


# Proxies


class OneProxy:
    def __init__(self, url: str) -> None:
        self.url = url

    def proxy_for(self, url: str) -> str | None:
        return self.url


def test_plain_request_goes_through_the_proxy_with_its_password() -> None:
    with BadRegistry() as proxy:
        proxy.script("GET", "http://registry.test:5000/v2/", Reply(body=b"{}"))
        transport = Transport(
            agent="shale/test", cancel=Cancellation(), proxies=OneProxy(f"http://me:secret@{proxy.host}")
        )
        endpoint = Endpoint("registry.test:5000", "app", "registry.test", plain_http=True)
        with transport.request(endpoint, Request("GET", "http://registry.test:5000/v2/")) as response:
            assert response.status == 200
        transport.close()
        (seen,) = proxy.seen
    assert seen.headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"
    assert seen.headers["host"] == "registry.test:5000"


def test_proxy_that_refuses_a_tunnel_is_an_error_of_ours() -> None:
    with BadRegistry() as proxy:
        proxy.script("CONNECT", "registry.test:443", Reply(407))
        transport = Transport(agent="x", cancel=Cancellation(), proxies=OneProxy(f"http://{proxy.host}"))
        endpoint = Endpoint("registry.test", "app", "registry.test")
        with pytest.raises(ShaleError, match="407"):
            transport.request(endpoint, Request("GET", "https://registry.test/v2/"))
        transport.close()


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain proxy", "proxy with TLS"])
def test_registry_with_tls_is_reached_through_a_tunnel(
    secure: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, *, over_tls: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    large = bytes(range(256)) * 20_000
    with BadRegistry(secure) as registry, Tunnel(secure if over_tls else None) as tunnel:
        registry.script("GET", "/v2/", Reply(body=b"{}"))
        registry.script("PUT", "/large", lambda seen: Reply(201, body=seen.body))
        transport = Transport(agent="x", cancel=Cancellation(), proxies=OneProxy(tunnel.url))
        endpoint = Endpoint(registry.host, "app", registry.host)
        for _ in range(2):
            with transport.request(endpoint, Request("GET", f"https://{registry.host}/v2/")) as response:
                assert response.read_bounded(100, "it") == b"{}"
        put = Request("PUT", f"https://{registry.host}/large", body=large)
        with transport.request(endpoint, put) as response:
            assert response.read_bounded(len(large), "it") == large
        transport.close()
        assert tunnel.asked == [f"CONNECT {registry.host} HTTP/1.1"], "one tunnel for all requests"
        assert registry.seen[0].target == "/v2/"


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain proxy", "proxy with TLS"])
def test_a_tunnel_makes_no_certificate_good(
    secure: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, *, over_tls: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with BadRegistry(secure) as registry, Tunnel(secure if over_tls else None) as tunnel:
        registry.script("GET", "/v2/", Reply(body=b"{}"))
        transport = Transport(agent="x", cancel=Cancellation(), proxies=OneProxy(tunnel.url))
        elsewhere = f"localhost:{registry.port}"  # the certificate is for 127.0.0.1
        endpoint = Endpoint(elsewhere, "app", elsewhere)
        with pytest.raises(UntrustedServer, match="localhost"):
            transport.request(endpoint, Request("GET", f"https://{elsewhere}/v2/"))
        transport.close()
        assert registry.seen == []


def test_proxy_with_tls_that_nobody_knows_is_not_trusted(secure: ssl.SSLContext) -> None:
    with Tunnel(secure) as tunnel:
        transport = Transport(agent="x", cancel=Cancellation(), proxies=OneProxy(tunnel.url))
        endpoint = Endpoint("registry.test", "app", "registry.test")
        with pytest.raises(UntrustedServer):
            transport.request(endpoint, Request("GET", "https://registry.test/v2/"))
        transport.close()
        assert tunnel.asked == []


# Connections


def test_refused_connection_is_final_at_once() -> None:
    with BadRegistry() as registry:
        host = registry.host
    made = rig(host)
    with made.client, pytest.raises(ConnectionRefused, match="connection refused"):
        made.repository().blobs.fetch(DESCRIPTOR, MemorySink())
    assert made.events == []


def test_registry_that_goes_away_is_waited_for() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, Content(DATA))
        made = rig(registry.host)
        made.repository().blobs.fetch(DESCRIPTOR, MemorySink())
    with made.client, pytest.raises(ConnectFailed, match="connection refused"):
        made.repository().blobs.fetch(DESCRIPTOR, MemorySink())
    assert len(made.events) == 2, "three tries"


@pytest.mark.parametrize("how", ["closed", "talked on"])
def test_kept_connection_on_which_something_happened_is_not_used(how: str) -> None:
    answers: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = Transport(agent="x", cancel=Cancellation())
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        endpoint = Endpoint(host, "app", host, plain_http=True)

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                answers.append(connection)
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=serve)
        thread.start()
        for _ in range(2):
            with transport.request(endpoint, Request("GET", f"http://{host}/v2/")) as response:
                assert response.read_bounded(2, "it") == b"{}"
            if how == "closed":
                answers[-1].shutdown(socket.SHUT_RDWR)
            else:
                answers[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        thread.join(20)
        assert not thread.is_alive(), "each request had a connection of its own"
        transport.close()
        for connection in answers:
            connection.close()
