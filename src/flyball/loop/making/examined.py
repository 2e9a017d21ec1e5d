"""What reviewers want to see beside a result: the champion on the same rows, how far the newest rows moved, and how sure the model is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.data.profile import REFERENCE_FILE, Reference, reference_from_json
from flyball.data.snapshot import micros
from flyball.data.split import blocks_of
from flyball.evaluation.compare import compare
from flyball.evaluation.records import Comparison
from flyball.evaluation.score import evaluate, truth_of
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.fetched import engine_of
from flyball.loop.making.enrol import candidate_of, fetched, kept_of, rival_of
from flyball.loop.making.judge import Candidate, Duel, Label, Rival, meet, weight_of
from flyball.loop.making.trained import TrainResult
from flyball.loop.making.workshop import Workshop
from flyball.monitoring.counts import Counts, count
from flyball.monitoring.drift import drift
from flyball.monitoring.records import ColumnDrift
from flyball.registry.bundle import read_file, read_manifest
from flyball.registry.records import Manifest
from flyball.spec.records import Spec

_DAY = 86_400_000_000
_BINS = 10


@record
class Against:
    """Candidate and champion on the rows that are new to both. `trouble`: why there is nothing to compare, if that was no lack of rows."""

    version: int
    rows: int = 0
    blocks: int = 0
    candidate: Mapping[str, float]
    champion: Mapping[str, float]
    gains: Mapping[str, Comparison]
    trouble: str = ""


@record
class Moved:
    """How far the rows that are newer than the champion's training are from what it learnt from; `counts` on the cells of `reference`."""

    version: int
    rows: int
    columns: Mapping[str, ColumnDrift]
    reference: Reference
    counts: Counts


@record
class Bin:
    """Held-out rows of about the same score: what was said on average, what was true, and of how many."""

    said: float
    true: float
    rows: int


@record
class Examined:
    """All of it. `held`: rows held out in this run. `against` and `moved` are None without a champion, and where this is the champion."""

    held: int
    against: Against | None
    moved: Moved | None
    reliability: tuple[Bin, ...]
    champion_reliability: tuple[Bin, ...]


def examine(spec: Spec, workshop: Workshop, result: TrainResult) -> Examined:
    """Look at a complete run once more, beside the champion of now. The workshop is closed at the end."""
    name = f"report-{result.run_id}"
    try:
        with workshop.workspace.work(name) as folder:
            state = fold(spec.model.name, workshop.journal.read(spec.model.name))
            there = fetched(workshop, result.run_id, folder)
            candidate, made = candidate_of(workshop, kept_of(there), there)
            rival = None if state.champion in (None, result.version) else rival_of(state, workshop, folder)
            said = _reliability(candidate.test[spec.data.target], candidate.scores, candidate.classes)
            if rival is None:
                return Examined(held=candidate.test.rows, against=None, moved=None, reliability=said, champion_reliability=())
            duel = meet(spec, candidate, rival)
            told = () if not isinstance(duel, Duel) else _reliability(duel.rows[spec.data.target], duel.champion, candidate.classes)
            champion = _opened(workshop, state, rival.version, folder / "champion")
            return Examined(
                held=candidate.test.rows,
                against=_against(spec, candidate, rival, duel),
                moved=None if champion is None else _moved(spec, made.rows, made.test, rival.version, *champion),
                reliability=said,
                champion_reliability=told,
            )
    finally:
        workshop.trainer.close()
        workshop.workspace.done(name)


def _against(spec: Spec, candidate: Candidate, rival: Rival, duel: Duel | FlyballError | None) -> Against:
    if not isinstance(duel, Duel):
        return Against(version=rival.version, candidate={}, champion={}, gains={}, trouble="" if duel is None else duel.message)
    truth, blocks, weight = duel.rows[spec.data.target], blocks_of(duel.rows, spec.data), weight_of(duel.rows)
    gains: dict[str, Comparison] = {}
    theirs: dict[str, float] = {}
    for metric in spec.evaluate.metrics:
        scores = duel.champion_for(metric, spec.model.cut)
        found = compare(metric, truth, duel.candidate, scores, candidate.classes, spec.model.cut, blocks, spec.evaluate.split.seed, weight)
        if found is not None:
            gains[metric] = found
        theirs |= _values(spec, [metric], duel, scores, candidate)
    return Against(
        version=rival.version,
        rows=duel.rows.rows,
        blocks=next((one.blocks for one in gains.values()), 0),
        candidate=_values(spec, spec.evaluate.metrics, duel, duel.candidate, candidate),
        champion=theirs,
        gains=gains,
    )


def _values(spec: Spec, metrics: Sequence[str], duel: Duel, scores: NDArray[np.float64], candidate: Candidate) -> dict[str, float]:
    truth = duel.rows[spec.data.target]
    found = evaluate(spec.model.task, metrics, truth, scores, candidate.classes, spec.model.cut, weight=weight_of(duel.rows))
    return dict(found.metrics)


def _opened(workshop: Workshop, state: State, version: int, folder: Path) -> tuple[Manifest, Reference] | None:
    """The champion's manifest and reference; None where it has none, or cannot be read here."""
    try:
        path, digest = engine_of(state, version, bundles=workshop.bundles, registry=workshop.registry, key=workshop.key, folder=folder)
        manifest = read_manifest(path, digest)
        if REFERENCE_FILE not in manifest.files:
            return None
        return manifest, reference_from_json(read_file(path, manifest, REFERENCE_FILE))
    except FlyballError:
        return None


def _moved(spec: Spec, rows: Table, test: NDArray[np.int64], version: int, manifest: Manifest, reference: Reference) -> Moved | None:
    names = [name for name in manifest.schema.names if name in reference.columns and name in rows]
    newest = _newer(spec, rows, test, manifest.trained_until)
    if not names or not newest.rows:
        return None
    known = replace(reference, columns={name: reference.columns[name] for name in names})
    counts = count(known, newest.select(tuple(names)), {})
    days = 1.0
    if spec.data.time is not None:
        at = micros(newest[spec.data.time])
        days = max(1.0, float(at.max() - at.min()) / _DAY)
    columns = drift(known, counts, margin=spec.monitor.margin, share_margin=spec.monitor.share_margin, looks=1, days=days)
    return Moved(version=version, rows=newest.rows, columns=columns, reference=known, counts=counts)


def _newer(spec: Spec, rows: Table, test: NDArray[np.int64], until: datetime | None) -> Table:
    """The rows later than a training; without times those that were held out."""
    if spec.data.time is None or until is None:
        return rows.take(test)
    return rows.take(np.flatnonzero(micros(rows[spec.data.time]) > to_micros(until)))


def _reliability(actual: NDArray[Any], scores: NDArray[np.float64], classes: Sequence[Label]) -> tuple[Bin, ...]:
    """Rows in ten groups by score. Of several classes: how often the most probable one was right, by its probability."""
    truth = truth_of(actual, scores, classes)
    if scores.ndim == 2 and classes:
        said, true = scores.max(axis=1), (scores.argmax(axis=1) == truth).astype(np.float64)
    elif scores.ndim == 2:
        return ()
    else:
        said, true = scores, truth.astype(np.float64)
    order = np.argsort(said, kind="stable")
    groups = [part for part in np.array_split(order, _BINS) if len(part)]
    return tuple(Bin(said=float(said[part].mean()), true=float(true[part].mean()), rows=len(part)) for part in groups)
