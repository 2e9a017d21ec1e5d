"""`[retrain] window = "since_change"`: from which day on the rows of a training are of one kind, and why."""

import math
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.table import Array
from flyball.core.window import from_micros
from flyball.data.snapshot import WEIGHT, Rows, micros
from flyball.spec.records import Spec
from flyball.stats.change import LEAST_DAYS, last_change

LEAST_SHARE = 0.1
"""Of all rows, what a window keeps in any case."""
_MOST_CATEGORIES = 5
_DAY = 86_400_000_000
_SD_OF_KS = 0.4
"""The Kolmogorov-Smirnov distance of two normal distributions a small distance d apart, in units of d: the density at 0."""


@record
class Window:
    """The rows that are learnt from begin here (None: all of them), and why."""

    since: datetime | None
    reason: Reason


def window_since_change(rows: Rows, spec: Spec, *, seed: int = 0) -> Window:
    """Where the newest certain change of the rows lies, by the label, the features and how each feature goes with the label.

    Each is a series of daily means in standard deviations of its rows: numbers as they are, texts as the shares of their five most
    frequent values, missing values as their share, and the products of feature and label, whose mean is their covariance: it moves when
    the same values come to mean something else. A change counts from the size on that the monitoring would call drift: a shift by
    `monitor.margin` / 0.4 standard deviations, which is a Kolmogorov-Smirnov distance of `monitor.margin`. A window always keeps
    `retrain.min_outcomes` rows and a tenth of all; where fewer came since the change, it begins earlier and says so.
    """
    assert spec.data.time is not None, "the spec was checked when it was read"
    at = micros(rows.table[spec.data.time])
    days, codes, counts = np.unique(at // _DAY, return_inverse=True, return_counts=True)
    if len(days) < LEAST_DAYS:
        return Window(since=None, reason=because("train.window_too_short", days=len(days), needed=LEAST_DAYS))
    weight = rows.table[WEIGHT] if WEIGHT in rows.table else np.ones(rows.table.rows)
    names, sums, heavy = _series(rows, spec, codes, len(days), weight)
    effect = spec.monitor.margin / _SD_OF_KS
    found = last_change(sums, heavy, days, np.random.default_rng(seed), effect=effect)
    if found is None:
        return Window(since=None, reason=because("train.window_no_change", rows=rows.table.rows, days=len(days)))
    since = np.cumsum(counts[::-1])[::-1]  # rows from each day on
    least = min(rows.table.rows, max(spec.retrain.min_outcomes, math.ceil(LEAST_SHARE * rows.table.rows)))
    first = found.day if since[found.day] >= least else int(np.flatnonzero(since >= least)[-1])
    changed_at, begins_at = (from_micros(int(days[day]) * _DAY) for day in (found.day, first))
    values: dict[str, str | int | float] = {
        "series": names[found.series],
        "since": changed_at.isoformat(),
        "shift": found.after - found.before,
        "p_value": found.p_value,
        "rows": int(since[first]),
        "of": rows.table.rows,
    }
    if first == found.day:
        return Window(since=begins_at, reason=because("train.window_since_change", **values))
    values["found"] = int(since[found.day])
    values["begins"] = f"{begins_at:%Y-%m-%d}"
    return Window(since=begins_at, reason=because("train.window_widened", **values))


def _series(
    rows: Rows, spec: Spec, codes: NDArray[np.int64], days: int, weight: Array
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """The names of the series, their weighted sums over each day, and the weight of each day."""
    target = spec.data.target
    labels = _numbers(target, rows.table[target], as_classes=spec.model.task == "multiclass")
    features = [part for name in rows.features for part in _numbers(name, rows.table[name])]
    named = [*labels, *features]
    named += [(f"{one} × {target}", values * labels[0][1]) for one, values in features if len(labels) == 1]
    sums = np.stack([np.bincount(codes, weights=_standard(values) * weight, minlength=days).astype(np.float64) for _, values in named])
    return [name for name, _ in named], sums, np.bincount(codes, weights=weight, minlength=days).astype(np.float64)


def _numbers(name: str, values: Array, *, as_classes: bool = False) -> list[tuple[str, NDArray[np.float64]]]:
    """A column as series of standardised numbers; those without any variation are none."""
    found: list[tuple[str, NDArray[np.float64]]] = []
    if values.dtype.kind == "O" or as_classes:
        texts = np.array(["\0" if value is None else str(value) for value in values.tolist()], dtype=object).astype(str)
        distinct, number, counts = np.unique(texts, return_inverse=True, return_counts=True)
        for place in np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES].tolist():
            shown = f"{name} missing" if distinct[place] == "\0" else f"{name} = {distinct[place]}"
            found.append((shown, (number == place).astype(np.float64)))
        if len(distinct) == 2:
            found = found[:1]
    else:
        numbers = values.astype(np.float64)
        missing = ~np.isfinite(numbers)
        found.append((name, np.where(missing, numbers[~missing].mean() if not missing.all() else 0.0, numbers)))
        if missing.any():
            found.append((f"{name} missing", missing.astype(np.float64)))
    return [(shown, _standard(one)) for shown, one in found if one.size and np.ptp(one) > 0]


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """With mean 0 and standard deviation 1."""
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))
