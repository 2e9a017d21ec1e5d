"""From the spec to the rows of a training: prepare, join the log, check, split. What comes out is not yet written anywhere."""

from collections.abc import Callable
from datetime import datetime

import numpy as np

from flyball.core.errors import DataError
from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.core.table import Array, Table
from flyball.core.window import to_micros
from flyball.data.checks import check
from flyball.data.records import Snapshot, Split
from flyball.data.snapshot import Rows, assemble, span
from flyball.data.source import Prepared, infer_schema, require_columns
from flyball.data.split import split_rows
from flyball.loop.workshop import Workshop
from flyball.ports import PredictionLog
from flyball.serving.records import LoggedRows
from flyball.spec.records import DataSpec, Spec


@record
class Gathered:
    """The rows, their schema and split, and what was noticed on the way."""

    prepared: Prepared
    rows: Rows
    schema: Schema
    split: Split
    warnings: tuple[Reason, ...]

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
    rows = assemble(
        prepared,
        _logged(spec, workshop.predictions, now),
        spec.data,
        task=spec.model.task,
        slices=spec.evaluate.slices,
        mode=spec.retrain.source,
        window=spec.retrain.window,
        now=now,
    )
    warnings = [*prepared.warnings]
    problems: list[Reason] = []
    for finding in check(rows.table, spec):
        (problems if finding.severity == "error" else warnings).append(finding.reason)
    if problems:
        more = [f"also: {workshop.sentence(problem)}" for problem in problems[1:6]]
        raise DataError(f"the data cannot train: {workshop.sentence(problems[0])}", hint="\n  ".join(more) or f"look at {spec.data.source}")
    split = split_rows(rows.table, spec.data, spec.evaluate.split)
    progress(f"rows: {rows.table.rows} with known outcome ({rows.logged} from the log), {len(split.train)} train, {len(split.test)} test")
    schema = infer_schema(rows.table, rows.features, booleans=rows.booleans)
    return Gathered(prepared=prepared, rows=rows, schema=schema, split=split, warnings=tuple(warnings))


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


def _logged(spec: Spec, predictions: PredictionLog, now: datetime) -> Table | None:
    if spec.retrain.source == "source":
        return None
    predictions.ingest()
    since = now - spec.retrain.window if spec.retrain.window is not None else None
    unlabelled_after = spec.data.matures if spec.data.no_outcome == "negative" else None
    rows = predictions.labelled(spec.model.name, known_by=now, since=since, unlabelled_after=unlabelled_after)
    logged = logged_table(rows, spec.data)
    if logged is None or spec.data.time is not None:
        return logged
    # without a column of times the table cannot tell: early outcomes are a biased sample, so a row waits for its age here
    return logged.take(rows.at <= to_micros(now - spec.data.matures))
