"""Quality of what was asked of a version: the newest rows of the window looked at, within bounds on rows and cells."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np

from flyball.core.errors import RefusedError
from flyball.core.table import Array, Table
from flyball.core.window import Window
from flyball.data.snapshot import present
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.telling.asked import asked_rows
from flyball.loop.world import World
from flyball.monitoring.clocks import ahead_findings, late_findings, repeat_findings, silence, silence_finding
from flyball.monitoring.quality import Asked, most_serious, value_findings
from flyball.monitoring.records import ColumnDrift, QualityFinding
from flyball.monitoring.requests import request_findings
from flyball.ports.training import LOGGED_ID, Trainer
from flyball.registry.records import Manifest
from flyball.serving.records import LoggedRows
from flyball.spec.records import Spec

# So many of the newest rows of a window are looked at, and fewer where rows have many columns: time and memory stay what they are.
ROWS = 50_000
CELLS = 2_000_000
FEWEST = 200
# Rows whose event time has not come yet, and of the window before: enough to name some.
_SOME = 1_000
_FAR = timedelta(days=3650)
_DAY = timedelta(days=1)


def window_quality(
    world: World,
    spec: Spec,
    state: State,
    version: int,
    memory: Memory,
    drift: Mapping[str, ColumnDrift],
    *,
    window: Window,
    clocks: bool = True,
) -> tuple[QualityFinding, ...]:
    """Everything found in the rows a version was asked in a window, errors first; `drift` is what the same window's columns did.

    `clocks`: the window ends now, so event times can be held against the server's.
    """
    manifest, reference = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    rows = _newest(world, spec, version, manifest, window)
    asked = Asked(
        schema=manifest.schema,
        reference=reference,
        expect=spec.quality.expect,
        ignore=spec.monitor.ignore,
        share_margin=spec.monitor.share_margin,
    )
    some = min(_SOME, _room(manifest))
    later = Window(start=window.end, end=window.end + _FAR)
    before = Window(start=window.start - window.length, end=window.start)
    to_come, gone = (asked_rows(world.predictions, spec.model.name, version, span, some) for span in (later, before))
    found = list(value_findings(rows, asked, drift))
    if clocks:
        found += [one for part in (rows, to_come) for one in ahead_findings(part, now=window.end)]
    found += late_findings(gone, now=window.end, length=window.length)
    found += repeat_findings(rows, manifest.schema, reference)
    found += _silence(world, spec, rows, window)
    found += request_findings(world.traffic.between(spec.model.name, window), window)
    return most_serious(found)


def live_schema_findings(
    world: World, spec: Spec, state: State, version: int, memory: Memory, trainer: Trainer, *, now: datetime
) -> tuple[QualityFinding, ...]:
    """What the user's own schema (`[quality] schema`) finds in the rows a version was asked in the last window.

    Runs the project's code, in the trainer's process, which is closed at the end; so on demand only. Columns of the schema that a request
    does not carry (the target, say) are not asked about, nor are types: the log keeps numbers as numbers.
    """
    if spec.quality.schema is None:
        raise RefusedError("there is no schema to hold the rows against", hint='add schema = "pipeline:Schema" under [quality]')
    window = Window(start=now - spec.monitor.window, end=now)
    manifest, _ = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    rows = _newest(world, spec, version, manifest, window)
    if rows.features is None or not len(rows.at):
        return ()
    try:
        found = trainer.validate(spec, _as_prepared(rows, manifest, spec))
    finally:
        trainer.close()
    of = len(rows.at)
    return most_serious(
        [
            QualityFinding(
                severity=one.severity, column=one.column, reason=one.reason, rows=one.rows, examples=one.examples, share=one.rows / of
            )
            for one in found
        ]
    )


def _newest(world: World, spec: Spec, version: int, manifest: Manifest, window: Window) -> LoggedRows:
    return asked_rows(world.predictions, spec.model.name, version, window, _room(manifest))


def _room(manifest: Manifest) -> int:
    """How many rows are looked at."""
    return min(ROWS, max(FEWEST, CELLS // max(1, len(manifest.schema.columns))))


def _silence(world: World, spec: Spec, rows: LoggedRows, window: Window) -> list[QualityFinding]:
    """Nothing was asked, of any version, for longer than is usual at this time of day and week. The past is counted only then."""
    newest = int(rows.at[-1]) if len(rows.at) else None
    quiet = silence(newest, now=window.end, length=window.length)
    if quiet is None:
        return []
    span = quiet.span

    def asked(days: int) -> int:
        then = Window(start=span.start - days * _DAY, end=span.end - days * _DAY)
        return sum(world.predictions.count(spec.model.name, then).values())

    if asked(0):  # of another version
        return []
    finding = silence_finding(quiet, newest, {days: asked(days) for days in {*quiet.daily, *quiet.weekly}})
    return [] if finding is None else [finding]


def _as_prepared(rows: LoggedRows, manifest: Manifest, spec: Spec) -> Table:
    """The logged rows as prepare would have given them: names of the spec, whole numbers and truths as what they are, ids to tell by."""
    assert rows.features is not None
    columns: dict[str, Array] = {}
    for column in manifest.schema.columns:
        if column.name not in rows.features:
            continue
        values = rows.features[column.name]
        if values.dtype.kind == "f" and present(values).all():
            if column.kind == "integer" and np.array_equal(values, np.trunc(values)):
                values = values.astype(np.int64)
            elif column.kind == "boolean":
                values = values.astype(np.bool_)
        columns[column.name] = values
    for name, given in ((spec.data.id, rows.entity), (spec.data.unit, rows.unit)):
        if name is not None and name not in columns:
            columns[name] = given
    if spec.data.time is not None and spec.data.time not in columns:
        columns[spec.data.time] = rows.at.astype("datetime64[us]")
    columns[LOGGED_ID] = rows.prediction_id
    return Table(columns)
