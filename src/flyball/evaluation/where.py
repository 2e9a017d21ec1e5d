"""Where two versions disagree: the value or range of each column in which they certainly do more often than elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.table import Table
from flyball.evaluation.replay_records import Place
from flyball.evaluation.score import members
from flyball.stats.blocked import mean_gap, sums_by_block
from flyball.stats.intervals import blocks_of

LEAST_ROWS = 30
DAYS = 5
_BINS = 10
_VALUES = 50
_TEXT = 60
_LOOKED_AT = 3  # places of a column whose days are looked at, those that are furthest without them


@record
class _Cell:
    """Some of the rows by one column; `words` says which."""

    column: str
    words: Mapping[str, str | float]
    rows: NDArray[np.bool_]
    total: int
    hits: int


def where(differs: NDArray[np.bool_], features: Table, day: NDArray[np.int64], *, alpha: float = 0.05, most: int = 5) -> tuple[Place, ...]:
    """At most `most` places, of each column the best, largest certain excess first; empty where nothing stands out.

    Looked at are values of columns with few, and for numbers every range of neighbouring tenths. A share is bounded exactly
    (Clopper-Pearson) and, from five days on, also by its days (Student's t over block residuals), the wider of both counts; `alpha` is
    shared by all places that were looked at (Bonferroni).
    """
    rows, hits = len(differs), int(differs.sum())
    if not hits or rows < 2 * LEAST_ROWS:
        return ()
    cells = {name: list(_cells(name, values, differs)) for name, values in features.columns.items()}
    looked = max(1, sum(map(len, cells.values())))
    block = blocks_of(day)
    found = [place for each in cells.values() for place in _best(each, differs, block, hits, alpha / looked)]
    return tuple(sorted(found, key=lambda place: -place.excess)[:most])


def _best(cells: list[_Cell], differs: NDArray[np.bool_], block: NDArray[np.int64], hits: int, alpha: float) -> list[Place]:
    """The place of one column with the largest certain excess, if any is certain."""
    if not cells:
        return []
    rows = len(differs)
    total, inside = np.array([cell.total for cell in cells]), np.array([cell.hits for cell in cells])
    rest, beyond = rows - total, hits - inside
    lower = np.where(inside > 0, special.betaincinv(np.maximum(inside, 1), total - inside + 1, alpha / 2), 0.0)
    upper = np.where(beyond < rest, special.betaincinv(beyond + 1, np.maximum(rest - beyond, 1), 1 - alpha / 2), 1.0)
    excess = lower - upper
    best: Place | None = None
    for at in np.argsort(-excess, kind="stable")[:_LOOKED_AT].tolist():
        certain = min(float(excess[at]), _by_day(cells[at].rows, differs, block, alpha))
        if certain > 0 and (best is None or certain > best.excess):
            best = _place(cells[at], certain, float(beyond[at] / max(rest[at], 1)))
    return [] if best is None else [best]


def _by_day(inside: NDArray[np.bool_], differs: NDArray[np.bool_], block: NDArray[np.int64], alpha: float) -> float:
    """The lower bound of the excess by days; 1 where there are too few to count them."""
    if int(block.max(initial=-1)) + 1 < DAYS:
        return 1.0
    sums, rows = sums_by_block(differs.astype(np.float64), block, inside.astype(np.int64), 2)
    gap = mean_gap(sums[1], rows[1], sums[0], rows[0], alpha=alpha)
    return -1.0 if gap is None or gap.lower is None else gap.lower


def _place(cell: _Cell, excess: float, other: float) -> Place:
    share = cell.hits / cell.total
    return Place(column=cell.column, rows=cell.total, differing=cell.hits, share=share, excess=excess, reason=_reason(cell, share, other))


def _reason(cell: _Cell, share: float, other: float) -> Reason:
    kind = "range" if "low" in cell.words else "value"
    return because(
        f"replay.where_{kind}", column=cell.column, **cell.words, share=share, differing=cell.hits, rows=cell.total, elsewhere=other
    )


def _cells(name: str, values: NDArray[Any], differs: NDArray[np.bool_]) -> Iterator[_Cell]:
    """Every place of a column with at least 30 rows that does not hold nearly all of them."""
    numeric = values.dtype.kind in "fiu" and len(np.unique(values[:5000])) > _BINS + 2
    for words, rows in _ranges(values) if numeric else _values(values):
        total = int(rows.sum())
        if LEAST_ROWS <= total <= len(differs) - LEAST_ROWS:
            yield _Cell(column=name, words=words, rows=rows, total=total, hits=int((rows & differs).sum()))


def _ranges(values: NDArray[Any]) -> Iterator[tuple[Mapping[str, str | float], NDArray[np.bool_]]]:
    finite = np.isfinite(values)
    edges = np.unique(np.quantile(values[finite], np.linspace(0.0, 1.0, _BINS + 1), method="nearest")) if finite.any() else np.empty(0)
    for first in range(len(edges) - 1):
        for last in range(first + 1, len(edges)):
            top = last == len(edges) - 1
            inside = (values >= edges[first]) & ((values <= edges[last]) if top else (values < edges[last])) & finite
            yield {"low": float(edges[first]), "high": float(edges[last])}, inside
    if not finite.all():
        yield {"value": "missing or infinite"}, ~finite


def _values(values: NDArray[Any]) -> Iterator[tuple[Mapping[str, str | float], NDArray[np.bool_]]]:
    names, member = members(values)
    sizes = np.bincount(member, minlength=len(names))
    for at in np.argsort(-sizes, kind="stable")[:_VALUES].tolist():
        yield {"value": names[at] if len(names[at]) <= _TEXT else names[at][: _TEXT - 1] + "…"}, member == at
