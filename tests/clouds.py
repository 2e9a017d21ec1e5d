"""What a team has, for tests: an S3 of its own and a tracking server, the latter also behind a guard that wants to know who asks."""

import base64
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_DEFAULT_REGION": "us-east-1"}
USER, PASSWORD, TOKEN = "loop", "p@ss:word", "a-token-of-the-loop"


@contextmanager
def s3(bucket: str) -> Iterator[dict[str, str]]:
    """A running S3 with an empty bucket; gives the variables that lead to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import boto3  # type: ignore[import-untyped]  # it has no types
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        try:
            client = boto3.client(
                "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="not-a-secret"
            )
            client.create_bucket(Bucket=bucket)
            yield {**KEYS, "AWS_ENDPOINT_URL": address, "MLFLOW_S3_ENDPOINT_URL": address}
        finally:
            server.stop()


def keys_in(bucket: str, variables: dict[str, str]) -> list[str]:
    """The names of everything in a bucket."""
    import boto3

    client = boto3.client(
        "s3", endpoint_url=variables["AWS_ENDPOINT_URL"], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="x"
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


@contextmanager
def mlflow_server(folder: Path, *words: str, **variables: str) -> Iterator[str]:
    """A real tracking server; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder / 'server.db'}", *words),
        ],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **variables},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1).read()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Guard:
    """A server before another one: 401 without the right credentials, 403 for what is not permitted, and everything else passed on."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.forbids = ""
        """The beginning of the paths that nobody may use."""
        self.seen: set[str] = set()
        """The kinds of credentials that came."""

    def verdict(self, authorization: str, path: str) -> int:
        """200, or what is answered instead."""
        kind, _, given = authorization.partition(" ")
        self.seen.add(kind)
        right = {"Basic": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(), "Bearer": TOKEN}.get(kind)
        if right is None or given != right:
            return 401
        return 403 if self.forbids and path.startswith(self.forbids) else 200


@contextmanager
def guarded(behind: str) -> Iterator[tuple[str, Guard]]:
    """The guard before a server, and where it stands."""
    guard = Guard(behind)
    there = urlsplit(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            verdict = guard.verdict(self.headers.get("authorization", ""), self.path)
            if verdict != 200:
                return self._answer(verdict, {"content-type": "text/plain"}, b"who are you?" if verdict == 401 else b"not you")
            connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=60)
            try:
                left_out = ("host", "connection", "content-length", "accept-encoding")
                headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
                connection.request(self.command, self.path, body, headers)
                found = connection.getresponse()
                content = found.read()
            finally:
                connection.close()
            kept = {
                name: value
                for name, value in found.getheaders()
                if name.lower() not in ("content-length", "transfer-encoding", "connection")
            }
            return self._answer(found.status, kept, content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        setattr(Handler, f"do_{verb}", Handler._pass)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", guard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
