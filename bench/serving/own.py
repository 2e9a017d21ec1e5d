"""Our server: bundles and a deployment in a project's folder, and the command that serves them."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from bench.serving.environments import UnavailableError
from bench.serving.models import Served

from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.sklearn.compile import Case, Compiled, compile_model
from flyball.adapters.sklearn.convert import native_scores
from flyball.core.table import Table
from flyball.registry.bundle import write_bundle
from flyball.registry.records import EngineName, Lineage, Manifest
from flyball.registry.signing import load_key
from flyball.server.settings import ServerSettings, settings_to_json
from flyball.serving.records import Deployment
from flyball.wiring import server_ports

_SERVE = (
    "import sys; from flyball.server.run import serve; from flyball.server.settings import settings_from_json; "
    "sys.exit(serve(settings_from_json(sys.argv[1].encode()), 'flyball.wiring:server_ports'))"
)
_SPEC = """[model]
name = "bench"
task = "binary"

[data]
source = "data.csv"
target = "y"

[train]
run = "pipeline:train"
"""


def command(folder: Path, served: Served, port: int, settings: Mapping[str, Any]) -> list[str]:
    """Deploy a model in a fresh folder and give the command line of its server."""
    deploy(folder, served)
    wanted = ServerSettings(model="bench", folder=folder, port=port, **settings)
    return [sys.executable, "-c", _SERVE, settings_to_json(wanted).decode()]


def bare_command(folder: Path, served: Served, port: int) -> list[str]:
    """The bare request in one process (see `bare`)."""
    deploy(folder, served)
    return [sys.executable, "-m", "bench.serving.bare", settings_to_json(ServerSettings(model="bench", folder=folder, port=port)).decode()]


def cli_command(folder: Path, port: int) -> list[str]:
    """The server of a folder that was deployed before, as a user starts it."""
    (folder / "flyball.toml").write_text(_SPEC)
    return [sys.executable, "-m", "flyball", "-C", str(folder), "serve", "--port", str(port)]


def deploy(folder: Path, served: Served) -> EngineName:
    """One version per estimator; where there are two, the second is a challenger that answers 20 % of the units."""
    key, bundles = load_key(folder / ".flyball" / "key"), LocalBundles(folder / ".flyball" / "bundles", folder / ".flyball" / "key")
    digests = {}
    engine: EngineName = "onnx"
    for version, estimator in enumerate(served.estimators, start=1):
        model = compiled(estimator, served)
        engine = model.engine
        made = folder / f"made-{version}"
        manifest = replace(_manifest(served), engine=engine, parity=model.parity, created_at=datetime.now(UTC))
        write_bundle(made, manifest, {**model.files, "reference.json": b"{}"}, key)
        digests[version] = bundles.put(made)
    challenger = 2 if len(digests) > 1 else None
    server_ports(folder).deployments.publish(
        Deployment(
            model="bench",
            seq=1,
            champion=1,
            challenger=challenger,
            challenger_share=0.2 if challenger else 0.0,
            seed="bench",
            shadow=(),
            previous=None,
            bundles=digests,
        )
    )
    return engine


def compiled(estimator: Any, served: Served) -> Compiled:
    """The engine a training would choose, with its files. It must agree with the estimator on the rows that are asked for."""
    frame = pd.DataFrame(served.rows[:200], columns=list(served.columns))
    found = compile_model(
        Case(
            estimator=estimator,
            schema=served.schema,
            task="binary",
            threshold=0.5,
            classes=2,
            frame=frame,
            table=Table({name: frame[name].to_numpy() for name in served.columns}),
            native=native_scores(estimator, frame, "binary"),
        )
    )
    if found.engine == "native":
        raise UnavailableError(f"the model could not be compiled: {found.reason}")
    return found


def _manifest(served: Served) -> Manifest:
    names = ("run_id", "commit", "dirty_diff_sha256", "snapshot", "dvc_md5", "spec_digest", "code_digest", "identity", "environment_sha256")
    return Manifest(
        bundle_format=1,
        model="bench",
        task="binary",
        schema=served.schema,
        classes=(0, 1),
        threshold=0.5,
        engine="onnx",
        engine_reason="",
        parity=None,
        files={},
        lineage=Lineage(**{**dict.fromkeys(names, ""), "run_id": "bench"}),
        trained_from=None,
        trained_until=None,
        created_at=datetime.now(UTC),
    )
