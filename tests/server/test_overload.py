"""Too much at once: the excess is turned away at once, health is told all the same, and memory stays bounded."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from served import Served, Site, body, serving

Play = Callable[..., Any]
ROW = {"hour": 3, "temp": 1.0, "rain": True}
ASK = body(features=ROW)


def test_beyond_the_cap_requests_are_turned_away_and_health_and_metrics_are_not(play: Play) -> None:
    async def story(served: Served) -> None:
        go = asyncio.Event()

        async def slow(path: str) -> list[dict[str, Any]]:
            """A request whose body comes when it is told to."""
            sent: list[dict[str, Any]] = []

            async def receive() -> dict[str, Any]:
                await go.wait()
                return {"type": "http.request", "body": ASK, "more_body": False}

            async def send(message: Any) -> None:
                sent.append(message)

            headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
            scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers, "query_string": b""}
            await served.app(scope, receive, send)
            return sent

        open_ones = [asyncio.create_task(slow("/predict")) for _ in range(4)]
        await asyncio.sleep(0)
        for path in ("/predict", "/outcomes", "/invocations"):
            refused = await served.post(path, {"features": ROW})
            assert refused.status_code == 503 and refused.headers["retry-after"] == "1" and refused.headers["connection"] == "close"
        for path in ("/health", "/health/live", "/health/ready", "/metrics", "/ping", "/v2/health/live", "/v2/health/ready"):
            assert (await served.get(path)).status_code == 200, path
        go.set()
        for sent in await asyncio.gather(*open_ones):
            assert sent[0]["status"] == 200
        assert (await served.post("/predict", {"features": ROW})).status_code == 200

    play(story, max_concurrency=4)


def slow_model(turns: int) -> bytes:
    """A model that is 0 everywhere and multiplies large matrices for it, so many times."""
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 3])
    size = 700
    nodes = [
        helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=1),
        helper.make_node("IsNaN", ["sum"], ["nan"]),
        helper.make_node("Where", ["nan", "zero", "zero"], ["s0"]),
        helper.make_node("ReduceMax", ["s0"], ["m0"], keepdims=1),
        helper.make_node("Add", ["big", "m0"], ["x0"]),
    ]
    for turn in range(turns):
        nodes.append(helper.make_node("MatMul", [f"x{turn}", "big"], [f"x{turn + 1}"]))
    nodes += [
        helper.make_node("ReduceMax", [f"x{turns}"], ["most"], keepdims=1),
        helper.make_node("Mul", ["s0", "most"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p1"]),
        helper.make_node("Sub", ["one", "p1"], ["p0"]),
        helper.make_node("Concat", ["p0", "p1"], ["probabilities"], axis=1),
    ]
    constants = {
        "axis": np.array([1], dtype=np.int64),
        "zero": np.zeros((1, 1), dtype=np.float32),
        "one": np.ones((1, 1), dtype=np.float32),
        "big": np.full((size, size), 1 / size, dtype=np.float32),
    }
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "slow", [features], [output], initializer=tensors)
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    return content


def memory(worker: int) -> int:
    """Resident bytes."""
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())[0]) * 1024


def test_a_slow_model_turns_the_excess_away_and_health_is_told_meanwhile(made: Site) -> None:
    made.add(2, slow_model(12))
    made.deploy(2)
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
    with serving(made.settings()) as (url, process):
        host, _, port = url.removeprefix("http://").partition(":")
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True)
        worker = int(listed.stdout)

        def burst(number: int) -> list[bytes]:
            """Requests that are all there when the worker looks: it sleeps while they are sent."""
            connections = []
            os.kill(worker, signal.SIGSTOP)
            try:
                for _ in range(number):
                    connections.append(socket.create_connection((host, int(port)), timeout=60))
                    connections[-1].sendall(head + b"%d\r\n\r\n%s" % (len(ASK), ASK))
            finally:
                os.kill(worker, signal.SIGCONT)
            answers = []
            for connection in connections:
                with connection:
                    parts = []
                    while part := connection.recv(65536):
                        parts.append(part)
                    answers.append(b"".join(parts))
            return answers

        burst(400)
        before = memory(worker)
        for _ in range(3):
            answers = burst(400)
            given = [answer for answer in answers if answer.startswith(b"HTTP/1.1 200")]
            refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
            assert len(given) + len(refused) == 400
            assert len(given) >= 256 and refused
            for answer in refused:
                assert b"retry-after: 1" in answer.lower()
                assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
        assert memory(worker) - before < 64 * 1024 * 1024
