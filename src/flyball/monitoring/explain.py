"""Why a column is in its state: the reason behind its sentence."""

import math
from datetime import datetime, tzinfo

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.monitoring.apart import Expected
from flyball.monitoring.details import median_edge
from flyball.monitoring.signals import Signals
from flyball.monitoring.yardstick import Block

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# A median higher than this part of the training is said to be unusual.
_UNUSUAL = 0.95


@record
class Case:
    """One column in one window: all that its reason may tell."""

    block: Block
    at: int
    counts: Ints
    signals: Signals
    expected: Expected | None
    since: datetime | None
    place: tzinfo


def calm_reason(case: Case) -> Reason:
    """Why a column is ok."""
    name = case.block.names[case.at]
    if not case.signals.apart.now[case.at]:
        return because("drift.nothing_there", column=name, rows=_rows(case))
    if case.signals.blind[case.at]:
        return because("drift.short_window", column=name, rows=_rows(case))
    if not case.block.number and not case.block.columns[case.at].categories:
        return because("drift.all_new", column=name)
    numbers = _numbers(case)
    wide = float(case.signals.apart.distance[case.at]) > float(case.signals.threshold[case.signals.names.index("moved"), case.at])
    return Reason(code="drift.ok_wide" if wide else "drift.ok", values={"column": name, **numbers})


def signal_reason(case: Case, signal: int, *, certain: bool) -> Reason:
    """What happened to a column: which signal, how much of it, since when, and what it means."""
    block, name, found = case.block, case.block.names[case.at], case.signals
    values: dict[str, Value] = {"column": name, "rows": _rows(case)}
    kind: str = found.names[signal]
    if kind != "moved":
        values |= {
            "share": float(found.estimate[signal, case.at]),
            "lower": float(found.lower[signal, case.at]),
            "threshold": float(found.threshold[signal, case.at]),
            "usual": float(found.usual[signal, case.at]),
        }
    else:
        kind, more = _moved_number(case) if block.number else _moved_category(case)
        values |= {**_numbers(case), **more}
    if not certain:
        return Reason(code=f"drift.{kind}_perhaps", values=values)
    if case.since is None:
        return Reason(code=f"drift.{kind}", values=values)
    return Reason(code=f"drift.{kind}_since", values={**values, "since": case.since.astimezone(case.place).isoformat(timespec="minutes")})


def _rows(case: Case) -> int:
    return int(case.signals.rows[case.at])


def _numbers(case: Case) -> dict[str, Value]:
    far, moved = case.signals.apart, case.signals.names.index("moved")
    return {
        "distance": float(far.distance[case.at]),
        "lower": float(far.lower[case.at]),
        "upper": float(far.upper[case.at]),
        "threshold": float(case.signals.threshold[moved, case.at]),
    }


def _cells(case: Case) -> tuple[Floats, Floats]:
    """Shares of the training (of its hours, where the season decides) and of the window in the cells that hold values."""
    start = int(case.block.flat.starts[case.at])
    size = int(case.block.flat.sizes[case.at]) - (2 if case.block.number else 1)
    now = case.counts[start : start + size].astype(np.float64)
    now = now / max(float(now.sum()), 1.0)
    before = case.block.share[start : start + size]
    if case.expected is not None:  # within a group of cells as the whole training has it
        hours = case.expected.hours
        here = slice(int(hours.flat.starts[case.at]), int(hours.flat.starts[case.at]) + int(hours.flat.sizes[case.at]))
        group = np.searchsorted(hours.starts[here] - start, np.arange(size), side="right") - 1
        inside = np.bincount(group, weights=before, minlength=int(hours.flat.sizes[case.at]))
        before = before / np.maximum(inside, 1e-30)[group] * case.expected.share[here][group]
    return before, now


def _moved_number(case: Case) -> tuple[str, dict[str, Value]]:
    before, now = _cells(case)
    edges = case.block.columns[case.at].edges
    values: dict[str, Value] = {"before": median_edge(edges, before), "now": median_edge(edges, now)}
    known = case.block.share[int(case.block.flat.starts[case.at]) :][: len(now)]
    at = int(np.searchsorted(np.cumsum(now), 0.5))
    below, above = float(known[:at].sum()), float(known[at + 1 :].sum())
    if len(edges) > 1 and at > len(edges):
        return "moved_above", values
    if len(edges) > 1 and at <= 1:
        return "moved_below", values
    if below >= _UNUSUAL:
        return "moved_high", {**values, "part": math.floor(1000 * below) / 1000}  # never 100 %: it is within the range
    if above >= _UNUSUAL:
        return "moved_low", {**values, "part": math.floor(1000 * above) / 1000}
    if f"{values['before']:.4g}" == f"{values['now']:.4g}":  # the same middle: tell the place where the two are furthest apart
        far = int(np.abs(np.cumsum(now) - np.cumsum(before))[:-1].argmax())
        if 1 <= far <= len(edges):
            here: dict[str, Value] = {"at": edges[far - 1], "part": float(now[: far + 1].sum()), "usual": float(before[: far + 1].sum())}
            return "moved_around", {**values, **here}
    return "moved", values


def _moved_category(case: Case) -> tuple[str, dict[str, Value]]:
    before, now = _cells(case)
    change = now - before
    at = int(np.abs(change).argmax())
    categories = case.block.columns[case.at].categories
    return "category_moved", {
        "category": categories[at] if at < len(categories) else "others",
        "before": float(before[at]),
        "now": float(now[at]),
    }
