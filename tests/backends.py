"""A model server that another team might run, on loopback: it answers as it is told, well or badly."""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

V2 = {
    "name": "m",
    "versions": ["1"],
    "platform": "onnxruntime_onnx",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
}
TF = {
    "model_spec": {"name": "m", "signature_name": "", "version": "3"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                "serving_default": {
                    "inputs": {
                        "x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "2"}]}, "name": "x:0"},
                    },
                    "outputs": {
                        "y": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "2"}]}, "name": "y:0"},
                    },
                    "method_name": "tensorflow/serving/predict",
                }
            }
        }
    },
}


class Backend(ThreadingHTTPServer):
    """`mood`: `well`, or what is wrong with its answers. `asked`: the bodies it was sent."""

    daemon_threads = True
    request_queue_size = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mood = "well"
        self.asked: list[bytes] = []
        self.v2: dict[str, Any] = dict(V2)
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection."""
        found, address = super().get_request()
        self._open.add(found)
        return found, address

    def close_request(self, request: Any) -> None:
        """A connection is over."""
        self._open.discard(request)
        super().close_request(request)

    def die(self) -> None:
        """Break every connection, as a process does that is killed."""
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        until = time.monotonic() + 5
        while self._open and time.monotonic() < until:
            time.sleep(0.005)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell of."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        page: Any = {"name": "other", "extensions": []}
        if self.server.mood == "packed":
            self._send(200, gzip.compress(b" " * (9 << 20)), {"content-encoding": "gzip"})
            return
        if self.path == "/v2/models/m":
            page = self.server.v2
        elif self.path.endswith("/metadata"):
            page = TF
        elif self.server.mood == "unready":
            self._send(503, b"{}")
            return
        self._send(200, json.dumps(page).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(body)
        given = json.loads(body)
        v2 = "inputs" in given
        rows = given["inputs"][0]["shape"][0] if v2 else len(given["instances"])
        values = given["inputs"][0]["data"] if v2 else [value for row in given["instances"] for value in row]
        scores: list[list[Any]] = [[1 - value, value] for value in values[0::2]]
        mood = self.server.mood
        if mood == "slow":
            time.sleep(2.0)
        elif mood == "garbage":
            self._send(200, b"<html>not what you want</html>")
            return
        elif mood == "fewer":
            scores, rows = scores[:-1], rows - 1
        elif mood == "shape":
            scores = [[*row, 0.0] for row in scores]
        elif mood == "texts":
            scores = [["a", "b"] for _ in scores]
        elif mood == "nan":
            scores = [[None, None] for _ in scores]
        elif mood in ("503", "429", "500", "404", "504"):
            self._send(int(mood), b'{"error": "secret internals"}')
            return
        elif mood == "moved":
            self.send_response(302)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()
            return
        elif mood == "cut":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b'{"outputs"')
            self.close_connection = True
            return
        flat = [value for row in scores for value in row]
        outputs = [{"name": "probabilities", "datatype": "FP32", "shape": [rows, 2], "data": flat}]
        self._send(200, json.dumps({"outputs": outputs} if v2 else {"predictions": scores}).encode())

    def _send(self, status: int, body: bytes, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def backend() -> Iterator[Backend]:
    """The server while it runs."""
    server = Backend()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        server.die()
        thread.join(5)
