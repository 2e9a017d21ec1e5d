"""The server as processes: start, drain, restart, swap under load, raw HTTP, what it must not import."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from callers import Calls, call
from flyball.core.errors import StoreError
from flyball.server.run import serve
from flyball.serving.segments import segments
from served import MODEL, Site, body, linear, serving

ROW = {"hour": 3, "temp": 1.0, "rain": True}
ASK = body(features=ROW)


def request(url: str, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
    answer = connection.getresponse()
    found = answer.status, answer.read(), dict(answer.getheaders())
    connection.close()
    return found


def wait_until_ready(url: str) -> None:
    for _ in range(200):
        if request(url, "GET", "/health/ready")[0] == 200:
            return
        time.sleep(0.05)
    raise AssertionError("never ready")


def test_no_request_fails_while_versions_are_swapped(made: Site) -> None:
    for version in range(2, 7):
        made.add(version, linear([0.0, 0.1 * version, 0.0], 0.0))

    found, enough = Calls(), asyncio.Event()

    async def swap() -> None:
        for version in range(1, 7):
            if version > 1:
                made.deploy(version)
            while version not in found.versions[-200:]:  # on a busy machine a version that is not waited for may be passed over
                await asyncio.sleep(0.02)
        enough.set()

    async def story(url: str) -> None:
        await asyncio.gather(call(url, ASK, 60.0, enough=enough, into=found), asyncio.wait_for(swap(), 60.0))

    with serving(made.settings()) as (url, _):
        wait_until_ready(url)
        asyncio.run(story(url))
    versions = found.versions
    assert found.failures == []
    assert set(versions) == {1, 2, 3, 4, 5, 6}
    assert made.ports.predictions.ingest() == 0  # the supervisor ingested all, once more at the end
    from datetime import UTC, datetime, timedelta

    from flyball.core.window import Window

    now = datetime.now(UTC)
    counted = made.ports.predictions.count(MODEL, Window(start=now - timedelta(hours=1), end=now))
    assert sum(counted.values()) == len(versions)
    assert segments(made.settings().segments) == []


def test_a_killed_worker_is_replaced_and_the_others_go_on(made: Site) -> None:
    with serving(made.settings(workers=2)) as (url, process):
        wait_until_ready(url)
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True)
        first, *_ = (int(pid) for pid in listed.stdout.split())
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True)
            pids = {int(pid) for pid in listed.stdout.split()}
            if first not in pids and len(pids) == 2:
                break
            time.sleep(0.05)
        assert first not in pids and len(pids) == 2
        for _ in range(20):
            assert request(url, "POST", "/predict", ASK)[0] == 200


def test_what_a_killed_worker_answered_is_in_the_log_or_counted_as_lost(made: Site) -> None:
    with serving(made.settings(flush_every=5.0)) as (url, process):
        wait_until_ready(url)
        for _ in range(7):
            assert request(url, "POST", "/predict", ASK)[0] == 200
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True)
        os.kill(int(listed.stdout.split()[0]), signal.SIGKILL)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                page = request(url, "GET", "/metrics")[1].decode()
                break
            except OSError:
                time.sleep(0.1)
        logged = made.ports.predictions.ingest()
        assert f'flyball_log_rows_total{{state="lost"}} {7 - logged}' in page


def test_workers_end_when_their_supervisor_is_killed(made: Site) -> None:
    with serving(made.settings()) as (url, process):
        wait_until_ready(url)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                request(url, "GET", "/health/live")
            except OSError:
                return
            time.sleep(0.05)
        raise AssertionError("the worker still answers")


def test_counters_are_added_up_over_workers(made: Site) -> None:
    with serving(made.settings(workers=2)) as (url, _):
        wait_until_ready(url)
        for _ in range(30):
            assert request(url, "POST", "/predict", ASK)[0] == 200
        wanted = f'model_predictions_total{{model="{MODEL}",version="1",variant="champion"}} 30'
        deadline = time.monotonic() + 10
        while wanted not in (page := request(url, "GET", "/metrics")[1].decode()):
            assert time.monotonic() < deadline, page
            time.sleep(0.1)


def test_an_outcome_finds_a_prediction_of_another_worker(made: Site) -> None:
    with serving(made.settings(workers=2)) as (url, _):
        wait_until_ready(url)
        for number in range(10):
            assert request(url, "POST", "/predict", body(features=ROW, id=f"f{number}"))[0] == 200
            status, content, _ = request(url, "POST", "/outcomes", body(id=f"f{number}", actual=1))
            assert status == 200, content


def test_a_taken_port_is_said_before_anything_starts(made: Site) -> None:
    below, above = os.pipe()
    with socket.socket() as taken:
        os.close(below)  # a gap below the socket, for the descriptor that lists descriptors and is gone when they are read
        os.close(above)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StoreError, match=f"port {port} of 127.0.0.1 is in use by process {os.getpid()}"):
            serve(made.settings(port=port), "flyball.wiring:server_ports")


def test_a_worker_loads_nothing_that_learns_or_counts(made: Site) -> None:
    code = (
        "import sys, asyncio, json\n"
        "from pathlib import Path\n"
        "import flyball.server.worker, flyball.server.run\n"
        "from flyball.server.app import make_app, running\n"
        "from flyball.server.settings import ServerSettings\n"
        "from flyball.wiring import server_ports\n"
        "folder = Path(sys.argv[1])\n"
        "async def main():\n"
        f"    async with running(make_app(ServerSettings(model={MODEL!r}, folder=folder), server_ports(folder))) as app:\n"
        f"        await app.predictor.answer({ASK!r})\n"
        "        from flyball.server.answers import Reply\n"
        "        for path in ('/metrics', '/health', '/docs', '/openapi.json'):\n"
        "            reply = await app.readable.reply({'path': path, 'method': 'GET', 'headers': []})\n"
        "            assert reply.status == 200, (path, reply)\n"
        "asyncio.run(main())\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(made.folder)], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)} | set(json.loads(done.stdout))
    heavy = {"mlflow", "pandas", "sklearn", "scipy", "dvc", "skl2onnx", "pyarrow", "rich", "cloudpickle"}
    counting = {"flyball.stats.bins", "flyball.data.cells"}
    assert loaded & (heavy | counting) == set()


def test_slow_headers_and_slow_bodies_are_ended(made: Site) -> None:
    with serving(made.settings(header_timeout=0.5, body_timeout=0.5)) as (url, _):
        wait_until_ready(url)
        host, _, port = url.removeprefix("http://").partition(":")
        slow = [
            b"",
            b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
            b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        ]
        connections = [socket.create_connection((host, int(port)), timeout=10) for _ in slow]
        for connection, content in zip(connections, slow, strict=True):
            connection.sendall(content)
        for connection in connections:
            answer = b""
            while part := connection.recv(4096):
                answer += part
            assert answer.startswith(b"HTTP/1.1 408") and b'{"error":' in answer
            connection.close()
        assert request(url, "POST", "/predict", ASK)[0] == 200
