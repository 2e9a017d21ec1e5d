"""Pictures of models that never were: complete, real records, as a year of monitoring would fill them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from flyball.adapters.memory.reports import MemoryReports
from flyball.core.reason import Value, because
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.data.profile import Reference, build_reference
from flyball.evaluation.records import Decision
from flyball.journal.events import AlertFired, Entry, Event, Frozen, Promoted, Registered, Suppressed
from flyball.journal.explain import tell
from flyball.journal.known import Freeze
from flyball.loop.picture import Firing, Floors, Picture, Source
from flyball.loop.records import Floored
from flyball.monitoring.counts import Counts, count
from flyball.monitoring.drift import drift
from flyball.monitoring.records import (
    CalibrationBin,
    ColumnDrift,
    Coverage,
    DatasetDrift,
    Estimated,
    MonitorReport,
    Performance,
    PerformanceDetails,
    QualityFinding,
    SlicePerformance,
    State,
)
from flyball.registry.records import Lineage

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LAST_DAY = Window(start=NOW - DAY, end=NOW)


class Counting(MemoryReports):
    """The store in memory; says how many reports were read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def between(self, model: str, window: Window) -> list[MonitorReport]:
        """Count what is read."""
        found = super().between(model, window)
        self.read += len(found)
        return found


def measured(names: Sequence[str] = ("price", "calls", "plan"), *, shift: float = 2.0, rows: int = 2000) -> tuple[Reference, Counts]:
    """A reference and counts of a window in which the first column moved by `shift`: a number, a count, and a category."""
    chance = np.random.default_rng(0)
    price, calls, plan = names

    def table(moved: float) -> Table:
        return Table(
            columns={
                price: chance.normal(50 + 10 * moved, 10, rows),
                calls: chance.poisson(3, rows).astype(float),
                plan: np.array([f"plan {number}" for number in chance.integers(0, 15, rows)], dtype=object),
            }
        )

    schema = Schema(columns=(column(price, "number"), column(calls, "number"), column(plan, "category")))
    reference = build_reference(table(0.0), schema, {})
    return reference, count(reference, table(shift), {})


def column(name: str, kind: str) -> Column:
    """A column of a schema."""
    return Column(name=name, kind="number" if kind == "number" else "category", nullable=False)


def performance(value: float = 0.21, *, end: datetime = NOW, version: int = 3, metric: str = "brier") -> Performance:
    """Performance over two weeks."""
    return Performance(
        metric=metric,
        version=version,
        window=Window(start=end - 14 * DAY, end=end),
        matured=9000,
        labelled=8000,
        blocks=14,
        value=value,
        lower=value - 0.02,
        upper=value + 0.02,
        reason=because(
            "performance.realised",
            metric=metric,
            value=value,
            lower=value - 0.02,
            upper=value + 0.02,
            rows=8000,
            blocks=14,
            labelled=8000,
            matured=9000,
            strange=0,
            broken=0,
        ),
    )


def details(slices: Sequence[tuple[str, str]] = (("plan", "monthly"), ("plan", "yearly")), *, end: datetime = NOW) -> PerformanceDetails:
    """Everything beside the metric of the floor."""
    return PerformanceDetails(
        metrics=(performance(end=end), performance(0.7, end=end, metric="roc_auc")),
        slices=tuple(
            SlicePerformance(column=name, value=value, performance=performance(0.15 + 0.001 * at, end=end))
            for at, (name, value) in enumerate(slices)
        ),
        calibration=tuple(
            CalibrationBin(
                score=score, actual=score * 0.9, lower=max(0.0, score * 0.9 - 0.05), upper=min(1.0, score * 0.9 + 0.05), rows=800
            )
            for score in (0.05, 0.15, 0.3, 0.5, 0.7, 0.9)
        ),
        coverage=Coverage(predicted=9500, matured=9000, labelled=8000, lag_median=5400.0, lag_90=172_800.0),
        estimated=(
            Estimated(
                metric="brier",
                method="cbpe",
                window=Window(start=end - DAY, end=end),
                rows=700,
                value=0.19,
                lower=0.18,
                upper=0.2,
                reason=because("future.estimated", value=0.19),
            ),
        ),
    )


def report(columns: Mapping[str, ColumnDrift], *, end: datetime = NOW, version: int = 3, value: float = 0.21) -> MonitorReport:
    """A full report of the day before `end`."""
    moved = tuple(name for name, one in columns.items() if one.state == "drift")
    return MonitorReport(
        window=Window(start=end - DAY, end=end),
        version=version,
        rows=2000,
        columns=columns,
        performance=performance(value, end=end, version=version),
        dataset=DatasetDrift(
            discoveries=moved, watched=len(columns), share=len(moved) / max(len(columns), 1), rate=0.05, reason=because("future.dataset")
        ),
        details=details(end=end),
        quality=(
            QualityFinding(
                severity="warning",
                column=next(iter(columns), "price"),
                reason=because("future.duplicates", share=0.02),
                rows=40,
                examples=("01a22c84eab3711d00610c6f6e200bc6",),
            ),
        ),
    )


def picture(shift: float = 2.0, *, days: int = 20) -> Picture:
    """A model whose price moves for some days, with everything a report can show."""
    reference, counts = measured(shift=shift)
    columns = drift(reference, counts, looks=100)
    told = {name: replace(one, since=NOW - 3 * DAY if one.state == "drift" else None) for name, one in columns.items()}
    newest = report(told)
    return around(newest, reference, counts, days=days)


def around(newest: MonitorReport, reference: Reference | None, counts: Counts | None, *, days: int = 20) -> Picture:
    """What stands around a report: a past in which another version answered first, decisions, alerts, lineage."""
    history = [
        report(
            {name: replace(one, distance=one.distance * (1 - back / (days + 1))) for name, one in newest.columns.items()},
            end=NOW - back * DAY,
            version=2 if back > days / 2 else 3,
            value=0.2 + 0.0005 * (days - back),
        )
        for back in range(days, 0, -1)
    ]
    moved = next((name for name, one in newest.columns.items() if one.state == "drift"), None)
    firing = (Firing(key=f"drift:{moved}", reason=newest.columns[moved].reason, since=NOW - 3 * DAY),) if moved else ()
    return Picture(
        model="town",
        at=NOW,
        period=Window(start=NOW - 28 * DAY, end=NOW),
        report=newest,
        champion=3,
        watched=True,
        firing=firing,
        floor=Floored(verdict=Verdict.PASS, reason=because("performance.above_floor", **FLOOR_NUMBERS)),
        floors=Floors(metric="brier", direction="lower", values={2: 0.24, 3: 0.23}),
        history=(*history, newest),
        decisions=tuple(tell(entry) for entry in entries()),
        reference=reference,
        counts=counts,
        source=Source(registered=registered(), at=NOW - 15 * DAY, lineage=LINEAGE),
        freeze=None,
    )


FLOOR_NUMBERS: dict[str, Value] = {
    "metric": "brier",
    "version": 3,
    "value": 0.21,
    "lower": 0.19,
    "upper": 0.23,
    "floor": 0.23,
    "reference": 0.21,
    "drop": 0.02,
    "labelled": 8000,
    "blocks": 14,
}
LINEAGE = Lineage(
    run_id="2547775101c84c7aac804aea7759c0ec",
    commit="f9cc7b1",
    dirty_diff_sha256="ab",
    snapshot="5" * 64,
    dvc_md5="0" * 32,
    spec_digest="6" * 64,
    code_digest="7" * 64,
    identity="8" * 64,
    environment_sha256="9" * 64,
)


def registered() -> Registered:
    """How version 3 came."""
    return Registered(
        version=3,
        run_id=LINEAGE.run_id,
        bundle="4" * 64,
        snapshot=LINEAGE.snapshot,
        identity=LINEAGE.identity,
        engine="trees",
        metrics={"brier": 0.2},
        lower={"brier": 0.19},
        upper={"brier": 0.21},
        gate=Decision(verdict=Verdict.PASS, checks=()),
        cause="drift",
        action="",
        rows=35_538,
        trained_from=NOW - 100 * DAY,
        trained_until=NOW - 16 * DAY,
        seconds={},
    )


def entries() -> list[Entry]:
    """Some things that happened."""
    events: list[Event] = [
        registered(),
        Promoted(version=3, replaced=2, reason=because("promote.gate", version=3, champion=2), forced=False, watch_until=None),
        AlertFired(key="drift:price", reason=because("alert.resolved", key="drift:price")),
        Suppressed(cause="drift", reason=because("alert.resolved", key="x"), because=because("suppressed.outcomes", found=37, needed=500)),
        Frozen(reason="an audit", until=None),
    ]
    return [
        Entry(model="town", seq=at + 1, at=NOW - (15 - at) * DAY, actor="loop", event=event, prev_hash="", hash="")
        for at, event in enumerate(events)
    ]


def wide(names: Sequence[str], *, moved: int = 12) -> Picture:
    """A model of many columns, of which the first `moved` drift and as many warn. Each is the moved price under another name."""
    reference, counts = measured()
    price = drift(reference, counts, looks=100)["price"]
    columns = {}
    for at, name in enumerate(names):
        state: State = "drift" if at < moved else "warn" if at < 2 * moved else "ok"
        columns[name] = replace(
            price, state=state, reason=because("drift.ok", column=name, distance=0.5, lower=0.4, upper=0.6, threshold=0.1)
        )
    cells, numbers = reference.columns["price"], counts.columns["price"]
    many = Reference(schema_version=1, rows=2000, columns=dict.fromkeys(names, cells))
    return around(report(columns), many, Counts(reference="", rows=2000, columns=dict.fromkeys(names, numbers)), days=28)


FREEZE = Freeze(at=NOW - DAY, reason="an audit", until=None)
