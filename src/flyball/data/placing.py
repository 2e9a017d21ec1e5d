"""Where one value stands among those a model was trained on: how many were lower, how many as rare, or that none was like it. Pure."""

from typing import Literal

import numpy as np

from flyball.core.record import record
from flyball.core.table import Array
from flyball.data.cells import alone
from flyball.data.profile import ColumnReference

Stands = Literal["inside", "unseen", "below", "above", "missing", "infinite", "unparsable", "nothing"]


@record
class Placed:
    """`stands`: inside what was seen, or how it is outside; `nothing`: the reference has no value to compare with.

    `below`: the share of training values that are lower (numbers). `share`: the share that is the same value, or missing as this one is.
    `tail`: the share that is at least as far out, or at most as frequent: 0.01 means that 99 % of training is more usual. 0 outside.
    """

    stands: Stands
    below: float = 0.0
    share: float = 0.0
    tail: float = 0.0


def place(column: ColumnReference, value: object) -> Placed:
    """Where a value stands against the column of a reference."""
    cells = column.cells()
    code = int(cells.codes(_array(value, column.kind == "category"))[0])
    counts = np.array(column.counts, dtype=np.int64)
    rows = int(counts.sum())
    return _category(counts, code, rows) if column.kind == "category" else _number(column, counts, code, rows, value)


def _array(value: object, category: bool) -> Array:
    if not category and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return np.array([float(value)])
        except OverflowError:
            pass
    found = np.empty(1, dtype=object)
    found[0] = value
    return found


def _category(counts: Array, code: int, rows: int) -> Placed:
    if code == len(counts) - 1:
        return Placed(stands="missing", share=_part(int(counts[-1]), rows), tail=_part(int(counts[-1]), rows))
    known = counts[:-1]
    total = int(known.sum())
    if not total:
        return Placed(stands="nothing")
    if code == len(counts) - 2 or not known[code]:
        return Placed(stands="unseen")
    return Placed(stands="inside", share=_part(int(known[code]), total), tail=_part(int(known[known <= known[code]].sum()), total))


def _number(column: ColumnReference, counts: Array, code: int, rows: int, value: object) -> Placed:
    edges = np.array(column.edges)
    finite = counts[1 : len(edges) + 2]
    total = int(finite.sum())
    if code in (0, len(counts) - 3):
        return Placed(stands="infinite", share=_part(int(counts[code]), rows))
    if code == len(counts) - 1:
        return Placed(stands="unparsable", share=_part(int(counts[-1]), rows))
    if code == len(counts) - 2:
        return Placed(stands="missing", share=_part(int(counts[-2]), rows), tail=_part(int(counts[-2]), rows))
    if not total:
        return Placed(stands="nothing")
    at, here = code - 1, int(counts[code])
    lower = int(finite[:at].sum()) / total
    if at in (0, len(finite) - 1) and not here:
        return Placed(stands="above" if at else "below", below=lower)
    share, single = here / total, bool(alone(edges)[code])
    inner = 0.0 if single or at in (0, len(finite) - 1) else _within(edges[at - 1], edges[at], value)
    below = lower + share * inner
    least = below + share if single else below
    return Placed(stands="inside", below=below, share=share if single else 0.0, tail=min(1.0, 2.0 * min(least, 1.0 - below)))


def _within(low: float, high: float, value: object) -> float:
    """How far into its cell a number is: inside a cell, training is taken to be spread evenly."""
    with np.errstate(over="ignore", invalid="ignore"):
        part = (float(value) - low) / (high - low)  # type: ignore[arg-type]  # its cell was found, so it is a number
    return float(min(max(part, 0.0), 1.0)) if np.isfinite(part) else 0.5


def _part(some: int, rows: int) -> float:
    return some / rows if rows else 0.0
