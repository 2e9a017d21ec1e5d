"""Quality of what was asked of a model in a window: what is wrong with the values themselves, whatever their distribution does.

Pure: it is given the newest rows of the window and says how many it looked at. Shares are judged by their lower bound, so that one odd
row among few is told and alarms nobody.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from flyball.core.reason import Reason, Value
from flyball.core.record import record
from flyball.core.schema import Column, Schema
from flyball.core.table import Array
from flyball.data.category import text_of
from flyball.data.cells import NumberCells
from flyball.data.expectations import broken_rules
from flyball.data.findings import EXAMPLES, Rows, Severity, missing_rows, shown
from flyball.data.profile import ColumnReference, Reference
from flyball.monitoring.drift import RELEASE
from flyball.monitoring.records import ColumnDrift, QualityFinding
from flyball.serving.records import LoggedRows
from flyball.spec.records import Expectation
from flyball.stats.bounds import share_lower, share_upper

# What a column or the rows as a whole may be wrong with by chance: one in a thousand looks.
ALPHA = 1e-3
# Fewer rows that are all missing, or all the same, may be so by chance.
FEWEST = 30
# A share of missing values has to have grown by this much for certain before it is told beside the drift it is.
MUCH = 0.05
# More findings than this nobody reads; the rest is counted.
MOST = 100
_MIN_REFERENCE = 100
# How unlikely, by what training had, an all-missing or constant column must be to be no chance.
_IMPOSSIBLE = 1e-9
# The largest share one value may have had in training for the column to count as one that varies all the time.
_VARIED = 0.05


@record
class Asked:
    """What is known of the model that was asked: its columns, its training data, what is expected, and which columns are not watched."""

    schema: Schema
    reference: Reference
    expect: Mapping[str, Expectation]
    ignore: tuple[str, ...]
    share_margin: float


def value_findings(rows: LoggedRows, asked: Asked, drift: Mapping[str, ColumnDrift]) -> Iterator[QualityFinding]:
    """What is wrong with the values of each column of some logged rows with features; nothing without rows."""
    if rows.features is None or not len(rows.at):
        return
    found = rows.features
    for name, expected in asked.expect.items():
        if name in found:
            yield from _expected(name, found[name], expected, rows, asked)
    for column in asked.schema.columns:
        if column.name in asked.ignore:
            continue
        values = found[column.name] if column.name in found else np.full(len(rows.at), np.nan)
        known = asked.reference.columns.get(column.name)
        yield from _column(column, values, known, rows, asked, drift.get(column.name))


def most_serious(found: list[QualityFinding]) -> tuple[QualityFinding, ...]:
    """Errors first, and not more than anybody reads; what is left out is counted, and stays an error if one was among it."""
    ordered = sorted(found, key=lambda one: one.severity != "error")
    if len(ordered) <= MOST:
        return tuple(ordered)
    left = ordered[MOST:]
    reason = Reason(code="quality.more", values={"more": len(left)})
    more = QualityFinding(severity=left[0].severity, column="", reason=reason, rows=0, examples=())
    return (*ordered[:MOST], more)


def holds(finding: QualityFinding, release: float = RELEASE) -> bool:
    """Whether an alert about this stays: it is an error still, or its share is not well below what makes it one."""
    return finding.severity == "error" or (finding.limit > 0.0 and finding.share > release * finding.limit)


def about_rows(
    severity: Severity, column: str, code: str, concerned: Rows, rows: LoggedRows, *, limit: float = 0.0, **values: Value
) -> QualityFinding:
    """A finding about some of the rows, with the ids of the newest of them."""
    newest = np.flatnonzero(concerned)[::-1][:EXAMPLES]
    examples = tuple(shown(rows.prediction_id[row]) for row in newest.tolist())
    count, of = int(np.count_nonzero(concerned)), len(rows.at)
    share = count / of if of else 0.0
    told: dict[str, Value] = {"column": column, "rows": count, "of": of, "share": share, "limit": limit, "examples": ", ".join(examples)}
    reason = Reason(code=code, values={**told, **values})
    return QualityFinding(severity=severity, column=column, reason=reason, rows=count, examples=examples, share=share, limit=limit)


def certainly_more(concerned: Rows, limit: float) -> bool:
    """Whether the share of these rows is over a limit, whatever chance did."""
    return share_lower(int(np.count_nonzero(concerned)), len(concerned), ALPHA) > limit


def _expected(name: str, values: Array, expected: Expectation, rows: LoggedRows, asked: Asked) -> Iterator[QualityFinding]:
    """Rules of the spec. Uniqueness is one of a table: the same value is asked again for good reasons."""
    for broken in broken_rules(values, expected):
        if broken.rule == "repeated":
            continue
        limit = float(expected.missing or 0.0) if broken.rule == "missing" else asked.share_margin
        severity: Severity = "error" if certainly_more(broken.rows, limit) else "warning"
        yield about_rows(
            severity, name, f"quality.expect_{broken.rule}", broken.rows, rows, limit=limit, allowed=broken.limit, found=broken.found
        )


def _column(
    column: Column, values: Array, known: ColumnReference | None, rows: LoggedRows, asked: Asked, drift: ColumnDrift | None
) -> Iterator[QualityFinding]:
    """What is wrong with one column beside the rules of the spec, held against what training had where that is enough to tell."""
    name, missing = column.name, missing_rows(values)
    known = known if known is not None and known.rows >= _MIN_REFERENCE else None
    expected = asked.expect.get(name)
    if expected is None or expected.missing is None:
        gone = _missing(name, missing, known, rows)
        if gone is not None:
            yield gone
    if missing.all():
        return
    ruled = expected is not None and (expected.min is not None or expected.max is not None)  # it tells what is no number by itself
    if column.kind != "category":
        numbers, failed = NumberCells.as_numbers(values)
        if failed is not None and not ruled:
            failed = failed & ~missing
            if failed.any():
                yield _by_share(name, "quality.unparsable", failed, rows, asked, found=shown(values[failed][0]))
        endless = np.isinf(numbers)
        if endless.any() and not (known is not None and known.counts[0] + known.counts[-3]):
            yield _by_share(name, "quality.infinite", endless, rows, asked)
    else:
        strange = _not_text(column, values) & ~missing
        if strange.any():
            yield _by_share(name, "quality.not_text", strange, rows, asked, found=shown(values[strange][0]))
    if known is not None:
        yield from _constant(name, values, missing, known, rows, drift)


def _by_share(name: str, code: str, concerned: Rows, rows: LoggedRows, asked: Asked, **values: Value) -> QualityFinding:
    severity: Severity = "error" if certainly_more(concerned, asked.share_margin) else "warning"
    return about_rows(severity, name, code, concerned, rows, limit=asked.share_margin, **values)


def _missing(name: str, missing: Rows, known: ColumnReference | None, rows: LoggedRows) -> QualityFinding | None:
    """A column that went missing altogether is an error; one that is missing far more often than in training is drift, told here too."""
    if known is None or not missing.any():
        return None
    usual = known.missing / known.rows
    if missing.all():
        never = share_upper(known.missing, known.rows, ALPHA)
        if len(missing) < FEWEST or len(missing) * np.log(max(never, 1e-300)) > np.log(_IMPOSSIBLE):
            return None
        return about_rows("error", name, "quality.all_missing", missing, rows, usual=usual)
    if certainly_more(missing, share_upper(known.missing, known.rows, ALPHA) + MUCH):
        return about_rows("warning", name, "quality.more_missing", missing, rows, usual=usual)
    return None


def _not_text(column: Column, values: Array) -> Rows:
    """Values of a category that are no text, and not one of the known ones written as a number."""
    if values.dtype.kind == "O":
        odd = [not isinstance(value, str) for value in values.tolist()]
        if not any(odd):
            return np.zeros(len(values), dtype=bool)
    known = set(column.categories)
    strange = (
        not isinstance(value, str) and text_of(value) not in known and text_of(_whole(value)) not in known for value in values.tolist()
    )
    return np.fromiter(strange, dtype=bool, count=len(values))


def _constant(
    name: str, values: Array, missing: Rows, known: ColumnReference, rows: LoggedRows, drift: ColumnDrift | None
) -> Iterator[QualityFinding]:
    """One value in all rows, of a column that had many in training, and whose windows in training were not like that either.

    An error only where training shows both that no value is frequent and what windows of this length do by themselves: a column that
    tells the month has one value all day and is not broken.
    """
    there = values[~missing]
    if len(there) < FEWEST or not _all_same(there):
        return
    cells = np.array(known.counts[:-2] if known.kind == "number" else known.counts[:-1], dtype=np.int64)
    total = int(cells.sum())
    if not total or np.count_nonzero(cells) < 2:
        return
    most = int(cells.max()) / total
    if len(there) * np.log(share_upper(int(cells.max()), total, ALPHA)) > np.log(_IMPOSSIBLE):
        return
    calm = drift is not None and drift.state in ("ok", "warn")
    if calm:
        return  # windows of the training data did the same
    varied = known.kind == "number" and most < _VARIED and bool(known.calibration) and drift is not None and drift.state == "drift"
    yield about_rows("error" if varied else "warning", name, "quality.constant", ~missing, rows, found=shown(there[0]), usual=most)


def _all_same(values: Array) -> bool:
    if values.dtype.kind == "O":
        first = text_of(values[0])
        return all(text_of(value) == first for value in values.tolist())
    return bool((values == values[0]).all())


def _whole(value: object) -> object:
    """3.0 as 3: the log keeps numbers as numbers, a category may have been written without its point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
