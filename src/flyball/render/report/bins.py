"""From the fine cells of a reference to the few bins that are drawn: what a column looked like in training and what it looks like now."""

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.data.cells import alone
from flyball.data.profile import ColumnReference

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 40
NAMES = 10
# So much of either side may lie beyond the drawn range at each end: it is added to the last bin.
_TAIL = 0.005
# Positive numbers over more than this factor are drawn by factors.
_WIDE = 1000.0


@record
class Steps:
    """Shares of bins between `edges`. `below`, `above`: shares of what is outside everything seen in training, now."""

    edges: tuple[float, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]
    log: bool
    below: float
    above: float


@record
class Pairs:
    """Shares of named values, in the order they are drawn. `rest`: how many further names are added up in the last pair (0: none)."""

    names: tuple[str, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]
    rest: int


def drawn(column: ColumnReference, counts: Ints) -> Steps | Pairs | None:
    """What to draw of a column; None if one side has no value."""
    before = np.array(column.counts, dtype=np.int64)
    if len(counts) != len(before):
        return None
    if column.kind == "category":
        return _categories(column.categories, before[:-1], counts[:-1])
    edges = np.array(column.edges)
    if len(edges) < 2:
        return None
    before, now = before[1 : len(edges) + 2], counts[1 : len(edges) + 2]
    if not (before.any() and now.any()):
        return None
    alone_cells = alone(edges)[2:-2]
    used = (before[1:-1] > 0) | (now[1:-1] > 0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        few = not (used & ~alone_cells).any() and _few(edges[1:][used])
        found = _values(edges, before, now, used) if few else _numbers(edges, before, now, alone_cells)
        wide = found is not None and not np.isfinite(np.float64(found.edges[-1]) - np.float64(found.edges[0]))
    return None if wide else found  # there is no drawing what is further apart than any number


def _categories(names: tuple[str, ...], before: Ints, now: Ints) -> Pairs | None:
    if not (before.any() and now.any()):
        return None
    old, new = before / before.sum(), now / now.sum()
    order = sorted(range(len(names)), key=lambda at: -max(old[at], new[at]))
    shown = order[:NAMES]
    others = [*order[NAMES:], len(names)]
    rest = (float(old[others].sum()), float(new[others].sum()))
    more = len(order) - len(shown)
    tail = more > 0 or max(rest) > 0
    return Pairs(
        names=tuple(names[at] for at in shown) + (("",) if tail else ()),
        before=tuple(float(old[at]) for at in shown) + ((rest[0],) if tail else ()),
        now=tuple(float(new[at]) for at in shown) + ((rest[1],) if tail else ()),
        rest=max(more, 1) if tail else 0,
    )


def _few(values: Floats) -> bool:
    """Whether each value can have a bar of its own that can be seen."""
    if len(values) < 2:
        return len(values) == 1 and abs(float(values[0])) < 1e300
    return len(values) <= BINS // 2 and bool(np.ptp(values) < 4 * BINS * np.diff(values).min())


def _values(edges: Floats, before: Ints, now: Ints, used: NDArray[np.bool_]) -> Steps:
    """A column of few values: each is a bin, as wide as the least gap between two of them."""
    values = edges[1:][used]
    gap = float(np.diff(values).min()) if len(values) > 1 else max(abs(float(values[0])), 1.0) / 10
    room = 0.5 * gap
    cuts, old, new = [values[0] - room], list[float](), list[float]()
    for value, f, g in zip(values, before[1:-1][used], now[1:-1][used], strict=True):
        if value - room > cuts[-1] + gap * 1e-6:
            cuts.append(value - room)
            old.append(0.0)
            new.append(0.0)
        cuts.append(value + room)
        old.append(float(f / before.sum()))
        new.append(float(g / now.sum()))
    return Steps(edges=tuple(map(float, cuts)), before=tuple(old), now=tuple(new), log=False, **_outside(now))


def _numbers(edges: Floats, before: Ints, now: Ints, alone_cells: NDArray[np.bool_]) -> Steps | None:
    f, g = np.cumsum(before[:-1]) / before.sum(), np.cumsum(now[:-1]) / now.sum()
    low = min(_quantile(edges, f, _TAIL), _quantile(edges, g, _TAIL))
    high = max(_quantile(edges, f, 1 - _TAIL), _quantile(edges, g, 1 - _TAIL))
    if not high > low:
        low, high = float(edges[0]), float(edges[-1])
    log = low > 0 and high / low > _WIDE
    cuts = np.geomspace(low, high, BINS + 1) if log else _even(edges, alone_cells, low, high)
    if not np.isfinite(cuts).all() or not (np.diff(cuts) > 0).all():
        return None
    old, new = _shares(edges, f, cuts), _shares(edges, g, cuts)
    outside = _outside(now)
    old[-1] += before[-1] / before.sum()
    old[0] += before[0] / before.sum()
    return Steps(edges=tuple(cuts.tolist()), before=tuple(old.tolist()), now=tuple(new.tolist()), log=log, **outside)


def _shares(edges: Floats, cumulated: Floats, cuts: Floats) -> Floats:
    """The share between each two cuts; what lies inside the edges and outside the cuts is added at the ends."""
    at = np.nan_to_num(np.interp(cuts, edges, cumulated))
    at[0], at[-1] = cumulated[0], cumulated[-1]
    return np.maximum(np.diff(at), 0.0)


def _even(edges: Floats, alone_cells: NDArray[np.bool_], low: float, high: float) -> Floats:
    """Equal bins; where most cells hold one value each, as wide as a whole number of gaps between values, so that none is counted twice."""
    values = edges[1:][alone_cells]
    values = values[(values >= low) & (values <= high)]
    if len(values) > len(alone_cells) / 4 and len(values) > 2:
        gap = float(np.diff(values).min())
        if gap > 0 and (high - low) / gap < 100 * BINS:
            width = gap * np.ceil(((high - low) / gap + 1) / BINS)
            return np.asarray(low - gap / 2 + width * np.arange(int(np.ceil((high - low + gap) / width)) + 1))
    return np.linspace(low, high, BINS + 1)


def _quantile(edges: Floats, cumulated: Floats, share: float) -> float:
    return float(edges[min(int(np.searchsorted(cumulated, share)), len(edges) - 1)])


def _outside(now: Ints) -> dict[str, float]:
    return {"below": float(now[0] / now.sum()), "above": float(now[-1] / now.sum())}
