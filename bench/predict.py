"""Batch scoring: `flyball predict` against `mlflow models predict`, RandomForest(100, depth 10), 20 features, one CSV file.

Both are whole processes that read the same CSV with the same forest: mlflow in its own environment (`--env-manager local`), ours with and
without the log, with and without the columns of the input given back. Wall and CPU seconds and the largest RSS; the time that the first
`ingest` then takes for the logged rows stands beside. `--growth` scores ever more rows and prints the RSS, which must not grow with them.

    python bench/predict.py [--rows 1000000] [--rounds 3] [--only flyball] [--growth] [--share 0.2]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from sklearn.ensemble import RandomForestClassifier

from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.trees.engine import FILE, kernel_forest
from flyball.adapters.trees.flat import to_bytes
from flyball.adapters.trees.flatten import flatten
from flyball.core.schema import Column, Schema
from flyball.registry.bundle import write_bundle
from flyball.registry.records import Lineage, Manifest
from flyball.registry.signing import load_key
from flyball.serving.records import Deployment
from flyball.settings import read_settings
from flyball.stores import open_stores

FEATURES = 20
NAMES = [f"x{number}" for number in range(FEATURES)]
SPEC = """
[model]
name = "bench"
task = "binary"
[data]
source = "in.csv"
target = "y"
[train]
run = "pipeline:train"
[evaluate]
metrics = ["brier"]
split = { by = "rows" }
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", choices=["flyball", "mlflow"])
    arguments.add_argument("--growth", action="store_true")
    arguments.add_argument("--share", type=float, default=0.0, help="the challenger's share")
    options = arguments.parse_args()
    rng = np.random.default_rng(7)
    x = rng.normal(size=(5_000, FEATURES))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=len(x)) > 0).astype(int)
    forests = [RandomForestClassifier(n_estimators=100, max_depth=10, random_state=seed, n_jobs=2).fit(x, y) for seed in (0, 1)]
    for forest in forests:
        forest.n_jobs = None
    print(f"tree kernel: {'compiled' if kernel_forest() is not None else 'not compiled: numpy'}; processors: {os.cpu_count()}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_project(folder / "project", forests, options.share)
        if options.growth:
            for rows in (options.rows // 5, options.rows, options.rows * 5):
                write_rows(folder / "in.csv", rows, rng)
                wall, cpu, memory = ours(folder, "--keep", "none")
                print(f"{rows:>10,} rows: {wall:6.1f} s wall, {cpu:6.1f} s CPU, largest RSS {memory:5.0f} MB", flush=True)
            return
        write_rows(folder / "in.csv", options.rows, rng)
        compare(folder, forests[0], options)


def compare(folder: Path, forest: RandomForestClassifier, options: argparse.Namespace) -> None:
    found: dict[str, list[tuple[float, float, float]]] = {}
    ways: dict[str, tuple[str, ...]] = {} if options.only == "flyball" else {"mlflow models predict": ()}
    if options.only != "mlflow":
        ways |= {
            "flyball predict --no-log --keep none": ("--no-log", "--keep", "none"),
            "flyball predict --keep none": ("--keep", "none"),
            "flyball predict (all columns back)": (),
        }
    if options.only != "flyball":
        save_mlflow(folder / "model", forest)
    for _ in range(options.rounds):
        for name, words in ways.items():
            found.setdefault(name, []).append(mlflow(folder) if name.startswith("mlflow") else ours(folder, *words))
    print(f"{options.rows:,} rows x {FEATURES} features, CSV, median of {options.rounds} alternated rounds")
    for name, rounds in found.items():
        wall, cpu, memory = (statistics.median(values) for values in zip(*rounds, strict=True))
        per_row = cpu / options.rows * 1e6
        print(f"{name:40} {wall:6.2f} s wall {cpu:6.2f} s CPU ({per_row:5.2f} µs a row) RSS {memory:5.0f} MB", end="")
        if "mlflow models predict" in found:
            first = [statistics.median(values) for values in zip(*found["mlflow models predict"], strict=True)]
            print(f"  {first[0] / wall:5.1f} x by wall, {first[1] / cpu:5.1f} x by CPU", end="")
        print()
    if options.only != "mlflow":
        begun = time.perf_counter()
        rows = open_stores(read_settings(folder / "project", {})).predictions.ingest()
        print(f"then ingested once: {rows:,} rows in {time.perf_counter() - begun:.1f} s")


def ours(folder: Path, *words: str) -> tuple[float, float, float]:
    out = folder / "out.csv"
    out.unlink(missing_ok=True)
    shutil.rmtree(folder / "project" / ".flyball" / "log", ignore_errors=True)
    return measured([sys.executable, "-m", "flyball", "-C", folder / "project", "predict", folder / "in.csv", out, *words])


def mlflow(folder: Path) -> tuple[float, float, float]:
    command: list[str | Path] = [
        Path(sys.executable).parent / "mlflow",
        "models",
        "predict",
        "-m",
        folder / "model",
        "-i",
        folder / "in.csv",
    ]
    return measured([*command, "-i", folder / "in.csv", "-t", "csv", "-o", folder / "out.json", "--env-manager", "local"])


def measured(words: list[str | Path]) -> tuple[float, float, float]:
    """Wall and CPU seconds of a process and its children, and the largest RSS of one of them in MB."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = (
        "import resource, subprocess, sys\n"
        "status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(status, used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
    )
    begun = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
    )
    wall = time.perf_counter() - begun
    status, cpu, memory = said.stdout.split()
    if status != "0":
        sys.exit(f"{words} failed")
    return wall, float(cpu), int(memory) / (2**20 if sys.platform == "darwin" else 2**10)


def write_rows(path: Path, rows: int, rng: np.random.Generator) -> None:
    with pyarrow.csv.CSVWriter(path, pa.schema([(name, pa.float64()) for name in NAMES])) as writer:
        for start in range(0, rows, 100_000):
            values = rng.normal(size=(min(100_000, rows - start), FEATURES)).round(6)
            writer.write_table(pa.table(dict(zip(NAMES, values.T, strict=True))))


def save_mlflow(folder: Path, forest: RandomForestClassifier) -> None:
    import mlflow.sklearn

    mlflow.sklearn.save_model(forest, folder, serialization_format="cloudpickle", pip_requirements=["scikit-learn"])


def make_project(folder: Path, forests: list[RandomForestClassifier], share: float) -> None:
    """A project with two deployed versions; the second answers its share."""
    folder.mkdir()
    (folder / "flyball.toml").write_text(SPEC)
    schema = Schema(columns=tuple(Column(name=name, kind="number", nullable=False) for name in NAMES))
    key, bundles = load_key(folder / ".flyball" / "key"), LocalBundles(folder / ".flyball" / "bundles", folder / ".flyball" / "key")
    fields = (
        "run_id",
        "commit",
        "dirty_diff_sha256",
        "snapshot",
        "dvc_md5",
        "spec_digest",
        "code_digest",
        "identity",
        "environment_sha256",
    )
    manifest = Manifest(
        bundle_format=1,
        model="bench",
        task="binary",
        schema=schema,
        classes=(0, 1),
        threshold=0.5,
        engine="trees",
        engine_reason="",
        parity=None,
        files={},
        lineage=Lineage(**dict.fromkeys(fields, "")),
        trained_from=None,
        trained_until=None,
        created_at=datetime.now(UTC),
    )
    digests = {}
    for version, forest in enumerate(forests, start=1):
        made = folder / f"made-{version}"
        files = {FILE: to_bytes(flatten(forest, schema, "binary")), "reference.json": b"{}"}
        write_bundle(made, replace(manifest, created_at=datetime.now(UTC)), files, key)
        digests[version] = bundles.put(made)
    open_stores(read_settings(folder, {})).deployments.publish(
        Deployment(
            model="bench", seq=1, champion=1, challenger=2, challenger_share=share, seed="bench", shadow=(), previous=None, bundles=digests
        )
    )


if __name__ == "__main__":
    main()
