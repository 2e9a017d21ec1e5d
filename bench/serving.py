"""CPU per request of `flyball serve` against `mlflow models serve`: RandomForest(100, depth 10), 20 features, one row per request.

CPU is counted over all processes of a server (supervisor, workers, ingestion into the database), because on a shared machine wall figures
say little; wall figures stand beside it. Payloads rotate: one row repeated flatters caches. Rounds alternate, the median counts.
Ours runs with everything on: split between two versions by unit, every prediction logged and ingested, metrics.

    python bench/serving.py [--rounds 3] [--seconds 5] [--connections 64]
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from sklearn.ensemble import RandomForestClassifier

from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.sklearn.convert import convert
from flyball.core.schema import Column, Schema
from flyball.registry.bundle import write_bundle
from flyball.registry.records import Lineage, Manifest
from flyball.registry.signing import load_key
from flyball.server.settings import ServerSettings, settings_to_json
from flyball.serving.records import Deployment
from flyball.wiring import server_ports

FEATURES = 20
PAYLOADS = 2_000
_SERVE = (
    "import sys; from flyball.server.run import serve; from flyball.server.settings import settings_from_json; "
    "sys.exit(serve(settings_from_json(sys.argv[1].encode()), 'flyball.wiring:server_ports'))"
)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=5.0)
    arguments.add_argument("--connections", type=int, default=64)
    arguments.add_argument("--only", choices=["flyball", "mlflow"])
    options = arguments.parse_args()
    rng = np.random.default_rng(7)
    x = rng.normal(size=(5_000, FEATURES))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=len(x)) > 0).astype(int)
    forests = [RandomForestClassifier(n_estimators=100, max_depth=10, random_state=seed, n_jobs=2).fit(x, y) for seed in (0, 1)]
    rows = [[round(float(v), 6) for v in row] for row in rng.normal(size=(PAYLOADS, FEATURES))]
    with tempfile.TemporaryDirectory() as folder:
        servers = {}
        if options.only != "mlflow":
            servers["flyball"] = start_flyball(Path(folder) / "flyball", forests, x)
        if options.only != "flyball":
            servers["mlflow"] = start_mlflow(Path(folder) / "mlflow", forests[0])
        bodies = {
            "flyball": [json.dumps({"features": row, "unit": f"customer-{number}"}).encode() for number, row in enumerate(rows)],
            "mlflow": [json.dumps({"inputs": [row]}).encode() for row in rows],
        }
        try:
            report(servers, bodies, options)
        finally:
            for process, _, _ in servers.values():
                end(process)


def report(
    servers: dict[str, tuple[subprocess.Popen[bytes], int, str]], bodies: dict[str, list[bytes]], options: argparse.Namespace
) -> None:
    micros: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(options.rounds + 1):  # the first round warms up
        for name, (process, port, path) in servers.items():
            seconds = options.seconds if number else 1.0
            before = cpu(process)
            count, slowest = asyncio.run(load(port, path, bodies[name], options.connections, seconds))
            if name == "flyball":
                time.sleep(2.5)  # let the log reach the database: its cost counts too
            spent = (cpu(process) - before) / count * 1e6
            if number:
                micros[name].append(spent)
                print(f"{name:8} {spent:9.1f} µs CPU/request  {count / seconds:9.0f} requests/s  p99 {slowest * 1000:7.1f} ms", flush=True)
    for name, (process, _, _) in servers.items():
        memory = ", ".join(f"{one.memory_info().rss / 2**20:.0f}" for one in family(process))
        print(f"{name:8} median {statistics.median(micros[name]):9.1f} µs CPU/request; RSS MB of its processes: {memory}")
    if len(servers) == 2:
        print(f"ratio    {statistics.median(micros['mlflow']) / statistics.median(micros['flyball']):.0f} x")


def start_flyball(folder: Path, forests: list[RandomForestClassifier], x: np.ndarray) -> tuple[subprocess.Popen[bytes], int, str]:
    folder.mkdir()
    schema = Schema(columns=tuple(Column(name=f"x{i}", kind="number", nullable=False) for i in range(FEATURES)))
    sample = pd.DataFrame(x[:50], columns=list(schema.names))
    key, bundles = load_key(folder / ".flyball" / "key"), LocalBundles(folder / ".flyball" / "bundles", folder / ".flyball" / "key")
    lineage = Lineage(
        run_id="bench",
        commit="",
        dirty_diff_sha256="",
        snapshot="",
        dvc_md5="",
        spec_digest="",
        code_digest="",
        identity="",
        environment_sha256="",
    )
    manifest = Manifest(
        bundle_format=1,
        model="bench",
        task="binary",
        schema=schema,
        classes=(0, 1),
        threshold=0.5,
        engine="onnx",
        engine_reason="",
        parity=None,
        files={},
        lineage=lineage,
        trained_from=None,
        trained_until=None,
        created_at=datetime.now(UTC),
    )
    digests = {}
    for version, forest in enumerate(forests, start=1):
        model = convert(forest, schema, "binary", sample)
        made = folder / f"made-{version}"
        write_bundle(made, replace(manifest, created_at=datetime.now(UTC)), {"model.onnx": model, "reference.json": b"{}"}, key)
        digests[version] = bundles.put(made)
    deployment = Deployment(
        model="bench", seq=1, champion=1, challenger=2, challenger_share=0.2, seed="bench", shadow=(), previous=None, bundles=digests
    )
    server_ports(folder).deployments.publish(deployment)
    port = free_port()
    settings = ServerSettings(model="bench", folder=folder, port=port)
    process = subprocess.Popen([sys.executable, "-c", _SERVE, settings_to_json(settings).decode()], start_new_session=True)
    wait(f"http://127.0.0.1:{port}/health/ready")
    return process, port, "/predict"


def start_mlflow(folder: Path, forest: RandomForestClassifier) -> tuple[subprocess.Popen[bytes], int, str]:
    import mlflow.sklearn

    folder.mkdir()
    mlflow.sklearn.save_model(forest, folder / "model", serialization_format="cloudpickle", pip_requirements=["scikit-learn"])
    port = free_port()
    process = subprocess.Popen(
        [Path(sys.executable).parent / "mlflow", "models", "serve", "-m", folder / "model", "-p", str(port), "--env-manager", "local"],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )
    wait(f"http://127.0.0.1:{port}/ping")
    return process, port, "/invocations"


async def load(port: int, path: str, bodies: list[bytes], connections: int, seconds: float) -> tuple[int, float]:
    """Requests answered and the 99th percentile of their times; every answer must be a 200."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (begun := time.perf_counter()) < until:
            writer.write(requests[number % len(requests)])
            number += connections
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - begun)
        writer.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    return len(times), sorted(times)[int(len(times) * 0.99)]


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    first = psutil.Process(process.pid)
    return [first, *first.children(recursive=True)]


def cpu(process: subprocess.Popen[bytes]) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in family(process))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(url: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"nothing answers at {url}")


def end(process: subprocess.Popen[bytes]) -> None:
    for one in family(process):
        if one.pid != process.pid:
            one.send_signal(signal.SIGTERM)
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    main()
