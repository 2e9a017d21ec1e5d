"""A quarter of simulated days: a small town's customers, a real loop over SQLite, and trainings that run in this process."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flyball.adapters.child.fit import run_fit
from flyball.adapters.child.trainer import ChildTrainer
from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.local.workspace import LocalWorkspace
from flyball.adapters.memory.executor import MemoryExecutor
from flyball.adapters.memory.registry import MemoryRegistry
from flyball.adapters.mlflow.in_child import RunWatch
from flyball.adapters.pandas.arrow import read_parquet, write_parquet
from flyball.adapters.sqlite.counts import SqliteCounts
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.deployments import SqliteDeployments
from flyball.adapters.sqlite.guards import SqliteGuards
from flyball.adapters.sqlite.journal import SqliteJournal
from flyball.adapters.sqlite.looks import SqliteLooks
from flyball.adapters.sqlite.outcomes import SqliteOutcomeLog
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.adapters.sqlite.reports import SqliteReports
from flyball.adapters.sqlite.traffic import SqliteTraffic
from flyball.core.codec import from_plain, to_plain
from flyball.core.digest import sha256_file
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.core.window import parse_time, to_micros
from flyball.data.findings import Finding
from flyball.data.records import Snapshot
from flyball.data.source import Prepared
from flyball.journal.events import Entry, Registered
from flyball.loop.engine import tick
from flyball.loop.making.training import Workshop, train
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.ports.training import Embedded, Fitted, Job, RunReport
from flyball.registry.bundle import read_manifest
from flyball.registry.signing import load_key
from flyball.serving.engine import Engine, load_engine
from flyball.serving.records import Outcome, PredictionBatch
from flyball.spec.load import load_spec
from flyball.spec.records import Spec
from flyball.training.records import FitOrder

MODEL = "town"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PER_DAY = 250
PIPELINE = """
from sklearn.linear_model import LogisticRegression


def train(frame, target, flip=False):
    return LogisticRegression().fit(frame, 1 - target if flip else target)
"""
SPEC = """
[model]
name = "town"
task = "binary"
[data]
source = "data/history.parquet"
target = "left"
features = ["price", "calls"]
id = "customer"
time = "seen_at"
outcome_time = "known_at"
matures = "1d"
[train]
run = "quarter_pipeline:train"
params = { flip = false }
[evaluate]
metrics = ["roc_auc", "brier"]
gate = [ { metric = "roc_auc", at_least = 0.6 }, { metric = "brier", not_worse = "champion", margin = 0.005 } ]
[rollout]
strategy = "shadow"
metric = "brier"
deadline = "21d"
watch = "14d"
[monitor]
floor = { metric = "brier", drop = 0.02 }
performance_window = "7d"
[retrain]
on = ["performance", "schedule"]
every = "28d"
from = "source+log"
window = "21d"
cooldown = "7d"
min_outcomes = 500
"""


def people(day: int, seed: int, *, changed: bool) -> pd.DataFrame:
    """The customers of one day. Once it has changed, calls mean the opposite of what they meant."""
    chance = np.random.default_rng([seed, day + 1_000])
    seen = FIRST + day * DAY + pd.to_timedelta(np.sort(chance.integers(0, 86_400, PER_DAY)), unit="s")
    price, calls = chance.normal(size=PER_DAY), chance.normal(size=PER_DAY)
    odds = 1.5 * price + (-1.5 if changed else 1.5) * calls
    left = (chance.uniform(size=PER_DAY) < 1 / (1 + np.exp(-odds))).astype(int)
    known = seen + pd.to_timedelta(chance.integers(3_600, 80_000, PER_DAY), unit="s")
    names = [f"d{day}-{number}" for number in range(PER_DAY)]
    return pd.DataFrame({"customer": names, "seen_at": seen, "known_at": known, "price": price, "calls": calls, "left": left})


class InProcess:
    """The port `Trainer` without a child process: the same reading, fitting and compiling."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._reader = ChildTrainer(project, tracking_uri="", artifacts="", experiment="", echo=lambda _: None)
        self._runs = RunWatch(tracking_uri="", artifacts="", lock=None, tell=lambda _: None)

    def warm(self) -> None:
        """There is nothing to start."""

    def validate(self, spec: Spec, rows: Table | None = None) -> list[Finding]:
        return self._reader.validate(spec, rows)

    def prepare(self, spec: Spec) -> Prepared:
        return self._reader.prepare(spec)

    def fit(self, order: FitOrder) -> Fitted:
        command = {name: getattr(order, name) for name in ("run", "task", "threshold", "target", "python", "given", "weight")}
        command |= {"params": dict(order.params), "schema": to_plain(order.schema), "folder": str(order.folder), "command": []}
        argv = list(sys.argv)
        try:
            answer: dict[str, Any] = run_fit(command, self._project, self._runs)
        finally:
            sys.argv[:] = argv
        return from_plain({**answer, "log": ""}, Fitted)

    def score(self, bundle: Path, digest: str, table: Table, folder: Path) -> NDArray[np.float64]:
        raise AssertionError("every model of this town is converted")

    def embed(
        self, bundle: Path, digest: str, model: Path, table: Table, columns: Mapping[str, bool], folder: Path
    ) -> Mapping[str, Embedded]:
        raise AssertionError("nobody in this town looks at texts")

    def close(self) -> None:
        """There is nothing to end."""


class Shelf:
    """The ports `Snapshots` and `Tracker`: files in a folder, without DVC and MLflow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[str, RunReport] = {}

    def write(self, table: Table, booleans: frozenset[str], folder: Path) -> tuple[Path, str]:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "snapshot.parquet"
        return path, write_parquet(table, path, booleans)

    def keep(self, path: Path, name: str) -> tuple[str, str]:
        target = self._folder / f"{sha256_file(path)}.parquet"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
        return str(target), ""

    def restore(self, snapshot: Snapshot) -> Table:
        return read_parquet(Path(snapshot.path)).table

    def copy(self, snapshot: Snapshot, into: Path) -> None:
        shutil.copyfile(snapshot.path, into)

    def push(self, snapshot: Snapshot) -> int:
        return 0

    def pull(self) -> int:
        return 0

    def find(self, model: str, identity: str) -> str:
        return next((run_id for run_id, report in self._runs.items() if report.identity == identity), "")

    def package(self, model: Path, *, schema: Schema, fitted: Fitted, code: Mapping[str, Path], folder: Path) -> None:
        folder.mkdir(parents=True)
        shutil.copyfile(model, folder / "model.pkl")

    def begin(self, model: str, run_id: str) -> str:
        return f"run{len(self._runs) + 1}"

    def record(self, report: RunReport) -> None:
        self._runs[report.run_id] = report

    def fetch(self, run_id: str, into: Path) -> None:
        raise AssertionError("every training of this town is finished where it began")


@dataclass
class Town:
    """A project, its loop, and the days that have been lived."""

    folder: Path
    seed: int = 1
    changes_on: int = 1_000
    flipped_on: int = 1_000
    text: str = SPEC
    day: int = 0
    serving: list[int | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "data").mkdir(parents=True)
        (self.folder / ".flyball").mkdir()
        (self.folder / ".flyball" / "key").write_text("5a" * 32)
        (self.folder / ".flyball" / "key").chmod(0o600)
        (self.folder / "quarter_pipeline.py").write_text(PIPELINE)
        (self.folder / "flyball.toml").write_text(self.text)
        before = pd.concat([people(day, self.seed, changed=False) for day in range(-30, 0)])
        before.to_parquet(self.folder / "data" / "history.parquet", index=False)
        sys.path.append(str(self.folder))
        sys.modules.pop("quarter_pipeline", None)  # another town's, which may train otherwise
        self.spec = load_spec(self.folder)
        self.database = Database(self.folder / "flyball.db")
        log = SqlitePredictionLog(self.database, self.folder / ".flyball" / "log")
        bundles = LocalBundles(self.folder / ".flyball" / "bundles", self.folder / ".flyball" / "key")
        registry, shelf = MemoryRegistry(), Shelf(self.folder / "shelf")
        self.world = World(
            journal=SqliteJournal(self.database),
            predictions=log,
            outcomes=SqliteOutcomeLog(self.database, clock=lambda: FIRST),
            deployments=SqliteDeployments(self.database, clock=lambda: FIRST),
            bundles=bundles,
            registry=registry,
            executor=MemoryExecutor(self._job),
            reports=SqliteReports(self.database),
            looks=SqliteLooks(self.database),
            traffic=SqliteTraffic(self.database),
            counts=SqliteCounts(self.database),
            guards=SqliteGuards(self.database),
        )
        self.workshop = Workshop(
            journal=self.world.journal,
            predictions=log,
            bundles=bundles,
            registry=registry,
            trainer=InProcess(self.folder),
            snapshots=shelf,
            tracker=shelf,
            workspace=LocalWorkspace(self.folder),
            key=load_key(self.folder / ".flyball" / "key"),
        )
        self.memory = Memory()
        self._engines: dict[str, tuple[Engine, Schema]] = {}

    @property
    def now(self) -> datetime:
        """The midnight at which the present day begins."""
        return FIRST + self.day * DAY

    def begin(self) -> "Town":
        """Train the first champion on what happened before the quarter."""
        train(self.spec, self.workshop, now=self.now)
        tick(self.world, self.spec, self.memory, now=self.now)
        return self

    def close(self) -> None:
        """Let go of the database and of the place on the import path."""
        self.database.close()
        sys.path.remove(str(self.folder))

    def harmful(self) -> int:
        """A person trains a model on flipped labels; its version."""
        spec = replace(self.spec, train=replace(self.spec.train, params={"flip": True}))
        result = train(spec, self.workshop, now=self.now)
        assert result.version is not None
        return result.version

    def live(self, days: int) -> list[Entry]:
        """Each day: predictions, their outcomes, and at its end a look of the loop. What the loop wrote down."""
        written: list[Entry] = []
        for _ in range(days):
            rows = people(self.day, self.seed, changed=self.day >= self.changes_on)
            self._predict(rows)
            self.day += 1
            outcomes = [
                Outcome(actual=int(left) ^ (self.day > self.flipped_on), at=known.to_pydatetime(), entity=name)
                for name, left, known in zip(rows["customer"], rows["left"], rows["known_at"], strict=True)
            ]
            taken = self.world.outcomes.take(MODEL, outcomes, within=self.spec.data.matures)
            assert taken.accepted == PER_DAY
            written += tick(self.world, self.spec, self.memory, now=self.now).entries
        return written

    def history(self) -> list[Entry]:
        """The whole journal, without what a clock on the wall says about trainings, and the hashes over it."""
        found = []
        for entry in self.world.journal.read(MODEL):
            event = replace(entry.event, seconds={}) if isinstance(entry.event, Registered) else entry.event
            found.append(replace(entry, event=event, hash="", prev_hash=""))
        return found

    def _job(self, job: Job) -> str:
        words = dict(zip(job.verb[2::2], job.verb[3::2], strict=True))
        cause: Any = words["--cause"]
        result = train(self.spec, self.workshop, now=parse_time(words["--now"]), cause=cause, action=words["--action"], actor="loop")
        return f'{{"status":"{result.status}"}}'

    def _predict(self, rows: pd.DataFrame) -> None:
        deployment = self.world.deployments.current(MODEL)
        assert deployment is not None and deployment.champion is not None
        self.serving.append(deployment.champion)
        for version in (deployment.champion, *deployment.shadow):
            engine, schema = self._engine(deployment.bundles[version])
            score = engine.score(Table({name: rows[name].to_numpy() for name in schema.names}))
            self.world.predictions.add(_batch(rows, version, score, schema, shadow=version != deployment.champion))

    def _engine(self, digest: str) -> tuple[Engine, Schema]:
        if digest not in self._engines:
            path = self.world.bundles.path(digest)
            manifest = read_manifest(path, digest)
            self._engines[digest] = load_engine(path, manifest), manifest.schema
        return self._engines[digest]


def _batch(rows: pd.DataFrame, version: int, score: NDArray[np.float64], schema: Schema, *, shadow: bool) -> PredictionBatch:
    count = len(rows)
    at = [to_micros(moment.to_pydatetime()) for moment in rows["seen_at"]]
    features: list[Any] = [None] * count if shadow else rows[list(schema.names)].to_numpy().tolist()
    return PredictionBatch(
        model=MODEL,
        worker="w0",
        schema_id="s",
        feature_names=list(schema.names),
        prediction_id=[f"p-{name}" for name in rows["customer"]],
        version=[version] * count,
        variant=["challenger" if shadow else "champion"] * count,
        shadow=[shadow] * count,
        at=at,
        made_at=at,
        unit=[None] * count,
        entity=[None] * count if shadow else list(rows["customer"]),
        client_id=[None] * count,
        label=[int(value) for value in score >= 0.5],
        score=score.tolist(),
        features=features,
        context=[None] * count,
    )
