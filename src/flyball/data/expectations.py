"""`[quality] expect`: what the user says the values of a column must be, and which rows break it. The same rules in training and live."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

import numpy as np

from flyball.core.reason import Value
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.core.table import Array, Table
from flyball.data.category import text_of
from flyball.data.cells import NumberCells
from flyball.data.findings import Finding, Rows, finding, missing_rows, plain_finding, shown
from flyball.spec.records import Expectation, Spec

Rule = Literal["below", "above", "not_number", "not_allowed", "missing", "repeated"]

# The rules a single row breaks by itself; a share of missing values and uniqueness are things of the column.
OF_A_ROW: frozenset[Rule] = frozenset({"below", "above", "not_number", "not_allowed"})


@record
class Broken:
    """The rows that break one rule, the limit it sets, and one of the values found."""

    rule: Rule
    rows: Rows
    limit: str | float
    found: str


def broken_rules(values: Array, expected: Expectation) -> Iterator[Broken]:
    """Every rule that some row of a column breaks. A missing value breaks none but `missing`; without rows nothing is broken."""
    if not len(values):
        return
    missing = missing_rows(values)
    if expected.min is not None or expected.max is not None:
        yield from _bounds(values, missing, expected)
    if expected.values is not None:
        odd = ~_allowed(values, expected.values) & ~missing
        if odd.any():
            limit = ", ".join(shown(value) for value in expected.values[:8]) + (", …" if len(expected.values) > 8 else "")
            yield Broken(rule="not_allowed", rows=odd, limit=limit, found=shown(values[odd][0]))
    if expected.missing is not None and np.count_nonzero(missing) > expected.missing * len(values):
        yield Broken(rule="missing", rows=missing, limit=expected.missing, found="")
    if expected.unique:
        repeated = _repeated(values) & ~missing
        if repeated.any():
            yield Broken(rule="repeated", rows=repeated, limit="", found=shown(values[repeated][0]))


def faulty_rows(table: Table, spec: Spec) -> Rows:
    """The rows that break a rule by themselves: by their value being outside what is expected."""
    faulty = np.zeros(table.rows, dtype=bool)
    for name, expected in spec.quality.expect.items():
        if name in table:
            for broken in broken_rules(table[name], expected):
                if broken.rule in OF_A_ROW:
                    faulty |= broken.rows
    return faulty


def expected(table: Table, prepared: Table, spec: Spec) -> Iterator[Finding]:
    """What the rows of a training break. A column that only the prepared rows have (nothing learns from it) is looked at there."""
    for name, rule in spec.quality.expect.items():
        where = table if name in table else prepared
        if name not in where:
            yield plain_finding(
                "error", name, "data.expect_absent", near=did_you_mean(name, prepared.columns), present=", ".join(prepared.columns) or "-"
            )
            continue
        for broken in broken_rules(where[name], rule):
            told: dict[str, Value] = {"limit": broken.limit, "found": broken.found}
            if broken.rule == "missing":
                told["share"] = int(np.count_nonzero(broken.rows)) / where.rows
            yield finding("error", name, f"data.expect_{broken.rule}", broken.rows, where, spec, **told)


def _bounds(values: Array, missing: Rows, expected: Expectation) -> Iterator[Broken]:
    """Numbers outside their bounds, and what is no number at all. A time is none: it has no place on a scale of numbers."""
    if values.dtype.kind in "mM":
        if not missing.all():
            yield Broken(rule="not_number", rows=~missing, limit="", found=shown(values[~missing][0]))
        return
    numbers, failed = NumberCells.as_numbers(values)
    if failed is not None:
        failed &= ~missing  # the empty text is missing, not a bad number
        if failed.any():
            yield Broken(rule="not_number", rows=failed, limit="", found=shown(values[failed][0]))
    low = numbers < expected.min if expected.min is not None else np.zeros(len(values), dtype=bool)
    high = numbers > expected.max if expected.max is not None else np.zeros(len(values), dtype=bool)
    if low.any():
        yield Broken(rule="below", rows=low, limit=expected.min or 0.0, found=shown(values[low][int(np.argmin(numbers[low]))]))
    if high.any():
        yield Broken(rule="above", rows=high, limit=expected.max or 0.0, found=shown(values[high][int(np.argmax(numbers[high]))]))


def _allowed(values: Array, allowed: tuple[str | int | float | bool, ...]) -> Rows:
    """Which values are among those allowed. `3`, `3.0` and, in a column of text, `"3"` are one value; true and false are 1 and 0."""
    numbers = np.array([float(value) for value in allowed if not isinstance(value, str)], dtype=np.float64)
    if values.dtype.kind in "fiub":
        return np.isin(values.astype(np.float64), numbers)
    texts = {value if isinstance(value, str) else str(value) for value in allowed}
    known = set(numbers.tolist())

    def among(value: object) -> bool:
        return value in known if isinstance(value, int | float) else text_of(value) in texts

    return np.fromiter((among(value) for value in values.tolist()), dtype=bool, count=len(values))


def _repeated(values: Array) -> Rows:
    """Which values stand in more than one row."""
    if values.dtype.kind == "O":
        texts = [text_of(value) for value in values.tolist()]
        counts = Counter(texts)
        return np.fromiter((counts[text] > 1 for text in texts), dtype=bool, count=len(texts))
    _, where = np.unique(values, return_inverse=True)
    repeats: Rows = np.bincount(where)[where] > 1
    return repeats
