"""From a complete run to a registered version. The journal's entry is the moment a version exists."""

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np

from flyball.core.codec import from_json
from flyball.core.errors import ConflictError, NotFoundError, RefusedError, StoreError
from flyball.data.records import Snapshot
from flyball.journal.events import Cause, Registered
from flyball.journal.known import Known, State
from flyball.journal.state import fold
from flyball.loop.fetched import engine_of
from flyball.loop.making.before_traffic import Made, before_traffic
from flyball.loop.making.judge import Candidate, Judgement, Rival, checks_digest, judge
from flyball.loop.making.scorers import Score, scorer
from flyball.loop.making.stopwatch import Stopwatch
from flyball.loop.making.trained import Kept, TrainResult
from flyball.loop.making.workshop import Workshop
from flyball.registry.bundle import read_manifest
from flyball.registry.records import Manifest
from flyball.spec.records import Spec
from flyball.training.identity import origin
from flyball.training.price import money_of

_ATTEMPTS = 50
KEPT_FORMAT = 1


def known_version(state: State, identity: str) -> Known | None:
    """The newest version of the same training, repetitions by force included."""
    same = [known for known in state.versions.values() if origin(known.registered.identity) == origin(identity)]
    return max(same, key=lambda known: known.registered.version, default=None)


def rival_of(state: State, workshop: Workshop, folder: Path) -> Rival | None:
    """The champion as something to compare with; None if there is no champion."""
    version = state.champion
    if version is None:
        return None

    def opened() -> tuple[Manifest, Score]:
        path, digest = engine_of(state, version, bundles=workshop.bundles, registry=workshop.registry, key=workshop.key, folder=folder)
        manifest = read_manifest(path, digest)
        return manifest, scorer(path, digest, manifest, workshop, folder)

    return Rival(version=version, open=opened)


def enrol(
    workshop: Workshop,
    kept: Kept,
    *,
    run_id: str,
    bundle: Path,
    cause: Cause,
    action: str,
    actor: str,
    now: datetime,
    watch: Stopwatch,
    spec: Spec,
) -> TrainResult:
    """Put the bundle in place, make the version in the registry, write it down. The same identity is never written down twice."""
    digest = workshop.bundles.put(bundle)
    tags = {
        "flyball.snapshot": kept.snapshot.digest,
        "flyball.bundle": digest,
        "flyball.engine": kept.engine,
        "flyball.gate": kept.gate.verdict.value,
    }
    version = workshop.registry.register(kept.model, run_id, bundle, identity=kept.identity, tags=tags)
    watch.lap("register")
    spent = _spent(kept, watch)
    money = money_of({"seconds": spent["total"], "cpu_seconds": spent["cpu"]}, spec)
    event = Registered(
        version=version,
        run_id=run_id,
        bundle=digest,
        snapshot=kept.snapshot.digest,
        identity=kept.identity,
        engine=kept.engine,
        metrics=kept.evaluation.metrics,
        lower=kept.evaluation.lower,
        upper=kept.evaluation.upper,
        gate=kept.gate,
        cause=cause,
        action=action,
        rows=kept.rows,
        trained_from=kept.trained_from,
        trained_until=kept.trained_until,
        seconds=spent,
        compared_with=kept.champion or None,
        head_start=kept.head_start,
        head_start_metric=kept.head_start_metric,
        same_as=kept.same_as,
        hidden=kept.hidden,
        held_back=kept.held_back,
        window=kept.window,
        money=money,
        currency="" if money is None else spec.price.currency,
    )
    written = _write_down(workshop, kept.model, event, actor=actor, now=now)
    return result_of(kept, run_id=run_id, bundle=digest, version=written, status="registered", watch=watch)


def kept_of(folder: Path) -> Kept:
    """The report that a run kept."""
    path = folder / "report.json"
    if not path.is_file():
        raise NotFoundError(f"{folder} holds no report of a training", hint="`flyball train --no-register` prints the run it made")
    return from_json(path.read_bytes(), Kept)


def fetched(workshop: Workshop, run_id: str, folder: Path) -> Path:
    """What a complete run kept, copied into a folder in this folder."""
    target = folder / "fetched"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    workshop.tracker.fetch(run_id, target)
    return target


def enrol_kept(
    spec: Spec,
    workshop: Workshop,
    *,
    run_id: str,
    folder: Path,
    cause: Cause,
    action: str,
    actor: str,
    now: datetime,
    watch: Stopwatch,
) -> TrainResult:
    """Register what a complete run kept, fetched into a folder. Where the champion or the gate changed since, the gate is asked again.

    Where the registry has this training already, from another run whose attempt died before the journal knew, that run is gone on with.
    """
    kept = kept_of(folder)
    if kept.model != spec.model.name:
        raise RefusedError(
            f"run {run_id} trained {kept.model!r}, this project is {spec.model.name!r}", hint="go to the project it came from"
        )
    first = workshop.registry.run_of(kept.model, kept.identity)
    if first and first != run_id:
        run_id, folder = first, fetched(workshop, first, folder)
        kept = kept_of(folder)
    bundle = folder / "bundle"
    state = fold(kept.model, workshop.journal.read(kept.model))  # as it is now: a training takes long
    if kept.champion != (state.champion or 0) or kept.checks != checks_digest(spec):
        kept = _with_gate(kept, _ask_again(spec, workshop, state, kept, folder, now), state, spec)
    return enrol(workshop, kept, run_id=run_id, bundle=bundle, cause=cause, action=action, actor=actor, now=now, watch=watch, spec=spec)


def result_of(
    kept: Kept,
    *,
    run_id: str,
    bundle: str,
    version: int | None,
    status: Literal["registered", "unchanged", "tracked"],
    watch: Stopwatch,
) -> TrainResult:
    """The result that is told, from what was kept."""
    return TrainResult(
        model=kept.model,
        version=version,
        run_id=run_id,
        status=status,
        snapshot=kept.snapshot,
        engine=kept.engine,
        engine_reason=kept.engine_reason,
        metrics=kept.evaluation.metrics,
        lower=kept.evaluation.lower,
        upper=kept.evaluation.upper,
        slices=kept.evaluation.slices,
        gate=kept.gate,
        parity=kept.parity,
        bundle=bundle,
        identity=kept.identity,
        rows=kept.rows,
        test_rows=kept.evaluation.rows,
        warnings=kept.warnings,
        seconds=watch.seconds(),
        hidden=kept.hidden,
        held_back=kept.held_back,
        window=kept.window,
    )


def unchanged(workshop: Workshop, model: str, registered: Registered, snapshot: Snapshot, watch: Stopwatch) -> TrainResult:
    """The version that this training made before, as the journal and its bundle tell it."""
    reason, parity = "", None
    try:
        manifest = read_manifest(workshop.bundles.path(registered.bundle), registered.bundle)
        reason, parity = manifest.engine_reason, manifest.parity
    except NotFoundError:  # a fresh checkout: the version is known all the same
        pass
    return TrainResult(
        model=model,
        version=registered.version,
        run_id=registered.run_id,
        status="unchanged",
        snapshot=snapshot,
        engine=registered.engine,
        engine_reason=reason,
        metrics=registered.metrics,
        lower=registered.lower,
        upper=registered.upper,
        slices={},
        gate=registered.gate,
        parity=parity,
        bundle=registered.bundle,
        identity=registered.identity,
        rows=registered.rows,
        test_rows=0,
        warnings=(),
        seconds=watch.seconds(),
        hidden=registered.hidden,
        held_back=registered.held_back,
        window=registered.window,
    )


def _spent(kept: Kept, watch: Stopwatch) -> dict[str, float]:
    """Seconds per stage. A run that is registered later has used the processor before, in another process."""
    now = watch.seconds()
    return {**kept.seconds, **now, "cpu": max(kept.seconds.get("cpu", 0.0), now["cpu"])}


def _write_down(workshop: Workshop, model: str, event: Registered, *, actor: str, now: datetime) -> int:
    for _ in range(_ATTEMPTS):
        state = fold(model, workshop.journal.read(model))
        same = [known.registered for known in state.versions.values() if known.registered.identity == event.identity]
        if same:
            return same[0].version
        if event.version in state.versions:
            raise StoreError(
                f"the registry gave version {event.version} of {model}, which the journal has already from another run",
                hint="was the registry emptied or exchanged? Point MLFLOW_TRACKING_URI at the one this project began with",
            )
        try:
            workshop.journal.append(model, [event], expected=state.seq, actor=actor, at=now)
        except ConflictError:
            continue
        return event.version
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="train again: nothing is repeated")


def candidate_of(workshop: Workshop, kept: Kept, folder: Path) -> tuple[Candidate, Made]:
    """What a complete run made, out of what it kept: the held-out rows scored once more, and the bundle beside all rows."""
    digest = workshop.bundles.put(folder / "bundle")
    path = workshop.bundles.path(digest)
    manifest = read_manifest(path, digest)
    rows, held = workshop.snapshots.restore(kept.snapshot), np.load(folder / "test.npy")
    test = rows.take(held)
    candidate = Candidate(
        test=test,
        scores=scorer(path, digest, manifest, workshop, folder)(test.select(manifest.schema.names)),
        classes=manifest.classes,
        trained_until=manifest.trained_until,
        held_out=manifest.held_out,
    )
    return candidate, Made(bundle=path, digest=digest, rows=rows, test=held)


def _ask_again(spec: Spec, workshop: Workshop, state: State, kept: Kept, folder: Path, now: datetime) -> Judgement:
    candidate, made = candidate_of(workshop, kept, folder)
    rival = rival_of(state, workshop, folder)
    judged = judge(spec, candidate, kept.evaluation, rival)
    return before_traffic(judged, spec, workshop, rival, made, folder=folder, now=now)


def _with_gate(kept: Kept, judgement: Judgement, state: State, spec: Spec) -> Kept:
    decision, days = judgement.decision, judgement.head_start
    return replace(
        kept,
        gate=decision,
        head_start=days,
        head_start_metric=spec.row_metric,
        same_as=judgement.same_as,
        champion=state.champion or 0,
        checks=checks_digest(spec),
    )
