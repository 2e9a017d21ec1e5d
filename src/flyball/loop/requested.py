"""Whether the requests of late bring what a candidate reads: a version that cannot answer them is no candidate yet."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError
from flyball.core.reason import because
from flyball.core.schema import Schema
from flyball.core.table import Array
from flyball.core.verdict import Verdict, combine
from flyball.core.window import Window
from flyball.evaluation.records import Check, Decision
from flyball.loop.judge import Judgement, Rival
from flyball.ports.history import PredictionLog

_LATELY = timedelta(days=7)
_ENOUGH = 10_000  # rows to look at; a busier log is looked at for a shorter time
_SHORTEST = timedelta(minutes=1)


def asked_for(judgement: Judgement, rival: Rival | None, log: PredictionLog, model: str, candidate: Schema, *, now: datetime) -> Judgement:
    """The judgement with what the requests of late say of it, if there is a champion whose requests they are."""
    if rival is None:
        return judgement
    try:
        champion, _ = rival.open()
        decision = with_requests(judgement.decision, log, model, rival.version, (champion.schema, candidate), now=now)
    except FlyballError:  # a champion that cannot be opened was evidence for nothing already
        return judgement
    return replace(judgement, decision=decision)


def with_requests(
    decision: Decision, log: PredictionLog, model: str, champion: int, schemas: tuple[Schema, Schema], *, now: datetime
) -> Decision:
    """The gate's decision, and undecided where requests that the champion answered lately lack a column the candidate cannot do without.

    `schemas` are those of the champion and of the candidate. Where nobody asked, nobody lacks anything.
    """
    known, wanted = schemas
    nullable = {column.name: column.nullable for column in known.columns}
    needed = [column.name for column in wanted.columns if not column.nullable and nullable.get(column.name, True)]
    if not needed:
        return decision
    span = _LATELY
    while span > _SHORTEST and log.count(model, Window(start=now - span, end=now)).get(champion, 0) > _ENOUGH:
        span /= 2
    features = log.rows(model, champion, Window(start=now - span, end=now), features=True).features
    if features is None or not features.rows:
        return decision
    lacking = {name: _absent(features[name]) if name in features else np.ones(features.rows, dtype=np.bool_) for name in needed}
    columns = [name for name, absent in lacking.items() if absent.any()]
    if not columns:
        return decision
    absent = int(np.logical_or.reduce([lacking[name] for name in columns]).sum())
    reason = because("gate.column_absent", columns=", ".join(columns), absent=absent, rows=features.rows)
    checks = (*decision.checks, Check(metric="", verdict=Verdict.UNDECIDED, reason=reason))
    return Decision(verdict=combine(check.verdict for check in checks), checks=checks)


def _absent(values: Array) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        return np.fromiter((value is None for value in values.tolist()), dtype=np.bool_, count=len(values))
    return np.zeros(len(values), dtype=np.bool_)
