"""What the data was when the champion was trained, and what is unlike it now: a column that is gone, of another kind, or mostly missing."""

from collections.abc import Iterator, Sequence

import numpy as np

from flyball.core.record import record
from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.data.category import text_of
from flyball.data.findings import Finding, Rows, Severity, finding, missing_rows, plain_finding, shown
from flyball.data.profile import ColumnReference, Reference
from flyball.spec.records import Expectation, Spec
from flyball.stats.bounds import share_lower, share_upper

# A share has to have grown by this much, for certain, before a person should look: what is less is for the monitoring to follow.
MUCH = 0.05
_ALPHA = 1e-3
# A reference of fewer rows says nothing about shares.
_FEWEST = 100


@record
class Past:
    """The champion's columns and the counts of its training data. `same_code`: nothing of spec or code changed since, only the data."""

    schema: Schema
    reference: Reference
    same_code: bool


def since_then(table: Table, features: Sequence[str], past: Past, spec: Spec) -> Iterator[Finding]:
    """What is unlike the champion's training data.

    A column that is gone or of another kind is an error where nobody changed spec or code: then the data changed by itself.
    """
    severity: Severity = "error" if past.same_code else "warning"
    known = {column.name: column for column in past.schema.columns}
    if spec.data.features is None:  # a list in the spec says by itself what has to be there
        for name in known:
            if name not in table:
                yield plain_finding(severity, name, "data.column_gone", present=", ".join(table.columns) or "-")
        for name in features:
            if name not in known:
                yield plain_finding("warning", name, "data.column_new")
    for name in features:
        if name not in table or name not in known:
            continue
        values = table[name]
        missing = missing_rows(values)
        if missing.all():
            continue  # told as an error already
        changed = _changed(known[name], values, missing)
        if changed is not None:
            code, rows = changed
            yield finding(severity, name, code, rows, table, spec, found=shown(values[rows][0]))
        elif name in past.reference.columns:
            yield from _shares(name, values, missing, past.reference.columns[name], table, spec)


def _changed(before: Column, values: Array, missing: Rows) -> tuple[str, Rows] | None:
    """The rows that show that a column is of another kind than it was: text where numbers were, or numbers where text was."""
    text = values.dtype.kind == "O"
    if before.kind != "category" and text:
        numbers = np.fromiter((reads_as_number(value) for value in values.tolist()), dtype=bool, count=len(values))
        odd = ~numbers & ~missing
        return "data.number_to_text", odd if odd.any() else ~missing
    if before.kind == "category" and values.dtype.kind in "fiub":
        return "data.text_to_number", ~missing
    return None


def _shares(name: str, values: Array, missing: Rows, before: ColumnReference, table: Table, spec: Spec) -> Iterator[Finding]:
    """Shares that grew far beyond what they were: of missing values, and of values the champion was never trained on.

    What the spec says of a column itself stands instead of the comparison.
    """
    if before.rows < _FEWEST:
        return
    rule = spec.quality.expect.get(name, Expectation())
    if rule.missing is None and _grew(missing, before.missing, before.rows):
        yield finding("warning", name, "data.more_missing", missing, table, spec, **_told(missing, before.missing, before.rows))
    if before.kind == "number" and before.edges and values.dtype.kind in "fiub" and rule.min is None and rule.max is None:
        numbers = values.astype(np.float64)
        outside = (numbers <= before.edges[0]) | (numbers > before.edges[-1])
        usual = before.counts[0] + before.counts[1] + before.counts[-4] + before.counts[-3]
        if _grew(outside, usual, before.rows):
            yield finding("warning", name, "data.more_outside", outside, table, spec, **_told(outside, usual, before.rows))
    elif before.kind == "category" and before.categories and values.dtype.kind == "O" and rule.values is None:
        known = set(before.categories)
        fresh = np.fromiter((value not in known for value in map(text_of, values.tolist())), dtype=bool, count=len(values)) & ~missing
        if _grew(fresh, before.counts[-2], before.rows):
            told = _told(fresh, before.counts[-2], before.rows)
            yield finding("warning", name, "data.more_unknown", fresh, table, spec, **told, found=shown(values[fresh][0]))


def _grew(now: Rows, before: int, of: int) -> bool:
    return share_lower(int(np.count_nonzero(now)), len(now), _ALPHA) > share_upper(before, of, _ALPHA) + MUCH


def _told(now: Rows, before: int, of: int) -> dict[str, float]:
    return {"share": int(np.count_nonzero(now)) / len(now), "usual": before / of}


def reads_as_number(value: object) -> bool:
    """Whether a text (or anything else) is written as a number."""
    try:
        float(value)  # type: ignore[arg-type]  # what float cannot take is what is being asked
    except (TypeError, ValueError):
        return False
    except OverflowError:
        return True
    return True
