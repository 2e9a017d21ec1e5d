"""Real listeners for tests of what is sent: an HTTP server that answers as it is told, and mail servers."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Heard:
    """What an HTTP server was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Listener:
    """Where an HTTP server listens, and what it heard."""

    url: str
    heard: list[Heard] = field(default_factory=list)


Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer with this status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drip(over: threading.Event, what: bytes = b"HTTP/1.1 200 OK\r\nx: ") -> Answer:
    """An answer that begins and never gets to the end of its headers, a byte at a time."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(what)
        while not over.wait(0.05):
            try:
                handler.wfile.write(b"y")
                handler.wfile.flush()
            except OSError:
                return

    return answer


@contextmanager
def listening(answer: Answer | None = None) -> Iterator[Listener]:
    """An HTTP server on a free port of 127.0.0.1."""
    said = answer or status(200, b"ok")
    listener = Listener("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            listener.heard.append(Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            said(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Mailbox:
    """Handles what a mail server is sent: keeps it, or refuses the recipients named in `refuse`."""

    def __init__(self, refuse: tuple[str, ...] = ()) -> None:
        self.mails: list[Envelope] = []
        self.users: list[str] = []
        self._refuse = refuse

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self._refuse:
            return "550 no such person here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 taken"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"robot", b"s3cret-word")
        if right:
            self.users.append(data.login.decode())
        return AuthResult(success=right, handled=False)


class _Controller(Controller):
    """aiosmtpd's controller, waiting for a server with TLS only until it listens: it would greet it without TLS."""

    def _trigger_server(self) -> None:
        deadline = time.monotonic() + 5
        while True:
            try:
                socket.create_connection((self.hostname, self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


@contextmanager
def mail_server(box: Mailbox, *, tls: str = "none", certificate: Path | None = None, login: bool = False) -> Iterator[int]:
    """A real mail server on a free port."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    options: dict[str, Any] = {"tls_context": context} if tls == "starttls" else {}
    if login:
        options |= {"auth_required": True, "auth_require_tls": tls == "starttls", "authenticator": box.authenticate}
    controller = _Controller(
        box, hostname="127.0.0.1", port=closed_port(), ssl_context=context if tls == "tls" else None, ready_timeout=10, **options
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def make_certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    if shutil.which("openssl") is None:
        missing = "there is no openssl here to make a certificate with: apt-get install openssl"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    path = folder / "certificate.pem"
    made = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    order = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *made]
    subprocess.run(order, check=True, capture_output=True)
    path.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return path
