"""Since when: the onset of a drift, found in finer windows than the one that proved it."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.monitoring.apart import Apart, Expected
from flyball.monitoring.counts import Span
from flyball.monitoring.signals import SignalName
from flyball.monitoring.yardstick import Block

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# A share that never was in training is taken as this rare at least, so that one stray row long ago is not the beginning.
_RAREST = 1e-4
_ROUNDS = 4


@record
class Event:
    """What a drift comes down to: a share of rows, those in `cells`, that was `before` and is `after`. `values`: of rows with a value."""

    cells: NDArray[np.bool_]
    before: float
    after: float
    values: bool


def event_of(block: Block, at: int, name: SignalName, counts: Ints, far: Apart, expected: Expected | None) -> Event:
    """The event of one signal of column `at`.

    A number that moved: being at or below where the distribution functions are furthest apart. A category: being one of those that grew.
    """
    start, size = int(block.flat.starts[at]), int(block.flat.sizes[at])
    cells = np.zeros(size, dtype=bool)
    known, now = block.known[start : start + size], counts[start : start + size]
    match name:
        case "moved":
            return _moved(block, at, cells, far, expected)
        case "unparsable":
            cells[-1] = True
        case "missing" | "present":
            cells[-2 if block.number else -1] = True
        case "infinite":
            cells[[0, -3]] = True
        case "out_of_range":
            cells[[1, -4]] = True
        case "new_categories":
            cells[-2] = True
    before = float(known[cells].sum()) / max(float(known.sum()), 1.0)
    if name in ("missing", "present") and expected is not None:
        before = float(expected.absent[at])
    return Event(cells=cells, before=before, after=float(now[cells].sum()) / max(float(now.sum()), 1.0), values=False)


def onset(history: Sequence[Span], name: str, event: Event, usual: Sequence[float] | None, value: NDArray[np.bool_]) -> datetime | None:
    """When the event changed from its share before to that after: the start of the run of windows up to now that is likeliest to be
    after the change. None if no run speaks for a change. `usual`: the share before in each window, where it depends on the hour.
    """
    if not history:
        return None
    table = np.array([span.counts.columns[name] for span in history], dtype=np.int64)
    hits = table[:, event.cells].sum(axis=1).astype(np.float64)
    rows = (table[:, value] if event.values else table).sum(axis=1).astype(np.float64)
    before = np.clip(np.full(len(history), event.before) if usual is None else np.array(usual), _RAREST, 1.0 - _RAREST)
    after, first = event.after, None
    for _ in range(_ROUNDS):
        after = min(max(after, _RAREST), 1.0 - _RAREST)
        evidence = hits * np.log(after / before) + (rows - hits) * np.log((1.0 - after) / (1.0 - before))
        run = np.cumsum(evidence[::-1])[::-1]
        best = int(run.argmax())
        if run[best] <= 0.0 or best == first:
            break
        first = best
        after = float(hits[first:].sum() / max(rows[first:].sum(), 1.0))
    if first is None:
        return None
    first += int(np.flatnonzero(rows[first:])[0])  # windows without rows say nothing
    return history[first].window.start


def _moved(block: Block, at: int, cells: NDArray[np.bool_], far: Apart, expected: Expected | None) -> Event:
    flat = block.flat if expected is None else expected.hours.flat
    here = slice(int(flat.starts[at]), int(flat.starts[at]) + int(flat.sizes[at]))
    known, now = far.known[here], far.share[here]
    if block.number:
        furthest = int(np.abs(np.cumsum(now - known)).argmax())
        inside = np.arange(len(known)) <= furthest
    else:
        inside = now > known
    if expected is None:
        cells[: len(inside)] = inside
        cells &= block.value[here]
    else:
        first = expected.hours.starts[here] - block.flat.starts[at]
        group = np.searchsorted(first, np.arange(len(cells)), side="right") - 1
        cells |= inside[group] & block.value[int(block.flat.starts[at]) : int(block.flat.starts[at]) + len(cells)]
    return Event(cells=cells, before=float(known[inside].sum()), after=float(now[inside].sum()), values=True)


def usual_shares(block: Block, at: int, event: Event, mixtures: Sequence[Expected]) -> list[float]:
    """The share of the event before the change in each window, by the hours of its rows."""
    found = []
    for one in mixtures:
        if not event.values:
            found.append(float(one.absent[at]))
            continue
        flat = one.hours.flat
        here = slice(int(flat.starts[at]), int(flat.starts[at]) + int(flat.sizes[at]))
        inside = event.cells[one.hours.starts[here] - block.flat.starts[at]]
        found.append(float(one.share[here][inside].sum()))
    return found
