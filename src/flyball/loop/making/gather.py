"""From the spec to the rows of a training: prepare, join the log, check, split. What comes out is not yet written anywhere."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np

from flyball.core.errors import DataError, FlyballError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.core.table import Array, Table
from flyball.core.window import to_micros
from flyball.data.checks import check
from flyball.data.expectations import faulty_rows
from flyball.data.past import Past
from flyball.data.profile import REFERENCE_FILE, reference_from_json
from flyball.data.records import Snapshot, Split
from flyball.data.snapshot import WEIGHT, Rows, assemble, span
from flyball.data.source import Prepared, infer_schema, require_columns
from flyball.data.split import split_rows
from flyball.data.untouched import spare
from flyball.journal.state import fold
from flyball.loop.making.shaped import cuts_of, honest
from flyball.loop.making.since import window_since_change
from flyball.loop.making.workshop import Workshop
from flyball.registry.bundle import read_file, read_manifest
from flyball.serving.records import LoggedRows
from flyball.spec.records import DataSpec, Spec
from flyball.training.code import code_digest, training_code
from flyball.training.identity import training_digest

# How many problems beside the first are told.
_TOLD = 9


@record
class Gathered:
    """The rows, their schema and split, and what was noticed on the way.

    `hidden`: rows of the log left out because the model's own action shaped their label. `window`: why the rows begin where they begin,
    if that was looked for.
    """

    prepared: Prepared
    rows: Rows
    schema: Schema
    split: Split
    warnings: tuple[Reason, ...]
    hidden: int = 0
    window: Reason | None = None

    @property
    def weight(self) -> str:
        """The column that says how much each row counts; empty where all count the same."""
        return WEIGHT if WEIGHT in self.rows.table else ""

    @property
    def held_back(self) -> int:
        """Training rows of the holdback that stand for others."""
        return int(np.count_nonzero(self.rows.table[WEIGHT][self.split.train] > 1)) if self.weight else 0

    def snapshot(self, data: DataSpec, *, digest: str, path: str, dvc_md5: str) -> Snapshot:
        """The record of the rows, once they are written."""
        first, last = span(self.rows.table, data)
        return Snapshot(
            digest=digest,
            dvc_md5=dvc_md5,
            path=path,
            rows=self.rows.table.rows,
            columns=tuple(self.rows.table.columns),
            sources=self.prepared.files,
            steps=self.prepared.steps,
            logged_rows=self.rows.logged,
            first_at=first,
            last_at=last,
        )


def gather(spec: Spec, workshop: Workshop, *, now: datetime, progress: Callable[[str], None]) -> Gathered:
    """DataError if a check finds what no training can do without."""
    prepared = workshop.trainer.prepare(spec)
    require_columns(prepared.table, spec.data.roles, "flyball.toml")
    cached = sum(step.cached for step in prepared.steps)
    progress(f"prepare: {prepared.table.rows} rows, {len(prepared.steps)} steps, {cached} from the cache")
    known = _logged(spec, workshop, prepared, now)
    rows, window = _assembled(spec, known, now)
    warnings = [*prepared.warnings, *known.told]
    if known.hidden or WEIGHT in rows.table:
        heavy = rows.table[WEIGHT] if WEIGHT in rows.table else np.ones(1)
        stand_in = int(np.count_nonzero(heavy > 1))
        progress(f"log: {known.hidden} rows hidden by the model's own answers, {stand_in} of the holdback weigh up to {heavy.max():g}")
    if window is not None:
        progress(workshop.sentence(window))
    problems: list[Reason] = []
    found = check(rows.table, spec, prepared=prepared.table, past=_past(spec, workshop), now=now)
    if spec.quality.schema is not None:
        found += workshop.trainer.validate(spec)
    for finding in found:
        (problems if finding.severity == "error" else warnings).append(finding.reason)
    if problems:
        raise DataError(f"the data cannot train: {workshop.sentence(problems[0])}", hint=_also(problems[1:], workshop, spec))
    split = spare(split_rows(rows.table, spec.data, spec.evaluate.split), rows.table, spec.data, spec.evaluate)
    progress(f"rows: {rows.table.rows} with known outcome ({rows.logged} from the log), {len(split.train)} train, {len(split.test)} test")
    schema = infer_schema(rows.table, rows.features, booleans=rows.booleans)
    return Gathered(prepared=prepared, rows=rows, schema=schema, split=split, warnings=tuple(warnings), hidden=known.hidden, window=window)


def logged_table(logged: LoggedRows, data: DataSpec) -> Table | None:
    """Logged rows under the names of the spec: features, id, unit, times and the target; None if there are none."""
    if logged.features is None or len(logged.at) == 0:
        return None
    named: dict[str, Array] = dict(logged.features.columns)
    for name, values in ((data.id, logged.entity), (data.unit, logged.unit), (data.target, logged.actual)):
        if name is not None:
            named[name] = values
    for name, micros in ((data.time, logged.at), (data.outcome_time, logged.outcome_at)):
        if name is not None:
            named[name] = np.asarray(micros, dtype=np.int64).astype("datetime64[us]")
    if data.outcome_time is not None:
        named[data.outcome_time][np.array([actual is None for actual in logged.actual], dtype=np.bool_)] = np.datetime64("NaT")
    return Table(named)


def _also(problems: Sequence[Reason], workshop: Workshop, spec: Spec) -> str:
    """The other problems, as many as one reads."""
    if not problems:
        return f"look at {spec.data.source}"
    more = [f"also: {workshop.sentence(problem)}" for problem in problems[:_TOLD]]
    if len(problems) > _TOLD:
        more.append(f"and {len(problems) - _TOLD} more")
    return "\n  ".join(more)


@record
class _Known:
    """What there is to learn from: the source and the log, without what is left out; and what was noticed of it."""

    source: Prepared
    logged: Table | None
    hidden: int
    told: tuple[Reason, ...]


def _assembled(spec: Spec, known: _Known, now: datetime) -> tuple[Rows, Reason | None]:
    """The rows of the window, and why it begins where it begins if that had to be found out."""

    def within(window: timedelta | None) -> Rows:
        return assemble(
            known.source,
            known.logged,
            spec.data,
            task=spec.model.task,
            slices=spec.evaluate.slices,
            mode=spec.retrain.source,
            window=window,
            now=now,
        )

    rows = within(spec.retrain.window)
    if not spec.retrain.since_change:
        return rows, None
    found = window_since_change(rows, spec)
    return (rows if found.since is None else within(now - found.since)), found.reason


def _logged(spec: Spec, workshop: Workshop, prepared: Prepared, now: datetime) -> _Known:
    """What the log gives to a training, without rows that break a rule of the spec: nobody can correct what was asked.

    Their number is told; where they are many, the monitoring calls it an error and asks for no training. Rows whose label the model's own
    action shaped are left out too, here and of the source.
    """
    nothing = _Known(source=prepared, logged=None, hidden=0, told=())
    if spec.retrain.source == "source":
        return nothing
    predictions = workshop.predictions
    predictions.ingest()
    since = now - spec.retrain.window if spec.retrain.window is not None else None
    unlabelled_after = spec.data.matures if spec.data.no_outcome == "negative" else None
    rows = predictions.labelled(spec.model.name, known_by=now, since=since, unlabelled_after=unlabelled_after)
    logged = logged_table(rows, spec.data)
    if logged is None:
        return nothing
    if spec.data.time is None:
        # without a column of times the table cannot tell: early outcomes are a biased sample, so a row waits for its age here
        ripe = rows.at <= to_micros(now - spec.data.matures)
        logged, rows = logged.take(ripe), rows.take(ripe)
    faulty = faulty_rows(logged, spec)
    told: tuple[Reason, ...] = ()
    if faulty.any():
        told = (because("data.log_left_out", rows=int(np.count_nonzero(faulty)), of=logged.rows),)
        logged, rows = logged.take(~faulty), rows.take(~faulty)
    if not spec.model.influences_outcome:
        return _Known(source=prepared, logged=logged, hidden=0, told=told)
    found = honest(spec, prepared, rows, logged, cuts=cuts_of(spec, workshop, rows), now=now)
    return _Known(source=found.prepared, logged=found.logged, hidden=found.hidden, told=(*told, *found.told))


def _past(spec: Spec, workshop: Workshop) -> Past | None:
    """What the champion was trained on; None without a champion, or where its bundle is not on this machine."""
    state = fold(spec.model.name, workshop.journal.read(spec.model.name))
    if state.champion is None:
        return None
    digest = state.versions[state.champion].registered.bundle
    try:
        folder = workshop.bundles.path(digest)
        manifest = read_manifest(folder, digest)
        reference = reference_from_json(read_file(folder, manifest, REFERENCE_FILE))
    except FlyballError:  # comparing with the champion is told of where it decides: at the gate
        return None
    code = code_digest(training_code(spec))
    same = manifest.lineage.code_digest == code and manifest.lineage.spec_digest == training_digest(spec)
    return Past(schema=manifest.schema, reference=reference, same_code=same)
