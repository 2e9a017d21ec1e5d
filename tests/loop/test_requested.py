"""A candidate that reads what clients do not send yet is undecided."""

from datetime import UTC, datetime, timedelta

from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.core.reason import because
from flyball.core.schema import Column, Schema
from flyball.core.verdict import Verdict
from flyball.core.window import to_micros
from flyball.evaluation.records import Check, Decision
from flyball.loop.requested import with_requests
from flyball.serving.records import Label, PredictionBatch

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PASSED = Decision(verdict=Verdict.PASS, checks=(Check(metric="brier", verdict=Verdict.PASS, reason=because("gate.at_least_passed")),))


def schema(**columns: bool) -> Schema:
    """Number columns by name; True: missing values are known."""
    return Schema(columns=tuple(Column(name=name, kind="number", nullable=nullable) for name, nullable in columns.items()))


def asked(log: MemoryPredictionLog, names: list[str], rows: list[list[Label | None]], *, at: datetime = NOW - timedelta(hours=1)) -> None:
    """Requests that version 1 answered."""
    count = len(rows)
    log.add(
        PredictionBatch(
            model="m",
            worker="w",
            schema_id="-".join(names),
            feature_names=names,
            prediction_id=[f"{'-'.join(names)}-{number}" for number in range(count)],
            version=[1] * count,
            variant=["champion"] * count,
            shadow=[False] * count,
            at=[to_micros(at)] * count,
            made_at=[to_micros(at)] * count,
            unit=[None] * count,
            entity=[None] * count,
            client_id=[None] * count,
            label=[1] * count,
            score=[0.7] * count,
            features=rows,  # type: ignore[arg-type]  # rows of values
            context=[None] * count,
        )
    )


def judged(log: MemoryPredictionLog, wanted: Schema) -> Decision:
    return with_requests(PASSED, log, "m", 1, (schema(age=False, income=True), wanted), now=NOW)


def test_a_new_column_that_requests_do_not_bring_leaves_the_gate_undecided_and_is_named() -> None:
    log = MemoryPredictionLog()
    asked(log, ["age", "income"], [[30.0, 1.0], [40.0, 2.0]])
    found = judged(log, schema(age=False, height=False))
    assert found.verdict is Verdict.UNDECIDED
    assert found.checks[-1].reason == because("gate.column_absent", columns="height", absent=2, rows=2)


def test_a_new_column_that_every_request_brings_is_no_obstacle() -> None:
    log = MemoryPredictionLog()
    asked(log, ["age", "income", "height"], [[30.0, 1.0, 1.8], [40.0, 2.0, 1.7]])
    assert judged(log, schema(age=False, height=False)) == PASSED
    asked(log, ["age", "income"], [[50.0, 3.0]])  # one client is late
    assert judged(log, schema(age=False, height=False)).checks[-1].reason.values["absent"] == 1


def test_a_column_that_may_no_longer_be_missing_is_asked_for_likewise() -> None:
    log = MemoryPredictionLog()
    asked(log, ["age", "income"], [[30.0, None], [40.0, 2.0]])
    assert judged(log, schema(age=False, income=False)).verdict is Verdict.UNDECIDED


def test_what_may_be_missing_and_what_nobody_asked_lately_is_no_obstacle() -> None:
    log = MemoryPredictionLog()
    assert judged(log, schema(age=False, height=False)) == PASSED
    asked(log, ["age", "income"], [[30.0, 1.0]], at=NOW - timedelta(days=30))
    assert judged(log, schema(age=False, height=False)) == PASSED
    asked(log, ["age", "income"], [[30.0, 1.0]])
    assert judged(log, schema(age=False, height=True)) == PASSED
