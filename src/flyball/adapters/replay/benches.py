"""Opens the worlds of a backtest: the in-memory adapters under a simulated clock, and the project's own training code."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from flyball.adapters.child.trainer import ChildTrainer
from flyball.adapters.local.bundles import LocalBundles
from flyball.adapters.memory.counts import MemoryCounts
from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.executor import MemoryExecutor
from flyball.adapters.memory.guards import MemoryGuards
from flyball.adapters.memory.journal import MemoryJournal
from flyball.adapters.memory.looks import MemoryLooks
from flyball.adapters.memory.registry import MemoryRegistry
from flyball.adapters.memory.reports import MemoryReports
from flyball.adapters.memory.traffic import MemoryTraffic
from flyball.adapters.mlflow.store import MlflowStore
from flyball.adapters.mlflow.tracker import MlflowTracker
from flyball.adapters.replay.log import StreamLog
from flyball.adapters.replay.shelf import ScratchSnapshots, ScratchTracker, ScratchWorkspace
from flyball.adapters.replay.trainer import ReplayTrainer
from flyball.core.digest import sha256_bytes
from flyball.core.record import record
from flyball.core.window import parse_time
from flyball.data.source import Prepared
from flyball.loop.backtest.bench import Bench, Clock
from flyball.loop.backtest.records import Plan, Stream, Trained
from flyball.loop.making.training import train
from flyball.loop.making.workshop import Workshop
from flyball.loop.world import World
from flyball.ports.training import Job, Trainer
from flyball.registry.signing import load_key
from flyball.spec.records import Spec


@record
class ReplayBenches:
    """The port `Benches` over a project's folder and a scratch folder, which holds one folder per policy and the fits they share.

    `trainer` opens what runs the project's own functions (None: a process of their own).
    """

    project: Path
    scratch: Path
    trainer: Callable[[], Trainer] | None = None

    def history(self, spec: Spec) -> Prepared:
        """All of the history, prepared by the project's own functions, from the project's cache if it is there."""
        trainer = self._trainer(spec)
        try:
            return trainer.prepare(spec)
        finally:
            trainer.close()

    def open(self, name: str, spec: Spec, plan: Plan, prepared: Prepared, stream: Stream) -> Bench:
        """A fresh world."""
        folder = self.scratch / f"policy-{sha256_bytes(name.encode())[:16]}"
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed in the middle
        folder.mkdir(parents=True)
        clock, own, model = Clock(plan.start), self._trainer(spec), spec.model.name
        trainer = ReplayTrainer(own, prepared, self.project, self.scratch / "fits", start=plan.start, clock=clock)
        key = folder / "key"
        journal, registry, log = MemoryJournal(), MemoryRegistry(), StreamLog(model, stream)
        trainings: list[Trained] = []
        bundles = LocalBundles(folder / "bundles", key)
        workshop = Workshop(
            journal=journal,
            predictions=log,
            bundles=bundles,
            registry=registry,
            trainer=trainer,
            snapshots=ScratchSnapshots(folder / "rows"),
            tracker=ScratchTracker(MlflowTracker(MlflowStore(folder, None))),
            workspace=ScratchWorkspace(folder),
            key=load_key(key),
        )
        world = World(
            journal=journal,
            predictions=log,
            outcomes=log,
            deployments=MemoryDeployments(clock=clock),
            bundles=bundles,
            registry=registry,
            executor=MemoryExecutor(partial(_run, spec, workshop, trainer, trainings)),
            reports=MemoryReports(),
            looks=MemoryLooks(),
            traffic=MemoryTraffic(),
            counts=MemoryCounts(),
            guards=MemoryGuards(),
        )
        return Bench(world=world, workshop=workshop, recorder=log, clock=clock, folder=folder, trainings=trainings, close=trainer.end)

    def _trainer(self, spec: Spec) -> Trainer:
        """What the project's code tells MLflow of its own accord stays in the scratch folder."""
        if self.trainer is not None:
            return self.trainer()
        uri = f"sqlite:///{self.scratch / 'mlflow.db'}"
        return ChildTrainer(
            self.project, tracking_uri=uri, artifacts=str(self.scratch / "mlartifacts"), experiment=spec.model.name, echo=_nothing
        )


def _run(spec: Spec, workshop: Workshop, trainer: ReplayTrainer, done: list[Trained], job: Job) -> str:
    """Do what `flyball train` does when the loop starts it, and note what it took."""
    words = dict(zip(job.verb[2::2], job.verb[3::2], strict=True))
    cause: Any = words["--cause"]
    now, began, cpu, fits = parse_time(words["--now"]), time.perf_counter(), time.process_time(), trainer.cpu_seconds
    rows = 0
    try:
        result = train(spec, workshop, now=now, cause=cause, action=words["--action"], actor="loop")
        rows = result.rows
    finally:
        spent = time.process_time() - cpu + trainer.cpu_seconds - fits
        done.append(Trained(at=now, rows=rows, seconds=time.perf_counter() - began, cpu_seconds=spent))
    return f'{{"status":"{result.status}"}}'


def _nothing(_: str) -> None:
    """What the project's functions print is not shown."""
