"""Small models with known answers, bundled, deployed and served: what tests of the server and its clients stand on."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from onnx import TensorProto, helper

from flyball.adapters.local.bundles import LocalBundles
from flyball.core.schema import Column, Schema
from flyball.registry.bundle import write_bundle
from flyball.registry.records import Lineage, Manifest
from flyball.registry.signing import load_key
from flyball.server.app import App
from flyball.server.settings import ServerPorts, ServerSettings, settings_to_json
from flyball.serving.records import Deployment
from flyball.wiring import server_ports

MODEL = "flight-delay"
BREAKS = [0.0, 3e38, 0.0]  # weights with which a temp of 2 or more is beyond float32
NUMBERS = Schema(
    columns=(
        Column(name="hour", kind="integer", nullable=False),
        Column(name="temp", kind="number", nullable=True),
        Column(name="rain", kind="boolean", nullable=False),
    )
)
MIXED = Schema(
    columns=(
        Column(name="hour", kind="integer", nullable=False),
        Column(name="carrier", kind="category", nullable=False, categories=("AA", "UA")),
        Column(name="temp", kind="number", nullable=True),
    )
)


def linear(weights: Sequence[float], bias: float, *, regression: bool = False) -> bytes:
    """sigmoid(x·w + b) of a number model, missing as 0; for a regression x·w + b itself."""
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(weights)])
    constants = {
        "w": np.array(weights, dtype=np.float32).reshape(-1, 1),
        "b": np.array([bias], dtype=np.float32),
        "zero": np.array([0], dtype=np.float32),
    }
    nodes = [
        helper.make_node("IsNaN", ["features"], ["gone"]),
        helper.make_node("Where", ["gone", "zero", "features"], ["x"]),
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
    ]
    return _model(nodes, [features], constants, regression)


def mixed(weight: float, carriers: dict[str, float]) -> bytes:
    """sigmoid(weight·hour + value of the carrier), which is 0 for an unknown one."""
    inputs = [
        helper.make_tensor_value_info("hour", TensorProto.FLOAT, [None, 1]),
        helper.make_tensor_value_info("carrier", TensorProto.STRING, [None, 1]),
        helper.make_tensor_value_info("temp", TensorProto.FLOAT, [None, 1]),
    ]
    nodes = [
        helper.make_node("Mul", ["hour", "w"], ["hw"]),
        helper.make_node(
            "LabelEncoder",
            ["carrier"],
            ["cv"],
            domain="ai.onnx.ml",
            keys_strings=list(carriers),
            values_floats=list(carriers.values()),
            default_float=0.0,
        ),
        helper.make_node("Add", ["hw", "cv"], ["xw"]),
    ]
    return _model(nodes, inputs, {"w": np.array([weight], dtype=np.float32), "b": np.array([0], dtype=np.float32)}, False)


def _model(nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], constants: dict[str, np.ndarray], regression: bool) -> bytes:
    if regression:
        nodes = [*nodes, helper.make_node("Add", ["xw", "b"], ["variable"])]
        outputs = [helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 1])]
    else:
        constants = {**constants, "one": np.array([1], dtype=np.float32), "nought": np.array([0], dtype=np.float32)}
        nodes = [
            *nodes,
            helper.make_node("Add", ["xw", "b"], ["z"]),
            helper.make_node("Sigmoid", ["z"], ["s"]),
            helper.make_node("Mul", ["z", "nought"], ["n"]),  # not a number where z is infinite, which Sigmoid would hide
            helper.make_node("Add", ["s", "n"], ["p1"]),
            helper.make_node("Sub", ["one", "p1"], ["p0"]),
            helper.make_node("Concat", ["p0", "p1"], ["probabilities"], axis=1),
        ]
        outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])]
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "model", inputs, outputs, initializer=tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return content


def manifest(**changes: object) -> Manifest:
    """A manifest whose answers are 0 and 1 from .5 on."""
    lineage = Lineage(
        run_id="r",
        commit="",
        dirty_diff_sha256="",
        snapshot="s",
        dvc_md5="",
        spec_digest="d",
        code_digest="c",
        identity="i",
        environment_sha256="e",
    )
    plain = Manifest(
        bundle_format=1,
        model=MODEL,
        task="binary",
        schema=NUMBERS,
        classes=(0, 1),
        threshold=0.5,
        engine="onnx",
        engine_reason="",
        parity=None,
        files={},
        lineage=lineage,
        trained_from=None,
        trained_until=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the fields a test names


class Site:
    """A project folder with a database, bundles and a server's ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = load_key(folder / ".flyball" / "key")
        self.bundles = LocalBundles(folder / ".flyball" / "bundles", folder / ".flyball" / "key")
        self.ports: ServerPorts = server_ports(folder)
        self.digests: dict[int, str] = {}
        self.seq = 0

    def add(self, version: int, content: bytes, **changes: object) -> str:
        """Bundle a model as a version."""
        made = self.folder / "made" / str(version)
        made.parent.mkdir(exist_ok=True)
        write_bundle(made, manifest(**changes), {"model.onnx": content, "reference.json": b"{}"}, self.key)
        self.digests[version] = self.bundles.put(made)
        return self.digests[version]

    def deploy(
        self,
        champion: int,
        *,
        challenger: int | None = None,
        share: float = 0.0,
        shadow: tuple[int, ...] = (),
        model: str = MODEL,
        within: timedelta | None = None,
        **changes: object,
    ) -> Deployment:
        """Publish what should serve; with `within`, let servers get ready for it first."""
        self.seq += 1
        deployment = Deployment(
            model=model,
            seq=self.seq,
            champion=champion,
            challenger=challenger,
            challenger_share=share,
            seed="seed",
            shadow=shadow,
            previous=None,
            bundles=dict(self.digests),
        )
        deployment = replace(deployment, **changes)  # type: ignore[arg-type]  # the fields a test names
        if within is None:
            self.ports.deployments.publish(deployment)
        else:
            self.ports.deployments.prepare(deployment, within=within)
        return deployment

    def settings(self, **changes: object) -> ServerSettings:
        """How the tests serve."""
        return replace(ServerSettings(model=MODEL, folder=self.folder, port=0, lame_duck=0.2), **changes)  # type: ignore[arg-type]  # as above


def site(folder: Path) -> Site:
    """A site with one version: 0.5·temp + rain, positive from there on, of numbers only."""
    folder.mkdir(exist_ok=True)
    (folder / ".flyball").mkdir(exist_ok=True)
    made = Site(folder)
    made.add(1, linear([0.0, 0.5, 1.0], 0.0))
    return made


class Served:
    """An app and a way to speak to it."""

    def __init__(self, made: Site, app: App) -> None:
        self.site = made
        self.app = app
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")

    async def post(self, path: str, content: bytes | dict[str, Any] | list[Any], **headers: str) -> httpx.Response:
        """POST JSON."""
        if isinstance(content, bytes):
            return await self.client.post(path, content=content, headers={"content-type": "application/json", **headers})
        return await self.client.post(path, json=content, headers=headers)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """GET."""
        return await self.client.get(path, headers=headers)

    async def look(self) -> None:
        """Take up what is deployed."""
        await self.app.reloader.look()

    async def logged(self) -> int:
        """Flush and ingest; how many rows reached the database."""
        await self.app.log.settle()
        return self.site.ports.predictions.ingest()


_SERVE = (
    "import sys; from flyball.server.run import serve; from flyball.server.settings import settings_from_json; "
    "sys.exit(serve(settings_from_json(sys.argv[1].encode()), sys.argv[2]))"
)


@contextmanager
def serving(settings: ServerSettings, ports: str = "flyball.wiring:server_ports") -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server in processes of its own: its URL and its supervisor; ended, by force if need be, at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, settings_to_json(settings).decode(), ports], stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    lines: queue.Queue[str] = queue.Queue()
    assert process.stderr is not None
    stream = process.stderr

    def read() -> None:
        for line in stream:
            lines.put(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    said = []
    try:
        while not (line := lines.get(timeout=30)).startswith("listening on "):
            said.append(line)
        yield line.removeprefix("listening on ").strip(), process
    except queue.Empty:
        raise AssertionError(f"the server did not start: {''.join(said)}") from None
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(5)
        stream.close()


def body(**request: object) -> bytes:
    """JSON."""
    return json.dumps(request).encode()
