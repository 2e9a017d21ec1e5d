"""Drift between two samples, for notebooks and scripts: `detect_drift` and `check_drift`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from flyball.core.errors import ConflictError, DataError
from flyball.core.reason import Reason, Value
from flyball.core.schema import did_you_mean
from flyball.core.table import Array
from flyball.data.category import text_of
from flyball.data.cells import NumberCells
from flyball.stats.multiplicity import holm
from flyball.stats.two_samples import Comparison, compare_categories, compare_missing, compare_numbers
from flyball.words.drift import SENTENCES

# Missing values have a margin of their own: two in a thousand more than in the reference are worth knowing.
SHARE_MARGIN = 0.002
GAUGE = "model_feature_drift"


def detect_drift(reference: Any, current: Any, threshold: float = 0.05, *, margin: float = 0.02) -> dict[str, dict[str, Any]]:
    """Compare each column of `reference` with the column of that name in `current` (pandas or polars frames, or dicts of arrays).

    `threshold` is the family-wise error: the chance of calling any unchanged column drifted, over all columns (Holm). `drift` is true
    when a column certainly differs, and by more than `margin`; a sample of a million rows does not make a difference of .003 a drift.

    Per column: `statistic` (exact Kolmogorov-Smirnov distance for numbers, total variation for categories, of the values that are
    there), `p_value` (chi-square where values repeat), `drift`, `lower` and `upper` (95 % interval of the statistic at the default
    `threshold`), `distances`, `missing` (share in `current`), `reason` (a sentence). Nothing is ever NaN.
    """
    if not 0.0 < threshold < 1.0:
        raise DataError(
            f"threshold is {threshold}, it must lie between 0 and 1", hint="it is the error you accept over all columns, such as 0.05"
        )
    before, now = _columns(reference, "reference"), _columns(current, "current")
    for name in before:
        if name not in now:
            hint = f"columns present: {', '.join(map(str, now)) or 'none'}{did_you_mean(str(name), map(str, now))}"
            raise DataError(f"column {name!r} of the reference is not in the current data", hint=hint)
    if not before:
        raise DataError("the reference has no columns", hint="give a frame or a dict of arrays with at least one column")
    values, gone = [], []
    for name, column in before.items():
        first, second = _split(column, now[name])
        values.append(_compare(first, second, margin, threshold))
        missing = (len(column) - len(first), len(column)), (len(now[name]) - len(second), len(now[name]))
        gone.append(compare_missing(*missing, SHARE_MARGIN, threshold))
    # One family of tests: the values and the missing share of every column. `certain` also asks that the margin is passed.
    plain = holm([test.p_value for test in (*values, *gone)])
    beyond = holm([max(test.p_value, test.p_margin) for test in (*values, *gone)])
    count = len(values)
    found = {}
    for at, name in enumerate(before):
        drifts = bool(beyond[at] <= threshold), bool(beyond[count + at] <= threshold)
        found[name] = _answer(str(name), values[at], gone[at], drifts, bool(plain[at] <= threshold), margin)
    return found


def check_drift(new_data: Any, reference_data: Any, registry: CollectorRegistry | None = None) -> dict[str, dict[str, Any]]:
    """`detect_drift(reference_data, new_data)`, and set the gauge `model_feature_drift{feature_name}` to each column's distance.

    The gauge is made in `registry` (default: prometheus_client's own) or, if it is there already, used.
    """
    found = detect_drift(reference_data, new_data)
    gauge = _gauge(REGISTRY if registry is None else registry)
    for name, answer in found.items():
        gauge.labels(feature_name=str(name)).set(answer["statistic"])
    return found


def _answer(name: str, values: Comparison, gone: Comparison, drifts: tuple[bool, bool], certain: bool, margin: float) -> dict[str, Any]:
    numbers: dict[str, Value] = {
        "column": name,
        "distance": values.distance,
        "lower": values.lower,
        "upper": values.upper,
        "p_value": values.p_value,
        "margin": margin,
    }
    missing_first = drifts[1] and (not drifts[0] or not values.rows)
    if missing_first:
        reason = Reason(code="drift.sample_missing", values={"column": name, "share": gone.second, "usual": gone.first})
    elif not values.rows:
        reason = Reason(code="drift.sample_empty", values={"column": name, "reference": values.first_rows, "current": values.second_rows})
    else:
        code = "drift.sample_drift" if drifts[0] else "drift.sample_small" if certain else "drift.sample_same"
        reason = Reason(code=code, values=numbers)
    return {
        "statistic": values.distance,
        "p_value": values.p_value if values.rows else gone.p_value,
        "drift": any(drifts),
        "lower": values.lower,
        "upper": values.upper,
        "distances": dict(values.distances),
        "missing": gone.second,
        "reason": SENTENCES[reason.code][0].format(**reason.values),
    }


def _compare(first: Array, second: Array, margin: float, alpha: float) -> Comparison:
    if first.dtype == object or second.dtype == object:
        return compare_categories(first.tolist(), second.tolist(), margin, alpha)
    return compare_numbers(first, second, margin, alpha)


def _split(reference: Array, current: Array) -> tuple[Array, Array]:
    """The values that are there, both as floats or both as text. The reference says which; text among numbers makes both text."""
    if reference.dtype != object or _holds_numbers(reference):
        first, second = NumberCells.as_numbers(reference)[0], NumberCells.as_numbers(current)
        if second[1] is None:
            return first[~np.isnan(first)], second[0][~np.isnan(second[0])]
    return _texts(reference), _texts(current)


def _holds_numbers(values: Array) -> bool:
    """True if an object column holds only numbers and missing values (one that is all missing counts as numbers)."""
    return all(isinstance(value, int | float | np.number) for value in values.tolist() if text_of(value) is not None)


def _texts(values: Array) -> Array:
    kept = [text for text in map(text_of, values.tolist()) if text is not None]
    texts = np.empty(len(kept), dtype=object)
    texts[:] = kept
    return texts


def _columns(frame: Any, what: str) -> Mapping[Any, Array]:
    """The columns of a frame (anything with `columns` and `[name]`) or of a mapping, as arrays."""
    if isinstance(frame, Mapping):
        names = list(frame)
    elif hasattr(frame, "columns"):
        names = list(frame.columns)
    else:
        raise DataError(
            f"the {what} data is {type(frame).__name__}", hint="give a pandas or polars frame, or a dict of column name to array"
        )
    if len(set(names)) != len(names):
        raise DataError(f"the {what} data has columns of the same name: {sorted({str(n) for n in names if names.count(n) > 1})}")
    return {name: _array(frame[name], f"column {name!r} of the {what} data") for name in names}


def _array(values: Any, what: str) -> Array:
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    if hasattr(values, "to_numpy"):
        if kind == "M":  # also times with a zone, which to_numpy alone would hand over one by one
            array = values.to_numpy(dtype="datetime64[us]")
        elif isinstance(kind, str) and kind and kind in "iuf" and not isinstance(values.dtype, np.dtype):
            array = values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            array = values.to_numpy()
    else:
        array = values
    found: Array = np.asarray(array)
    if found.ndim != 1:
        raise DataError(f"{what} has {found.ndim} dimensions, it must have one")
    return found.astype(object) if found.dtype.kind in "USO" else found


def _gauge(registry: CollectorRegistry) -> Gauge:
    """The drift gauge of a registry, made if it is not there."""
    known = _registered(registry)
    if known is None:
        try:
            return Gauge(
                GAUGE, "Feature drift score: distance of the newest data from the reference, in [0, 1]", ["feature_name"], registry=registry
            )
        except ValueError:  # another thread made it meanwhile
            known = _registered(registry)
    if not isinstance(known, Gauge) or tuple(known._labelnames) != ("feature_name",):
        raise ConflictError(f"the registry has another metric called {GAUGE}", hint="it must be a Gauge with the one label feature_name")
    return known


def _registered(registry: CollectorRegistry) -> object:
    # prometheus_client has no public way to find a metric that user code made under the same name; this has stood since 0.1.
    return registry._names_to_collectors.get(GAUGE)
