"""A candidate that reads what clients do not send yet is undecided."""

import numpy as np

from flyball.core.reason import because
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check
from flyball.loop.making.requested import lacking, requested


def schema(**columns: bool) -> Schema:
    """Number columns by name; True: missing values are known."""
    return Schema(columns=tuple(Column(name=name, kind="number", nullable=nullable) for name, nullable in columns.items()))


def asked(**columns: list[float | None]) -> Table:
    """Requests of late, column by column."""
    return Table({name: np.array(values, dtype=np.float64) for name, values in columns.items()})


def judged(features: Table, wanted: Schema) -> list[Check]:
    return requested(features, schema(age=False, income=True), wanted)


def test_a_new_column_that_requests_do_not_bring_leaves_the_gate_undecided_and_is_named() -> None:
    (found,) = judged(asked(age=[30.0, 40.0], income=[1.0, 2.0]), schema(age=False, height=False))
    assert found.verdict is Verdict.UNDECIDED
    assert found.reason == because("gate.column_absent", columns="height", absent=2, rows=2)


def test_a_new_column_that_every_request_brings_is_no_obstacle() -> None:
    assert judged(asked(age=[30.0, 40.0], height=[1.8, 1.7]), schema(age=False, height=False)) == []
    (found,) = judged(asked(age=[30.0, 40.0, 50.0], height=[1.8, 1.7, None]), schema(age=False, height=False))  # one client is late
    assert found.reason.values["absent"] == 1


def test_a_column_that_may_no_longer_be_missing_is_asked_for_likewise() -> None:
    (found,) = judged(asked(age=[30.0, 40.0], income=[None, 2.0]), schema(age=False, income=False))
    assert found.verdict is Verdict.UNDECIDED


def test_what_may_be_missing_is_no_obstacle() -> None:
    assert judged(asked(age=[30.0], income=[1.0]), schema(age=False, height=True)) == []


def test_a_column_that_nobody_ever_sent_is_lacking_in_every_request() -> None:
    found = lacking(asked(age=[30.0, 40.0]), schema(age=False, height=False, weight=True))
    assert {name: rows.tolist() for name, rows in found.items()} == {"height": [True, True]}


def test_texts_are_missing_where_they_are_none() -> None:
    plan = Column(name="plan", kind="category", nullable=False)
    found = lacking(Table({"plan": np.array(["a", None], dtype=object)}), Schema(columns=(plan,)))
    assert found["plan"].tolist() == [False, True]
