"""Drift of each column of a window from its reference: effect first, certain at a stated error, with its reason in a sentence."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.data.profile import ColumnReference, Reference, reference_digest
from flyball.monitoring.counts import Counts, merge
from flyball.monitoring.records import ColumnDrift, State
from flyball.monitoring.signals import (
    SIGNALS,
    Distance,
    Limits,
    Signal,
    SignalName,
    column_distance,
    infinite,
    outside,
    signals,
    values_of,
)
from flyball.stats.distances import group_cells, grouped, jensen_shannon, largest_difference, psi, wasserstein

Ints = NDArray[np.int64]

SCALES = (1, 4, 7, 14, 28)
# Looks the error budget is shared over: a daily look for a quarter, longer than most versions serve.
LOOKS = 100
MIN_ROWS = 500
MIN_REFERENCE_ROWS = 100
# A held alarm ends when the distance stays under this part of its threshold for so many windows.
RELEASE = 0.7
RELEASE_WINDOWS = 3

_RANK: Mapping[State, int] = {"insufficient data": 0, "ok": 1, "warn": 2, "drift": 3}


@record
class Held:
    """The state of a column with its memory: a drift stays until `calm` windows in a row were quiet."""

    state: State
    calm: int


def drift(
    reference: Reference,
    counts: Counts,
    *,
    margin: float = 0.05,
    share_margin: float = 0.002,
    alpha: float = 0.05,
    looks: int = LOOKS,
    min_rows: int = MIN_ROWS,
    days: float = 1,
) -> dict[str, ColumnDrift]:
    """How far each column of one window is from the reference.

    Drift means: the lower bound of the distance is over max(`margin`, what windows of about `days` days did in training by
    themselves), or the lower bound of a share is over its own margin. The bounds hold together, for all columns and `looks` looks, with
    probability 1 - `alpha` (for rows that are independent; what dependence and season do is in the calibration).
    """
    return drift_over(
        reference,
        [counts],
        scales=(1,),
        window_days=days,
        margin=margin,
        share_margin=share_margin,
        alpha=alpha,
        looks=looks,
        min_rows=min_rows,
    )


def drift_over(
    reference: Reference,
    windows: Sequence[Counts],
    *,
    scales: Sequence[int] = SCALES,
    window_days: float = 1,
    margin: float = 0.05,
    share_margin: float = 0.002,
    alpha: float = 0.05,
    looks: int = LOOKS,
    min_rows: int = MIN_ROWS,
) -> dict[str, ColumnDrift]:
    """How far each column is from the reference in the newest window, and in the newest 4, 7, … windows together (given oldest first).

    Many windows together prove what is too small for one; the error budget is shared among the scales. Each column gets its most
    serious finding, the shortest scale among equals. What several windows show must still be there in the newest `min_rows` rows: a
    fault that is over does not alarm for a month.
    """
    if not windows:
        raise DataError("there is no window to compare with the reference")
    digest = reference_digest(reference)
    if any(part.reference != digest for part in windows):
        raise DataError("these counts were made against another reference", hint="count the rows again on this one")
    usable = [scale for scale in sorted(set(scales)) if 1 <= scale <= len(windows)] or [1]
    together = {scale: merge(windows[-scale:]) for scale in usable}
    latest = merge(windows[-_enough(windows, min_rows) :])
    tests = max(1, len(reference.columns)) * SIGNALS
    limits = {
        scale: Limits(
            margin=margin,
            share_margin=share_margin,
            alpha=0.75 * alpha / (tests * looks * len(scales)),
            reference_alpha=0.25 * alpha / tests,
            days=scale * window_days,
        )
        for scale in usable
    }
    found = {}
    for name, column in reference.columns.items():
        counted = {scale: part.columns[name] for scale, part in together.items()}
        if any(len(counts) != len(column.counts) for counts in counted.values()):
            raise DataError(f"column {name!r} has counts for other cells than its reference", hint="count the rows again")
        now = _now(column, latest.columns[name], limits[usable[0]])
        judged = [_judge(name, column, counted[scale], now, limits[scale], min_rows, scale) for scale in usable]
        found[name] = _answer(name, column, max(judged, key=lambda one: _RANK[one.state]))
    return found


def hysteresis(
    previous: Mapping[str, Held], current: Mapping[str, ColumnDrift], *, release: float = RELEASE, windows: int = RELEASE_WINDOWS
) -> dict[str, Held]:
    """The states after another window: drift begins at once and ends after `windows` quiet ones in a row.

    Quiet: the state is ok, and the distance without what chance contributes is under `release` times its threshold. A window with
    too little data changes nothing.
    """
    held = {}
    for name, now in current.items():
        was = previous.get(name)
        if now.state == "drift" or was is None or was.state != "drift":
            held[name] = Held(state=now.state, calm=0)
        elif now.state == "insufficient data":
            held[name] = was
        else:
            quiet = now.state == "ok" and max(now.lower, now.distance - now.chance) < release * now.threshold
            calm = was.calm + 1 if quiet else 0
            held[name] = Held(state=now.state, calm=0) if calm >= windows else Held(state="drift", calm=calm)
    return held


@record
class _Judged:
    """One scale of one column: its state and the signal behind it, if there is one."""

    state: State
    scale: int
    counts: Ints
    distance: Distance
    signal: Signal | None
    reason: Reason | None


def _enough(windows: Sequence[Counts], min_rows: int) -> int:
    """How many of the newest windows it takes to have enough rows; all, if there are not."""
    rows = 0
    for number, window in enumerate(reversed(windows), start=1):
        rows += window.rows
        if rows >= min_rows:
            return number
    return len(windows)


def _now(column: ColumnReference, counts: Ints, limits: Limits) -> Mapping[SignalName, float]:
    """What each signal is in the newest rows, whatever is certain."""
    return {signal.name: signal.estimate for signal in signals(column, counts, column_distance(column, counts, limits), limits)}


def _judge(
    name: str, column: ColumnReference, counts: Ints, now: Mapping[SignalName, float], limits: Limits, min_rows: int, scale: int
) -> _Judged:
    rows = int(counts.sum())
    distance = column_distance(column, counts, limits)
    state: State = "ok"
    signal, reason = None, None
    if column.rows < MIN_REFERENCE_ROWS:
        state, reason = "insufficient data", because("drift.small_reference", column=name, rows=column.rows, needed=MIN_REFERENCE_ROWS)
    elif rows < min_rows:
        state, reason = "insufficient data", because("drift.few_rows", column=name, rows=rows, needed=min_rows)
    else:
        found = [one for one in signals(column, counts, distance, limits) if now.get(one.name, 0.0) > RELEASE * one.threshold]
        certain, likely = [one for one in found if one.certain], [one for one in found if one.likely]
        if certain or likely:
            state, signal = ("drift", certain[0]) if certain else ("warn", likely[0])
    return _Judged(state=state, scale=scale, counts=counts, distance=distance, signal=signal, reason=reason)


def _answer(name: str, column: ColumnReference, judged: _Judged) -> ColumnDrift:
    counts, distance = judged.counts, judged.distance
    rows = max(int(counts.sum()), 1)
    number = column.kind == "number"
    fresh = 0.0 if number else max(0.0, int(counts[-2]) / rows - column.counts[-2] / max(column.rows, 1))
    return ColumnDrift(
        state=judged.state,
        distance=distance.value,
        lower=distance.lower,
        upper=distance.upper,
        threshold=distance.threshold,
        rows=int(counts.sum()),
        missing=int(counts[-2 if number else -1]) / rows,
        out_of_range=outside(counts) / rows if number else 0.0,
        new_categories=fresh,
        distances=_further(column, counts),
        reason=judged.reason or _reason(name, column, judged),
        infinite=infinite(counts) / rows if number else 0.0,
        unparsable=int(counts[-1]) / rows if number else 0.0,
        chance=distance.chance,
        windows=judged.scale,
    )


def _reason(name: str, column: ColumnReference, judged: _Judged) -> Reason:
    if judged.signal is not None:
        return _explain(name, column, judged.counts, judged.distance, judged.signal, "_perhaps" if judged.state == "warn" else "")
    if not int(values_of(column, judged.counts).sum()):
        return because("drift.nothing_there", column=name, rows=int(judged.counts.sum()))
    return Reason(code="drift.ok", values={"column": name, **_numbers(judged.distance)})


def _explain(name: str, column: ColumnReference, counts: Ints, distance: Distance, signal: Signal, perhaps: str) -> Reason:
    where: dict[str, Value] = {"column": name, "rows": int(counts.sum())}
    if signal.name != "moved":
        found: dict[str, Value] = {
            "share": signal.estimate,
            "lower": signal.lower,
            "threshold": signal.threshold,
            "usual": _usual(column, signal),
        }
        return Reason(code=f"drift.{signal.name}{perhaps}", values={**where, **found})
    moved = {**where, **_numbers(distance)}
    before, now = values_of(column, np.array(column.counts, dtype=np.int64)), values_of(column, counts)
    if column.kind == "category":
        change = now / now.sum() - before / before.sum()
        at = int(np.abs(change).argmax())
        category = column.categories[at] if at < len(column.categories) else "others"
        share: dict[str, Value] = {"category": category, "before": float(before[at] / before.sum()), "now": float(now[at] / now.sum())}
        return Reason(code=f"drift.category_moved{perhaps}", values={**moved, **share})
    medians = {"before": _median(column, before), "now": _median(column, now)}
    return Reason(code=f"drift.moved{perhaps}", values={**moved, **medians})


def _numbers(distance: Distance) -> dict[str, Value]:
    return {"distance": distance.value, "lower": distance.lower, "upper": distance.upper, "threshold": distance.threshold}


def _usual(column: ColumnReference, signal: Signal) -> float:
    """The share a signal had in training."""
    rows = max(column.rows, 1)
    counts = np.array(column.counts, dtype=np.int64)
    match signal.name:
        case "missing":
            return column.missing / rows
        case "present":
            return 1.0 - column.missing / rows
        case "infinite":
            return infinite(counts) / rows
        case "unparsable" | "new_categories":
            return int(counts[-1 if signal.name == "unparsable" else -2]) / rows
        case _:
            return 0.0


def _median(column: ColumnReference, counts: Ints) -> float:
    """The upper end of the cell that holds the median; the first or last edge if it lies outside them."""
    if not column.edges:
        return 0.0
    at = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2.0))
    return column.edges[min(max(at - 1, 0), len(column.edges) - 1)]


def _further(column: ColumnReference, counts: Ints) -> dict[str, float]:
    """Distances that others report, for those who compare: they decide nothing here."""
    before, now = values_of(column, np.array(column.counts, dtype=np.int64)), values_of(column, counts)
    if not (before.any() and now.any()):
        return {}
    if column.kind == "category":
        return {"psi": psi(before, now), "js": jensen_shannon(before, now), "largest": largest_difference(before, now)}
    group = group_cells(before, 10)
    tenths_before, tenths_now = grouped(before, group), grouped(now, group)
    found = {"psi": psi(tenths_before, tenths_now), "js": jensen_shannon(tenths_before, tenths_now)}
    if column.scale > 0.0:
        found["wasserstein"] = wasserstein(*_middle(column, before, now), column.scale)
    return found


def _middle(column: ColumnReference, before: Ints, now: Ints) -> tuple[NDArray[np.float64], Ints, Ints]:
    """Edges and counts between the .5 % and 99.5 % quantiles of the reference, the rest added at the ends."""
    edges = np.array(column.edges)
    # Infinities lie beyond all edges.
    before, now = _fold(before), _fold(now)
    below = np.cumsum(before)[:-1] / before.sum()  # the distribution function at each edge
    first = int(np.searchsorted(below, 0.005, side="right")) - 1
    last = int(np.searchsorted(below, 0.995, side="left"))
    first, last = max(first, 0), min(last, len(edges) - 1)
    return edges[first : last + 1], _clip(before, first, last), _clip(now, first, last)


def _fold(counts: Ints) -> Ints:
    inner = counts[1:-1].copy()
    inner[0] += counts[0]
    inner[-1] += counts[-1]
    return inner


def _clip(counts: Ints, first: int, last: int) -> Ints:
    return np.concatenate([[counts[: first + 1].sum()], counts[first + 1 : last + 1], [counts[last + 1 :].sum()]]).astype(np.int64)
