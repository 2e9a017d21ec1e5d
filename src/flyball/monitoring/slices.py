"""Performance by slice: the rows in which a column, or a key of the requests' context, has one value."""

from collections.abc import Mapping
from dataclasses import field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, Value
from flyball.core.record import record
from flyball.core.table import Array
from flyball.core.window import Window
from flyball.monitoring.performance import MIN_BLOCKS, MIN_ROWS, Judged
from flyball.monitoring.records import Performance, SlicePerformance
from flyball.spec.records import Task
from flyball.stats.blocked import gap_with_bounds, value_with_bounds
from flyball.stats.losses import Codes
from flyball.stats.ranks import Flags
from flyball.stats.scores import Metric, metric_for

MOST_VALUES = 20
OTHERS = "(all other values)"
MISSING = "(missing)"
_ALPHA = 0.05
_RANGES = 4


@record
class Members:
    """The values of one column: their names, the most frequent first, and which one each row has."""

    names: tuple[str, ...]
    code: Codes


def members(values: Array) -> Members:
    """The 20 most frequent values, all others as one; a column of many different numbers in four ranges of about equally many rows."""
    ranges = _ranges(values)
    if ranges is not None:
        return ranges
    place: dict[str, int] = {}
    known: dict[object, int] = {}
    code = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values.tolist()):
        at = known.get((type(value), value))
        if at is None:
            at = place.setdefault(_named(value), len(place))
            if value == value:
                known[type(value), value] = at
        code[row] = at
    return _frequent(list(place), code)


def by_slice(
    kept: Judged,
    known: Flags,
    columns: Mapping[str, Members],
    metric: str,
    task: Task,
    threshold: float,
    window: Window,
    version: int,
    *,
    seed: int = 0,
) -> tuple[SlicePerformance, ...]:
    """The metric in each slice, with bounds that hold for all slices together, and whether it is certainly worse than elsewhere.

    `known`: which of the matured rows have an outcome; `columns` are of these rows too. A slice needs 100 judged rows in 5 blocks.
    The level of 5 % is shared among all slices that have enough rows, on each side: that one in twenty is bad by luck makes no news.
    """
    chosen = metric_for(metric, task)
    parts = [
        _Part(column, name, held.code == at, held.code[kept.rows] == at)
        for column, held in columns.items()
        for at, name in enumerate(held.names)
    ]
    enough = [part for part in parts if part.inside.sum() >= MIN_ROWS and len(np.unique(kept.block[part.inside])) >= MIN_BLOCKS]
    alpha = _ALPHA / max(1, len(enough))
    found = []
    for part in parts:
        generator = np.random.default_rng(seed)
        matured, labelled = int(part.rows.sum()), int((part.rows & known).sum())
        if part in enough:
            one = _judged_slice(part, kept, chosen, threshold, alpha, len(enough), generator)
        else:
            one = _Found(
                code="slice.too_little",
                value=chosen.function(kept.truth[part.inside], kept.score[part.inside], threshold),
                more={"needed": MIN_ROWS, "blocks_needed": MIN_BLOCKS},
            )
        rows = int(part.inside.sum())
        blocks = len(np.unique(kept.block[part.inside]))
        counts: dict[str, Value] = {"column": part.column, "slice": part.name, "metric": metric, "rows": rows, "blocks": blocks}
        counts |= {"value": one.value, "lower": one.lower, "upper": one.upper, **one.more}
        performance = Performance(
            metric=metric,
            version=version,
            window=window,
            matured=matured,
            labelled=labelled,
            blocks=blocks,
            value=one.value,
            lower=one.lower,
            upper=one.upper,
            reason=Reason(code=one.code, values=counts),
        )
        found.append(SlicePerformance(column=part.column, value=part.name, performance=performance, worse=one.code == "slice.worse"))
    return tuple(found)


class _Part:
    """One slice: which of the matured rows are in it, and which of the judged ones."""

    def __init__(self, column: str, name: str, rows: Flags, inside: Flags) -> None:
        self.column, self.name, self.rows, self.inside = column, name, rows, inside


@record
class _Found:
    code: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    more: Mapping[str, Value] = field(default_factory=dict)


def _judged_slice(
    part: _Part, kept: Judged, metric: Metric, cut: float, alpha: float, slices: int, generator: np.random.Generator
) -> _Found:
    inside = part.inside
    block = np.unique(kept.block[inside], return_inverse=True)[1].reshape(-1)
    found = value_with_bounds(metric, kept.truth[inside], kept.score[inside], cut, block, generator, alpha=alpha)
    if found is None or found.lower is None:
        return _Found(code="slice.no_bounds", value=None if found is None else found.value)
    if inside.all():
        return _Found(code="slice.all", value=found.value, lower=found.lower, upper=found.upper)
    gap = gap_with_bounds(metric, kept.truth, kept.score, cut, kept.block, inside, generator, alpha=alpha)
    worse = gap is not None and gap.lower is not None and gap.lower > 0
    more: dict[str, Value] = {"slices": slices, "gap": None if gap is None else gap.value, "least": None if gap is None else gap.lower}
    return _Found(code="slice.worse" if worse else "slice.not_worse", value=found.value, lower=found.lower, upper=found.upper, more=more)


def _ranges(values: Array) -> Members | None:
    """A column of more different numbers than a table can show, cut at its quartiles; None for any other column."""
    if values.dtype == object:
        present = [value for value in values.tolist() if value is not None]
        if not present or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
            return None
        numbers = np.array([np.nan if value is None else value for value in values.tolist()], dtype=np.float64)
    elif values.dtype == np.bool_:
        return None
    else:
        numbers = values.astype(np.float64)
    held = np.isfinite(numbers)
    if len(np.unique(numbers[held])) <= MOST_VALUES:
        return None
    edges = np.unique(np.quantile(numbers[held], np.arange(1, _RANGES) / _RANGES))
    shown = [f"{edge:g}" for edge in edges]
    names = [f"below {shown[0]}", *(f"{low} to {high}" for low, high in pairwise(shown)), f"from {shown[-1]}"]
    code = np.searchsorted(edges, numbers, side="right").astype(np.int64)
    code[np.isnan(numbers)] = len(names)
    return _counted([*names, MISSING], code)


def _frequent(names: list[str], code: Codes) -> Members:
    sizes = np.bincount(code, minlength=len(names))
    order = sorted(range(len(names)), key=lambda at: (-sizes[at], names[at]))
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.minimum(np.arange(len(names)), MOST_VALUES)
    kept = [names[at] for at in order[:MOST_VALUES]]
    return Members(names=tuple(kept + [OTHERS] * (len(names) > MOST_VALUES)), code=place[code] if len(code) else code)


def _counted(names: list[str], code: Codes) -> Members:
    """Without the names no row has."""
    held = np.flatnonzero(np.bincount(code, minlength=len(names)))
    place: NDArray[np.int64] = np.zeros(len(names), dtype=np.int64)
    place[held] = np.arange(len(held))
    return Members(names=tuple(names[at] for at in held.tolist()), code=place[code])


def _named(value: object) -> str:
    if value is None or value != value:
        return MISSING
    return f"{value:g}" if isinstance(value, float) else str(value)
