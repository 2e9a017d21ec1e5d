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
from flyball.stats.blocked import gap_with_bounds, mean_gap, mean_with_bounds, sums_by_block, value_with_bounds
from flyball.stats.intervals import Interval, blocks_of
from flyball.stats.losses import Codes, Floats
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
    if set(map(type, values.tolist())) <= {str, type(None)}:  # the common case, ten times as fast
        texts = {value: at for at, value in enumerate(dict.fromkeys(values.tolist()))}
        code = np.fromiter(map(texts.__getitem__, values.tolist()), dtype=np.int64, count=len(values))
        return _frequent([_named(value) for value in texts], code)
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
        _Part(column=column, name=name, matured=held.code == at, judged=held.code[kept.rows] == at, at=at)
        for column, held in columns.items()
        for at, name in enumerate(held.names)
    ]
    sizes = [(int(part.judged.sum()), len(np.unique(kept.block[part.judged]))) for part in parts]
    enough = [rows >= MIN_ROWS and blocks >= MIN_BLOCKS for rows, blocks in sizes]
    judge = _Judge(kept, chosen, threshold, columns, slices=sum(enough), seed=seed)
    found = []
    for part, (rows, blocks), judgeable in zip(parts, sizes, enough, strict=True):
        one = judge.found(part) if judgeable else judge.too_little(part)
        counts: dict[str, Value] = {"column": part.column, "slice": part.name, "metric": metric, "rows": rows, "blocks": blocks}
        counts |= {"value": one.value, "lower": one.lower, "upper": one.upper, **one.more}
        performance = Performance(
            metric=metric,
            version=version,
            window=window,
            matured=int(part.matured.sum()),
            labelled=int((part.matured & known).sum()),
            blocks=blocks,
            value=one.value,
            lower=one.lower,
            upper=one.upper,
            reason=Reason(code=one.code, values=counts),
        )
        found.append(SlicePerformance(column=part.column, value=part.name, performance=performance, worse=one.code == "slice.worse"))
    return tuple(found)


@record
class _Part:
    """One slice: its number in its column, which of the matured rows are in it, and which of the judged ones."""

    column: str
    name: str
    at: int
    matured: Flags
    judged: Flags


@record
class _Found:
    code: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    more: Mapping[str, Value] = field(default_factory=dict)


class _Judge:
    """Judges the slices of one look. Where the metric is a mean loss, the sums over blocks of all slices of a column are made at once."""

    def __init__(self, kept: Judged, metric: Metric, cut: float, columns: Mapping[str, Members], *, slices: int, seed: int) -> None:
        self._kept, self._metric, self._cut, self._slices, self._seed = kept, metric, cut, slices, seed
        self._alpha = _ALPHA / max(1, slices)
        self._sums: dict[str, tuple[Floats, Floats]] = {}
        if metric.loss is not None and metric.mean_of and kept.kind != "rows" and len(kept.truth):
            losses = metric.loss(kept.truth, kept.score, cut)
            for name, held in columns.items():
                self._sums[name] = sums_by_block(losses, kept.block, held.code[kept.rows], len(held.names))

    def too_little(self, part: _Part) -> _Found:
        """The value that few rows have."""
        value = self._metric.function(self._kept.truth[part.judged], self._kept.score[part.judged], self._cut)
        return _Found(code="slice.too_little", value=value, more={"needed": MIN_ROWS, "blocks_needed": MIN_BLOCKS})

    def found(self, part: _Part) -> _Found:
        """The value with its bounds, and how it compares with the other rows."""
        value, gap = self._by_sums(part) if part.column in self._sums else self._by_rows(part)
        if value is None or value.lower is None:
            return _Found(code="slice.no_bounds", value=None if value is None else value.value)
        worse = gap is not None and gap.lower is not None and gap.lower > 0
        code = "slice.all" if part.judged.all() else "slice.worse" if worse else "slice.not_worse"
        told: dict[str, Value] = {} if gap is None else {"gap": gap.value, "least": gap.lower}
        return _Found(code=code, value=value.value, lower=value.lower, upper=value.upper, more={"slices": self._slices, **told})

    def _by_sums(self, part: _Part) -> tuple[Interval | None, Interval | None]:
        sums, rows = self._sums[part.column]
        ours, our_rows = sums[part.at], rows[part.at]
        value = mean_with_bounds(self._metric, ours, our_rows, alpha=self._alpha)
        return value, mean_gap(ours, our_rows, sums.sum(axis=0) - ours, rows.sum(axis=0) - our_rows, alpha=self._alpha)

    def _by_rows(self, part: _Part) -> tuple[Interval | None, Interval | None]:
        kept, inside = self._kept, part.judged
        truth, score, metric, cut = kept.truth, kept.score, self._metric, self._cut
        block = blocks_of(kept.block[inside])
        value = value_with_bounds(metric, truth[inside], score[inside], cut, block, np.random.default_rng(self._seed), alpha=self._alpha)
        if inside.all():
            return value, None
        chance = np.random.default_rng(self._seed)
        return value, gap_with_bounds(metric, truth, score, cut, kept.block, inside, chance, alpha=self._alpha)


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
