"""One training, from the spec to a registered version. Whatever happens on the way, there is no version until the journal says so.

Order: rows → snapshot → fit → bundle → gate → run complete → version in the registry → journal. Each step can be found again by the
training's identity: a training that died is continued where it stood, and one that was done before is not repeated.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from flyball.core.codec import to_json
from flyball.core.record import record
from flyball.data.records import Snapshot
from flyball.data.split import held_out
from flyball.journal.events import Cause
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.making.before_traffic import Made, before_traffic
from flyball.loop.making.enrol import KEPT_FORMAT, enrol_kept, fetched, kept_of, known_version, result_of, rival_of, unchanged
from flyball.loop.making.external import Asked, action_name
from flyball.loop.making.fitting import bring_model, fit, noticed
from flyball.loop.making.gather import Gathered, gather
from flyball.loop.making.judge import Candidate, Rival, assess, checks_digest, judge
from flyball.loop.making.pack import Origin, kept_files, pack, trained_span
from flyball.loop.making.stopwatch import Stopwatch
from flyball.loop.making.trained import Kept, TrainResult, noted
from flyball.loop.making.workshop import Workshop
from flyball.ports.training import Fitted, RunReport
from flyball.registry.bundle import read_manifest
from flyball.registry.card import model_card
from flyball.registry.records import Manifest
from flyball.spec.records import Spec
from flyball.training.code import code_digest, training_code
from flyball.training.identity import asked_for as asked_by
from flyball.training.identity import identity_of, origin, repetition
from flyball.training.records import CodeFile, WorkingTree

__all__ = ["Workshop", "register_run", "take_snapshot", "train"]

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Say nothing."""


@record
class _Wish:
    """Who wants a training, why, and how far it is to go."""

    now: datetime
    cause: Cause
    action: str
    actor: str
    force: bool
    register: bool


@record
class _Aside:
    """What is done beside the fit: searching the tracker, adding to DVC, looking at git and the environment, opening the champion."""

    found: Future[str]
    kept: Future[tuple[str, str]]
    tree: Future[WorkingTree]
    environment: Future[str]
    rival: Rival | None


def train(
    spec: Spec,
    workshop: Workshop,
    *,
    now: datetime,
    cause: Cause = "manual",
    action: str = "",
    actor: str = "person",
    force: bool = False,
    register: bool = True,
    progress: Progress = silent,
) -> TrainResult:
    """Prepare, train, evaluate, judge and register. The same spec, data and code give the version there is, unless `force`."""
    watch, model = Stopwatch(), spec.model.name
    wish = _Wish(now=now, cause=cause, action=action, actor=actor, force=force, register=register)
    aside = ThreadPoolExecutor(max_workers=5, thread_name_prefix="beside-the-fit")
    try:
        workshop.trainer.warm()
        if not workshop.journal.read(model):  # a new project: the tracker has tables to make, so let it begin at once
            aside.submit(workshop.tracker.find, model, "none")
        gathered = gather(spec, workshop, now=now, progress=progress)
        watch.lap("prepare")
        path, digest = workshop.snapshots.write(gathered.rows.table, gathered.rows.booleans, spec.folder / ".flyball" / "cache")
        code = training_code(spec)
        identity = identity_of(spec=spec, snapshot=digest, code=code_digest(code), versions=workshop.workspace.versions())
        if spec.train.external is not None:
            identity = asked_by(identity, action_name(action, now))
        watch.lap("snapshot")
        progress(f"snapshot: sha256 {digest[:12]}")
        if force:
            state = fold(model, workshop.journal.read(model))
            identity = repetition(identity, sum(origin(known.registered.identity) == identity for known in state.versions.values()))
        with workshop.workspace.work(identity) as folder:
            state = fold(model, workshop.journal.read(model))
            known = None if force else known_version(state, identity)
            if known is not None:
                result = unchanged(
                    workshop, spec.model.name, known.registered, gathered.snapshot(spec.data, digest=digest, path="", dvc_md5=""), watch
                )
            else:
                if force and not _in_registry(workshop, model, identity, folder):
                    _empty(folder)
                shutil.copyfile(path, folder / "snapshot.parquet")
                job = _Job(spec, workshop, wish, gathered, state, folder, identity, digest, code, watch, progress)
                result = job.run(aside)
        if result.status != "tracked":
            workshop.workspace.done(identity)
        return result
    finally:
        workshop.trainer.close()
        aside.shutdown(wait=False, cancel_futures=True)


def register_run(
    spec: Spec,
    workshop: Workshop,
    run_id: str,
    *,
    now: datetime,
    cause: Cause = "manual",
    action: str = "",
    actor: str = "person",
    progress: Progress = silent,
) -> TrainResult:
    """Register what `train(register=False)` tracked. A run that was registered before gives its version again."""
    watch, name = Stopwatch(), f"register-{run_id}"
    try:
        with workshop.workspace.work(name) as folder:
            _empty(folder)
            kept_folder = fetched(workshop, run_id, folder)
            progress(f"fetched run {run_id}")
            watch.lap("fetch")
            state = fold(spec.model.name, workshop.journal.read(spec.model.name))
            kept = kept_of(kept_folder)
            for known in state.versions.values():
                if known.registered.identity == kept.identity:
                    return unchanged(workshop, spec.model.name, known.registered, kept.snapshot, watch)
            return enrol_kept(
                spec, workshop, run_id=run_id, folder=kept_folder, cause=cause, action=action, actor=actor, now=now, watch=watch
            )
    finally:
        workshop.trainer.close()
        workshop.workspace.done(name)


def take_snapshot(spec: Spec, workshop: Workshop, *, now: datetime, push: bool = False, progress: Progress = silent) -> Snapshot:
    """Only the rows: prepare, check, write, add to DVC, push if asked."""
    try:
        gathered = gather(spec, workshop, now=now, progress=progress)
        for warning in gathered.warnings:
            progress(f"warning: {workshop.sentence(warning)}")
        path, digest = workshop.snapshots.write(gathered.rows.table, gathered.rows.booleans, spec.folder / ".flyball" / "cache")
        where, md5 = workshop.snapshots.keep(path, spec.model.name)
        snapshot = gathered.snapshot(spec.data, digest=digest, path=where, dvc_md5=md5)
        if push:
            workshop.snapshots.push(snapshot)
        return snapshot
    finally:
        workshop.trainer.close()


class _Job:
    """The part of a training that happens in its own folder, with nobody else in it."""

    def __init__(
        self,
        spec: Spec,
        workshop: Workshop,
        wish: _Wish,
        gathered: Gathered,
        state: State,
        folder: Path,
        identity: str,
        digest: str,
        code: tuple[CodeFile, ...],
        watch: Stopwatch,
        progress: Progress,
    ) -> None:
        self.spec, self.workshop, self.wish, self.gathered, self.state = spec, workshop, wish, gathered, state
        self.folder, self.identity, self.digest, self.code = folder, identity, digest, code
        self.watch, self.progress = watch, progress

    def run(self, aside: ThreadPoolExecutor) -> TrainResult:
        """Fit and go on from there; or go on with a run that was completed before."""
        marker = self.folder / "tracked"
        if marker.is_file():
            return self._with_run(marker.read_text())
        workshop = self.workshop
        beside = _Aside(
            found=aside.submit(workshop.tracker.find, self.spec.model.name, self.identity),
            kept=aside.submit(workshop.snapshots.keep, self.folder / "snapshot.parquet", self.spec.model.name),
            tree=aside.submit(workshop.workspace.tree),
            environment=aside.submit(workshop.workspace.environment),
            rival=self._rival(aside),
        )
        made = self._made_elsewhere(beside) if self.spec.train.external is not None else 0
        if made:
            registered = fold(self.spec.model.name, workshop.journal.read(self.spec.model.name)).versions[made].registered
            snapshot = self.gathered.snapshot(self.spec.data, digest=self.digest, path="", dvc_md5="")
            return replace(unchanged(workshop, self.spec.model.name, registered, snapshot, self.watch), status="registered")
        fitted = fit(self.spec, workshop, self.gathered, self.folder, self.progress)
        self.watch.add_cpu(fitted.seconds.get("cpu", 0.0))
        self.watch.lap("fit")
        found = beside.found.result()
        self.watch.lap("wait")
        if found and not self.wish.force:
            return self._with_run(found)
        return self._finish(fitted, beside)

    def _rival(self, aside: ThreadPoolExecutor) -> Rival | None:
        """The champion, being opened from here on; what goes wrong with that is told to who wants to compare with it."""
        rival = rival_of(self.state, self.workshop, self.folder)
        return None if rival is None else Rival(version=rival.version, open=aside.submit(rival.open).result)

    def _made_elsewhere(self, beside: _Aside) -> int:
        wish = self.wish
        made = bring_model(
            self.spec,
            self.workshop,
            self.gathered,
            self.state,
            Asked(action=action_name(wish.action, wish.now), cause=wish.cause, now=wish.now),
            kept=beside.kept,
            digest=self.digest,
            folder=self.folder,
            progress=self.progress,
        )
        self.watch.lap("external")
        return made

    def _finish(self, fitted: Fitted, beside: _Aside) -> TrainResult:
        spec, workshop, folder = self.spec, self.workshop, self.folder
        first, until = trained_span(spec, self.gathered)
        scores: np.ndarray = np.load(folder / fitted.scores)
        candidate = self._candidate(fitted, scores, until)
        evaluation = assess(spec, candidate)
        self.watch.lap("evaluate")
        judgement = judge(spec, candidate, evaluation, beside.rival)
        self.watch.lap("gate")
        where, md5 = beside.kept.result()
        snapshot = self.gathered.snapshot(spec.data, digest=self.digest, path=where, dvc_md5=md5)
        told = self._origin(fitted, beside)
        self.watch.lap("wait")
        digest = pack(
            spec,
            self.gathered,
            fitted,
            folder=folder,
            scores=scores,
            snapshot=snapshot,
            origin=told,
            tracker=workshop.tracker,
            key=workshop.key,
            now=self.wish.now,
        )
        self.watch.lap("bundle")
        made = Made(bundle=folder / "bundle", digest=digest, rows=self.gathered.rows.table, test=self.gathered.split.test)
        judgement = before_traffic(judgement, spec, workshop, beside.rival, made, folder=folder, now=self.wish.now)
        self.progress(f"gate: {judgement.decision.verdict.value}")
        self.watch.lap("gate")
        kept = Kept(
            kept_format=KEPT_FORMAT,
            model=spec.model.name,
            identity=self.identity,
            snapshot=snapshot,
            evaluation=evaluation,
            gate=judgement.decision,
            head_start=judgement.head_start,
            head_start_metric=spec.row_metric,
            same_as=judgement.same_as,
            champion=self.state.champion or 0,
            checks=checks_digest(spec),
            engine=fitted.engine,
            engine_reason=fitted.engine_reason,
            parity=fitted.parity,
            rows=len(self.gathered.split.train),
            trained_from=first,
            trained_until=until,
            warnings=noticed(self.gathered, fitted, folder, told.tree),
            hidden=self.gathered.hidden,
            held_back=self.gathered.held_back,
            window=self.gathered.window,
            seconds={**self.watch.seconds(), **{f"child_{name}": spent for name, spent in fitted.seconds.items()}},
        )
        self._track(kept, told, fitted, read_manifest(folder / "bundle", digest))
        self.watch.lap("track")
        return self._with_kept(kept, told.run_id, folder)

    def _candidate(self, fitted: Fitted, scores: np.ndarray, until: datetime | None) -> Candidate:
        return Candidate(
            test=self.gathered.rows.table.take(self.gathered.split.test),
            scores=scores,
            classes=fitted.classes,
            trained_until=until,
            held_out=held_out(self.spec.evaluate.split, self.spec.data),
        )

    def _origin(self, fitted: Fitted, beside: _Aside) -> Origin:
        """The run is chosen once: an attempt that continues reports to the run of the one before."""
        saved = self.folder / "run"
        chosen = saved.read_text() if saved.is_file() else ""
        run_id = chosen or self.workshop.tracker.begin(self.spec.model.name, fitted.run_id)
        saved.write_text(run_id)
        return Origin(
            run_id=run_id,
            identity=self.identity,
            code=self.code,
            code_digest=code_digest(self.code),
            tree=beside.tree.result(),
            environment=beside.environment.result(),
        )

    def _track(self, kept: Kept, told: Origin, fitted: Fitted, manifest: Manifest) -> None:
        folder, spec = self.folder, self.spec
        (folder / "report.json").write_text(to_json(kept, indent=2))
        card = model_card(manifest, kept.evaluation, kept.gate, self.workshop.sentence, notes=noted(kept))
        (folder / "card.md").write_text(card, encoding="utf-8")
        names = [*kept_files(folder, told, spec), "report.json", "card.md", "test.npy", fitted.log]
        tags = {
            "flyball.snapshot": kept.snapshot.digest,
            "flyball.dvc_md5": kept.snapshot.dvc_md5,
            "flyball.gate": kept.gate.verdict.value,
            "flyball.engine": kept.engine,
            "flyball.cause": self.wish.cause,
            "mlflow.source.git.commit": told.tree.commit,
            "flyball.dirty": "yes" if told.tree.diff else "no",
        }
        metrics = dict(kept.evaluation.metrics)
        metrics |= {f"{name}_lower": value for name, value in kept.evaluation.lower.items()}
        metrics |= {f"{name}_upper": value for name, value in kept.evaluation.upper.items()}
        for cut, scores in kept.evaluation.slices.items():
            metrics |= {f"{name}/{cut}": value for name, value in scores.items()}
        self.workshop.tracker.record(
            RunReport(
                model=spec.model.name,
                run_id=told.run_id,
                identity=self.identity,
                params={name: str(value) for name, value in spec.train.params.items()},
                metrics=metrics,
                tags={name: value for name, value in tags.items() if value},
                snapshot=kept.snapshot,
                files={name: folder / name for name in names if (folder / name).is_file()},
                folders={"bundle": folder / "bundle", "model": folder / "model"},
            )
        )
        (folder / "tracked").write_text(told.run_id)

    def _with_run(self, run_id: str) -> TrainResult:
        """Go on with a complete run: this folder may have everything it kept, else it is fetched."""
        self.progress(f"found again: run {run_id}")
        local = (self.folder / "report.json").is_file() and (self.folder / "bundle").is_dir()
        folder = self.folder if local else fetched(self.workshop, run_id, self.folder)
        return self._with_kept(kept_of(folder), run_id, folder)

    def _with_kept(self, kept: Kept, run_id: str, folder: Path) -> TrainResult:
        wish = self.wish
        if not wish.register:
            digest = self.workshop.bundles.put(folder / "bundle")
            return result_of(kept, run_id=run_id, bundle=digest, version=None, status="tracked", watch=self.watch)
        result = enrol_kept(
            self.spec,
            self.workshop,
            run_id=run_id,
            folder=folder,
            cause=wish.cause,
            action=wish.action,
            actor=wish.actor,
            now=wish.now,
            watch=self.watch,
        )
        self.progress(f"registered: {result.model}@{result.version}")
        return result


def _in_registry(workshop: Workshop, model: str, identity: str, folder: Path) -> bool:
    """True if what an attempt left in this folder is a version already, which only the journal does not know yet."""
    marker = folder / "tracked"
    return marker.is_file() and marker.read_text() == workshop.registry.run_of(model, identity)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
