"""What is asked of every version, declared or not: the same answer through every protocol and every time, whatever is missing or new."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import RequestError
from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.verdict import Verdict
from flyball.loop.behaviour.changed import as_matrix, table_of, values_of
from flyball.loop.behaviour.records import Behaved, Subject
from flyball.serving.contract import Contract, Row
from flyball.serving.engine import TIE, Engine, labels
from flyball.spec.behaviour import Latency

# From rows in the contract's order, through the bytes of a protocol, to rows as the server reads them.
Codec = Callable[[Contract, Sequence[Row]], Sequence[Row]]

_AT_ONCE = 500
_FEW = 100
_NEW = "a category that nobody has seen before"
_WARM = 20
_ROUNDS = 3
_TRIES = 3


@record
class Measured:
    """Seconds for one row in the engine of a version: median and 99th percentile over `rows` rows, of each its best of three."""

    rows: int
    median: float
    p99: float


def round_trips(subject: Subject, codecs: Mapping[str, Codec], rows: Table) -> list[Behaved]:
    """For each protocol: whether every row comes out of its bytes as it went in, and has the score it has in process."""
    if not rows.rows:
        return [_undecided(f"round trip: {name}", because("behaviour.no_rows")) for name in codecs]
    contract = Contract([subject.manifest.schema])
    wanted = subject.score(rows)
    values = values_of(rows, subject.manifest.schema)
    return [_round_trip(subject, name, codec, contract, values, wanted) for name, codec in codecs.items()]


def repeatable(subject: Subject, rows: Table) -> Behaved:
    """Whether the same rows have the same scores again, in another order, and one by one."""
    name = "repeatable"
    if not rows.rows:
        return _undecided(name, because("behaviour.no_rows"))
    first = as_matrix(subject.score(rows))
    ways: dict[str, NDArray[np.float64]] = {"again": as_matrix(subject.score(rows))}
    back = np.arange(rows.rows)[::-1]
    ways["in another order"] = as_matrix(subject.score(rows.take(back.astype(np.int64))))[back]
    few = min(rows.rows, 5 if subject.manifest.engine == "native" else _FEW)
    alone = np.concatenate([as_matrix(subject.score(rows.take(slice(at, at + 1)))) for at in range(few)])
    ways["one by one"] = alone
    for way, found in ways.items():
        far = _furthest(first[: len(found)], found)
        if far > TIE:
            return _failed(name, because("behaviour.not_repeatable", way=way, largest=far, rows=len(found)))
    return _passed(name, because("behaviour.repeatable", rows=rows.rows, alone=few))


def missing(subject: Subject, rows: Table) -> Behaved:
    """Whether a number comes out where values are missing that may be, and a refusal where they may not."""
    name, schema = "missing values", subject.manifest.schema
    if not rows.rows:
        return _undecided(name, because("behaviour.no_rows"))
    some, contract = values_of(rows, schema)[:_FEW], Contract([schema])
    may = [at for at, column in enumerate(schema.columns) if column.nullable]
    for at, column in enumerate(schema.columns):
        if column.nullable:
            continue
        try:
            contract.row([*some[0][:at], None, *some[0][at + 1 :]])
        except RequestError:
            continue
        return _failed(name, because("behaviour.missing_taken", column=column.name))
    if not may:
        return _passed(name, because("behaviour.none_missing", columns=len(schema.columns)))
    for places in [*[[at] for at in may], may]:
        gone = [[None if at in places else value for at, value in enumerate(row)] for row in some]
        scores = subject.score(table_of([contract.row(row) for row in gone], schema))
        bad = int(np.count_nonzero(~np.isfinite(as_matrix(scores)).all(axis=1)))
        if bad:
            columns = ", ".join(schema.names[at] for at in places)
            return _failed(name, because("behaviour.missing_failed", columns=columns, bad=bad, rows=len(some)))
    return _passed(name, because("behaviour.missing_passed", columns=len(may), rows=len(some)))


def unseen(subject: Subject, rows: Table, *, refused: bool) -> Behaved:
    """Whether a number comes out for a category that training did not have."""
    name, schema = "unseen categories", subject.manifest.schema
    places = [at for at, column in enumerate(schema.columns) if column.kind == "category"]
    if not places:
        return Behaved(name=name, kind="built in", verdict=Verdict.NOT_APPLICABLE, reason=because("behaviour.no_categories"))
    if refused:
        return Behaved(name=name, kind="built in", verdict=Verdict.NOT_APPLICABLE, reason=because("behaviour.unseen_refused"))
    if not rows.rows:
        return _undecided(name, because("behaviour.no_rows"))
    some = values_of(rows, schema)[:_FEW]
    for at in places:
        strange = [[_NEW if place == at else value for place, value in enumerate(row)] for row in some]
        scores = subject.score(table_of(strange, schema))
        bad = int(np.count_nonzero(~np.isfinite(as_matrix(scores)).all(axis=1)))
        if bad:
            return _failed(name, because("behaviour.unseen_failed", column=schema.names[at], bad=bad, rows=len(some)))
    return _passed(name, because("behaviour.unseen_passed", columns=len(places), rows=len(some)))


def measured(engine: Engine, rows: Sequence[Row], timer: Callable[[], float] = perf_counter) -> Measured:
    """How long one row takes; a row that was disturbed once is not disturbed three times."""
    for row in rows[:_WARM]:
        engine.score_rows((row,))
    spent = np.full(len(rows), np.inf)
    for _ in range(_ROUNDS):
        for at, row in enumerate(rows):
            began = timer()
            engine.score_rows((row,))
            spent[at] = min(spent[at], timer() - began)
    return Measured(rows=len(rows), median=float(np.median(spent)), p99=float(np.quantile(spent, 0.99)))


def latency(budgets: Sequence[Latency], look: Callable[[], Measured] | None, *, shown: bool) -> list[Behaved]:
    """What the engine takes for one row, against each budget; without a budget it is only told.

    A machine that is busy with something else makes a model no slower: what is over its budget is measured again, and the best counts.
    """
    name = "latency"
    if look is None:
        reason = because("behaviour.no_rows")
        found = [_undecided(budget.name, reason, kind="latency") for budget in budgets]
        return found or ([Behaved(name=name, kind="latency", verdict=Verdict.NOT_APPLICABLE, reason=reason)] if shown else [])
    if not budgets and not shown:
        return []
    best = look()
    for _ in range(_TRIES - 1):
        if not any(_over(budget, best) for budget in budgets):
            break
        again = look()
        best = Measured(rows=best.rows, median=min(best.median, again.median), p99=min(best.p99, again.p99))
    values: dict[str, Value] = {"rows": best.rows, "median": best.median * 1e3, "p99": best.p99 * 1e3}
    numbers = {"median_ms": best.median * 1e3, "p99_ms": best.p99 * 1e3}
    if not budgets:
        told = Reason(code="behaviour.latency", values=values)
        return [Behaved(name=name, kind="latency", verdict=Verdict.NOT_APPLICABLE, reason=told, numbers=numbers)]
    return [
        Behaved(
            name=budget.name,
            kind="latency",
            verdict=Verdict.FAIL if _over(budget, best) else Verdict.PASS,
            reason=Reason(
                code=f"behaviour.latency_{'failed' if _over(budget, best) else 'passed'}",
                values={**values, "most_median": budget.median, "most_p99": budget.p99},
            ),
            numbers=numbers,
        )
        for budget in budgets
    ]


def _over(budget: Latency, found: Measured) -> bool:
    slow = budget.median is not None and found.median * 1e3 > budget.median
    return slow or (budget.p99 is not None and found.p99 * 1e3 > budget.p99)


def _round_trip(
    subject: Subject, name: str, codec: Codec, contract: Contract, values: Sequence[Row], wanted: NDArray[np.float64]
) -> Behaved:
    title, schema, manifest = f"round trip: {name}", subject.manifest.schema, subject.manifest
    found: list[Row] = []
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        try:
            rows = codec(contract, part)
        except RequestError as error:
            return _failed(title, because("behaviour.round_trip_refused", start=start, end=start + len(part), error=error.message))
        found += rows
    scores = subject.score(table_of(found, schema))
    if scores.shape != wanted.shape:
        return _failed(title, because("behaviour.round_trip_lost", sent=len(values), came=len(scores)))
    apart = np.abs(as_matrix(scores) - as_matrix(wanted)).max(axis=1)
    strange = ~((apart <= TIE) | (np.isnan(as_matrix(scores)).all(axis=1) & np.isnan(as_matrix(wanted)).all(axis=1)))
    if manifest.classes:
        old, new = (labels(each, task=manifest.task, threshold=manifest.threshold, classes=manifest.classes) for each in (wanted, scores))
        strange |= old != new
    if strange.any():
        at = int(np.flatnonzero(strange)[0])
        reason = because("behaviour.round_trip_failed", bad=int(strange.sum()), rows=len(values), row=at, largest=float(apart[at]))
        return _failed(title, reason)
    return _passed(title, because("behaviour.round_trip_passed", rows=len(values), known=subject.all_rows.rows))


def _furthest(first: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    same = (first == other) | (np.isnan(first) & np.isnan(other))
    apart = np.where(same, 0.0, np.abs(first - other))
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))


def _passed(name: str, reason: Reason) -> Behaved:
    return Behaved(name=name, kind="built in", verdict=Verdict.PASS, reason=reason)


def _failed(name: str, reason: Reason) -> Behaved:
    return Behaved(name=name, kind="built in", verdict=Verdict.FAIL, reason=reason)


def _undecided(name: str, reason: Reason, kind: str = "built in") -> Behaved:
    return Behaved(name=name, kind=kind, verdict=Verdict.UNDECIDED, reason=reason)
