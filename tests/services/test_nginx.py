"""The proxy as it is deployed, in front of a site: a real nginx with the deployed settings.

Only what names a place is changed: ports, the folders of its files, who is behind.
"""

from __future__ import annotations

import datetime
import http.client
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.servers import MissingProgram, Server, find, free_port
from tests.support.site import COMMAND, ROOT, environment

PATIENCE = 60  # seconds
MEGABYTE = 2**20


@dataclass
class Proxy:
    """An nginx that runs, and how it is reached."""

    http_port: int
    https_port: int
    health_port: int
    certificate: Path
    log: Path

    def connect(self) -> http.client.HTTPSConnection:
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        return http.client.HTTPSConnection("localhost", self.https_port, timeout=PATIENCE, context=trusted)

    def get(self, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = self.connect()
        try:
            connection.request(
                "GET", path, headers={name.replace("_", "-"): v for name, v in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


class Behind(BaseHTTPRequestHandler):
    """What is asked of a site, told back; and a stream that says something now and then."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/stream":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("X-Accel-Buffering", "no")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            self.wfile.flush()
            self.server.may_go_on.wait(PATIENCE)  # type: ignore[attr-defined]
            self.wfile.write(b"data: second\n\n")
            self.close_connection = True
            return
        body = "".join(f"{name}: {value}\n" for name, value in self.headers.items()).encode() * 20
        self._answer(body)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        while length > 0:
            length -= len(self.rfile.read(min(length, MEGABYTE)))
        self._answer(b"taken\n")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def start(folder: Path, upstream: str, servers: str = "") -> Iterator[Proxy]:
    """The deployed nginx in front of ``upstream``, until the block ends; ``servers`` says who that is, where
    there are several."""
    try:
        program = find("nginx", package="nginx-light")
    except MissingProgram as missing:
        pytest.skip(str(missing))
    make_certificate(folder)
    http_port, https_port, health_port = free_port(), free_port(), free_port()
    log = folder / "access.log"
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    version = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < (1, 26):
        text = text.replace("http2 on;", "")  # what Debian 12 has says it otherwise
    places = {
        "/tmp/": f"{folder}/",  # noqa: S108 - first, for the others lead there
        "listen 80;": f"listen 127.0.0.1:{http_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https_port} ssl;",
        "127.0.0.1:8080": f"127.0.0.1:{health_port}",
        "/etc/nginx/tls/": f"{folder}/",
        "/dev/stdout": str(log),
        "/dev/stderr": str(folder / "error.log"),
        "http://web:8000": upstream,
    }
    for place, here in places.items():
        assert place in text, place
        text = text.replace(place, here)
    text = text.replace("\nhttp {\n", f"\nhttp {{\n{servers}\n")
    config = folder / "nginx.conf"
    config.write_text(text)
    checked = subprocess.run([program, "-t", "-c", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    # The workers of a server that root starts are somebody else, who may not enter the tests' folders.
    directives = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    server = Server([program, "-c", str(config), "-g", directives], port=https_port, log=folder / "nginx.log")
    try:
        server.wait_until(lambda: socket.create_connection(("127.0.0.1", https_port), 1).close(), (OSError,))
        yield Proxy(http_port, https_port, health_port, folder / "fullchain.pem", log)
    finally:
        server.stop()


@pytest.fixture
def behind() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    server.may_go_on = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.may_go_on.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(tmp_path: Path, behind: ThreadingHTTPServer) -> Iterator[Proxy]:
    """nginx in front of something that tells what it was asked."""
    yield from start(tmp_path, f"http://127.0.0.1:{behind.server_address[1]}")


def test_plain_http_leads_to_https(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.http_port, timeout=PATIENCE)
    connection.request("POST", "/sign-in?next=/x", headers={"Host": "maintenance.example.com"})
    answer = connection.getresponse()
    assert answer.status == 308  # so that a form is sent again as it was
    assert answer.headers["Location"] == "https://maintenance.example.com/sign-in?next=/x"
    assert "nginx/" not in str(answer.headers)


@pytest.mark.parametrize(
    ("newest", "served"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_old_tls_is_refused(proxy: Proxy, newest: ssl.TLSVersion, served: bool) -> None:
    context = ssl.create_default_context(cafile=str(proxy.certificate))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
    with socket.create_connection(("127.0.0.1", proxy.https_port), PATIENCE) as plain:
        if served:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                assert secure.version() == newest.name.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(plain, server_hostname="localhost")


def test_what_a_client_claims_about_itself_does_not_count(proxy: Proxy) -> None:
    _, _, body = proxy.get(
        "/", X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="http", X_Forwarded_Host="evil", X_Request_ID="mine"
    )
    told = dict(line.split(": ", 1) for line in body.decode().splitlines())
    assert told["X-Forwarded-For"] == "127.0.0.1"
    assert told["X-Forwarded-Proto"] == "https"
    assert told["X-Forwarded-Host"] == told["Host"] == "localhost"
    assert re.fullmatch("[0-9a-f]{32}", told["X-Request-ID"])


@pytest.mark.parametrize(
    "path", ["/metrics", "/healthz", "/readyz", "/%6detrics", "//metrics", "/x/../metrics"]
)
def test_what_is_for_the_machines_behind_is_hidden(proxy: Proxy, path: str) -> None:
    assert proxy.get(path)[0] == 404


def test_answers_are_compressed(proxy: Proxy) -> None:
    _, headers, body = proxy.get("/", Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert body.startswith(b"\x1f\x8b")


@pytest.mark.parametrize(("size", "status"), [(60 * MEGABYTE, 200), (65 * MEGABYTE, 413)])
def test_uploads_have_a_limit(proxy: Proxy, size: int, status: int) -> None:
    connection = proxy.connect()
    connection.putrequest("POST", "/machines/1/files")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    try:
        for _ in range(size // MEGABYTE):
            connection.send(bytes(MEGABYTE))
    except OSError:
        assert status == 413  # it does not listen to the end
    assert connection.getresponse().status == status


def test_events_arrive_as_they_happen(proxy: Proxy, behind: ThreadingHTTPServer) -> None:
    connection = proxy.connect()
    connection.request("GET", "/stream", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.readline() == b"data: first\n"  # the second is not even written yet
    behind.may_go_on.set()  # type: ignore[attr-defined]
    assert answer.read() == b"\ndata: second\n\n"


def test_who_guesses_passwords_is_slowed_down(proxy: Proxy) -> None:
    answers = [proxy.get("/sign-in")[0] for _ in range(30)]
    assert answers[:20] == [200] * 20
    assert 429 in answers
    assert proxy.get("/requests")[0] == 200


def test_the_log_keeps_no_secrets(proxy: Proxy) -> None:
    proxy.get("/reset/a-secret-token")
    proxy.get("/files/7?token=another-secret")
    deadline = time.monotonic() + PATIENCE
    while "/files/7" not in proxy.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    text = proxy.log.read_text()
    assert "/files/7" in text
    assert "secret" not in text


def test_it_tells_its_own_health_inside_its_container(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.health_port, timeout=PATIENCE)
    connection.request("GET", "/nginx-health")
    assert connection.getresponse().status == 204


def test_a_site_behind_it_is_safe_and_knows_who_asks(deployed_url: str, tmp_path: Path) -> None:
    port = free_port()
    settings = environment(
        tmp_path,
        MILLWRIGHT_DATABASE_URL=deployed_url,
        MILLWRIGHT_BASE_URL="https://localhost",
        MILLWRIGHT_PROXIES="1",
    )
    site = Server(
        [*COMMAND, "run", "--port", str(port)], port=port, log=tmp_path / "site.log", environment=settings
    )
    try:
        site.wait_until(lambda: socket.create_connection(("127.0.0.1", port), 1).close(), (OSError,))
        for proxy in start(tmp_path, f"http://127.0.0.1:{port}"):
            status, headers, _ = proxy.get("/sign-in")
            assert status == 200
            assert "max-age" in headers["Strict-Transport-Security"]
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            cookie = headers["Set-Cookie"]
            assert "Secure" in cookie and "HttpOnly" in cookie and "SameSite" in cookie
            assert len(headers.get_all("X-Request-ID")) == 1
            assert proxy.get("/metrics")[0] == 404
            smoke = [ROOT / "deploy" / "smoke-test", f"https://localhost:{proxy.https_port}", "--insecure"]
            tested = subprocess.run(["/bin/sh", *smoke], capture_output=True, text=True, check=False)
            assert tested.returncode == 0, tested.stdout + tested.stderr
            assert tested.stdout.count("ok: ") == 9
    finally:
        site.stop()
