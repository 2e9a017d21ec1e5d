"""A model that is watched: versions with references, a log, kept counts, and what the loop makes of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.memory.counts import MemoryCounts
from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.executor import MemoryExecutor
from flyball.adapters.memory.guards import MemoryGuards
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.looks import MemoryLooks
from flyball.adapters.memory.outcomes import MemoryOutcomeLog
from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.adapters.memory.registry import MemoryRegistry
from flyball.adapters.memory.reports import MemoryReports
from flyball.adapters.memory.traffic import MemoryTraffic
from flyball.adapters.sqlite.counts import SqliteCounts
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.predictions import SqlitePredictionLog
from flyball.core.reason import because
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.data.profile import Reference, build_reference, reference_to_json
from flyball.evaluation.records import Decision
from flyball.journal.events import Event, Promoted, Registered, RolledBack
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.counting import count_rows
from flyball.loop.evidence.monitor import monitor
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.records import MonitorReport
from flyball.registry.bundle import write_bundle
from flyball.registry.signing import load_key
from flyball.serving.records import PredictionBatch
from flyball.spec.load import parse_spec
from flyball.testing.samples import NOON, Clock, predictions
from served import manifest

MODEL = "churn"
SPEC = parse_spec(
    '[model]\nname = "churn"\ntask = "binary"\n[data]\nsource = "d.csv"\ntarget = "y"\n[train]\nrun = "pipeline:train"\n', folder=Path("p")
)
SCHEMA = Schema(columns=(Column(name="x", kind="number", nullable=True), Column(name="plan", kind="category", nullable=True)))


def reference(shift: float = 0.0, *, seed: int = 0, schema: Schema = SCHEMA, rows: int = 2000) -> Reference:
    """What a training saw; `shift` moves the numbers."""
    rng = np.random.default_rng(seed)
    columns = {
        column.name: rng.normal(shift, 1.0, rows) if column.kind == "number" else rng.choice(np.array(["basic", "pro"], dtype=object), rows)
        for column in schema.columns
    }
    return build_reference(Table(columns), schema, {"score": rng.random(rows)})


def rows(prefix: str, at: Sequence[datetime], *, seed: int = 0, shift: float = 0.0, odd: bool = False, **columns: Any) -> PredictionBatch:
    """Answered predictions at these times; `odd`: with values no schema would let through."""
    rng = np.random.default_rng(seed)
    features: list[list[Any] | None] = [
        [float(x), ["basic", "pro"][int(p)]] for x, p in zip(rng.normal(shift, 1, len(at)), rng.integers(0, 2, len(at)), strict=True)
    ]
    if odd:
        strange: list[list[Any]] = [[None, None], [3, 1], [True, True], ["7", 2.5], ["?", "new"], [float("inf"), ""]]
        for number in range(0, len(at), 3):
            features[number] = strange[int(rng.integers(len(strange)))] if number % 2 else None
    given = {"score": rng.random(len(at)).tolist(), "features": features, "feature_names": ["x", "plan"], **columns}
    return predictions([f"{prefix}{number}" for number in range(len(at))], at=list(at), **given)


class Watched:
    """A world in memory, or over SQLite where a file is given, whose bundles lie in `folder`."""

    def __init__(self, folder: Path, *, database: Database | None = None) -> None:
        self.folder = folder
        self.spec, self.memory = SPEC, Memory()
        (folder / "key").write_text("5a" * 32)
        (folder / "key").chmod(0o600)
        log = MemoryPredictionLog()
        self.world = World(
            journal=MemoryJournal(),
            predictions=log if database is None else SqlitePredictionLog(database, folder / "log"),
            outcomes=MemoryOutcomeLog(log),
            deployments=MemoryDeployments(clock=Clock()),
            bundles=LocalBundles(folder / "bundles", folder / "key"),
            registry=MemoryRegistry(),
            executor=MemoryExecutor(lambda job: "{}"),
            reports=MemoryReports(),
            looks=MemoryLooks(),
            traffic=MemoryTraffic(),
            counts=MemoryCounts() if database is None else SqliteCounts(database),
            guards=MemoryGuards(),
        )

    @property
    def state(self) -> State:
        """What is known."""
        return fold(MODEL, self.world.journal.read(MODEL))

    def bundle(self, known: Reference, name: str, schema: Schema = SCHEMA, **changes: Any) -> str:
        """Keep a bundle with this reference; its digest."""
        files: dict[str, Path | bytes] = {"reference.json": reference_to_json(known), "name": name.encode()}
        folder = self.folder / "made" / name
        write_bundle(folder, manifest(model=MODEL, schema=schema, **changes), files, load_key(self.folder / "key"))
        return self.world.bundles.put(folder)

    def register(self, version: int, known: Reference, *, schema: Schema = SCHEMA, name: str = "", **changes: Any) -> "Watched":
        """A version with this reference."""
        digest = self.bundle(known, name or f"v{version}", schema, **changes)
        gate = Decision(verdict=Verdict.PASS, checks=())
        nothing: dict[str, float] = {}
        event = Registered(
            version=version, run_id="r", bundle=digest, snapshot="s", identity=f"i{version}{name}", engine="onnx", metrics=nothing,
            lower=nothing, upper=nothing, gate=gate, cause="manual", action="", rows=1, trained_from=None, trained_until=None,
            seconds=nothing,
        )  # fmt: skip
        return self._happened(event)

    def promote(self, version: int) -> "Watched":
        """Make it champion."""
        why = because("promote.first", version=version)
        return self._happened(Promoted(version=version, replaced=self.state.champion, reason=why, forced=False, watch_until=None))

    def roll_back(self, version: int, to: int) -> "Watched":
        """Give its place to another."""
        return self._happened(RolledBack(version=version, to=to, reason=because("test.reason"), evidence={}))

    def count(self, now: datetime) -> int:
        """Count what arrived, as every tick does."""
        return count_rows(self.world, self.state, self.memory, now=now)

    def report(self, now: datetime, *, window: timedelta | None = None) -> MonitorReport:
        """What a look says."""
        spec = self.spec if window is None else replace(self.spec, monitor=replace(self.spec.monitor, window=window))
        state = self.state
        assert state.champion is not None
        return monitor(self.world, spec, state, state.champion, self.memory, now=now)

    def _happened(self, event: Event) -> "Watched":
        self.world.journal.append(MODEL, [event], expected=self.state.seq, actor="test", at=NOON)
        return self
