"""One look at the columns of a block: every window of it judged at once, then the answer for each column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.data.season import SLOTS
from flyball.monitoring.apart import Expected
from flyball.monitoring.counts import Counts, Span
from flyball.monitoring.details import distances, table_tests
from flyball.monitoring.explain import Case, calm_reason, signal_reason
from flyball.monitoring.onset import event_of, onset, usual_shares
from flyball.monitoring.records import ColumnDrift, State
from flyball.monitoring.signals import Limits, Signals, infinite, outside, signals
from flyball.monitoring.yardstick import Block, Yardstick

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MIN_REFERENCE_ROWS = 100
# What a window shows must still be there in the newest rows: over this part of its threshold.
RELEASE = 0.7
# A column that is ok is told of by its longest window up to this.
_SHOWN = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_STATES: tuple[State, ...] = ("insufficient data", "ok", "ok", "warn", "drift")
_TOO_LITTLE, _BLIND, _OK, _WARN, _DRIFT = range(5)


@record
class Look:
    """What one look at all columns is made of. `spans`: the shortest first.

    `weights`: the part of the rows in each hour of the season, per span, and for the newest rows; `past` the same for the history. None
    without a season. `tests`: how many windows and looks share the error of a signal.
    """

    yard: Yardstick
    spans: Sequence[Span]
    latest: Counts | None
    history: Sequence[Span]
    limits: Limits
    min_rows: int
    weights: tuple[Sequence[Floats], Floats] | None
    past: Sequence[Floats] | None
    place: tzinfo
    tests: int
    mixtures: dict[tuple[str, bytes], Expected] = field(default_factory=dict)  # many windows have the same hours


@record
class _Judged:
    """A block in one window: states as numbers, and the signal behind each (its place in `Signals.names`)."""

    span: Span
    counts: Ints
    expected: Expected | None
    signals: Signals
    state: NDArray[np.intp]
    signal: NDArray[np.intp]


def look_at(look: Look, block: Block) -> Mapping[str, tuple[ColumnDrift, float]]:
    """For each column of the block its answer, and how probable at most what was seen is if it stayed within its thresholds."""
    now = _newest(look, block)
    judged = [_judge(look, block, at, now) for at in range(len(look.spans))]
    chosen = _chosen(judged)
    p_values = np.ones(len(block.names))
    for one in judged:
        enough = one.state != _TOO_LITTLE
        p_values = np.where(enough, np.minimum(p_values, one.signals.p_values(block).min(axis=0)), p_values)
    p_values = np.minimum(p_values * look.tests, 1.0)
    answers = {}
    for scale in np.unique(chosen).tolist():
        for at, answer in _answers(look, block, judged[scale], np.flatnonzero(chosen == scale)):
            answers[block.names[at]] = answer, float(p_values[at])
    return answers


def _expected(look: Look, block: Block, weights: Floats) -> Expected | None:
    hours = block.hours(SLOTS[look.yard.reference.season])
    if hours is None or not weights.any():
        return None
    key = block.names[0], weights.tobytes()
    if key not in look.mixtures:
        share, absent, worth = hours.mixture(weights)
        look.mixtures[key] = Expected(hours=hours, share=share, absent=absent, worth=worth)
    return look.mixtures[key]


def _newest(look: Look, block: Block) -> Floats | None:
    """What each signal is in the newest rows, whatever is certain."""
    if look.latest is None or not look.latest.rows:
        return None
    expected = None if look.weights is None else _expected(look, block, look.weights[1])
    return signals(block, block.gathered(look.latest), look.spans[0].window.length, look.limits, expected).estimate


def _judge(look: Look, block: Block, at: int, now: Floats | None) -> _Judged:
    span = look.spans[at]
    counts = block.gathered(span.counts)
    expected = None if look.weights is None else _expected(look, block, look.weights[0][at])
    found = signals(block, counts, lasting(span, look.spans), look.limits, expected)
    over = found.estimate > found.threshold
    if now is not None:
        over &= now > RELEASE * found.threshold
    certain, likely = over & (found.lower > found.threshold), over & (found.lower > found.floor)
    sure = certain.any(axis=0)
    state = np.where(sure, _DRIFT, np.where(likely.any(axis=0), _WARN, np.where(found.blind, _BLIND, _OK)))
    state = np.where((found.rows < look.min_rows) | (block.rows < MIN_REFERENCE_ROWS), _TOO_LITTLE, state)
    signal = np.where(sure, certain.argmax(axis=0), likely.argmax(axis=0))
    return _Judged(span=span, counts=counts, expected=expected, signals=found, state=state, signal=signal)


def lasting(span: Span, spans: Sequence[Span]) -> timedelta:
    """How long the rows of a window last: less than the window in a burst, and where a version has only just begun to answer.

    Nights without traffic make no window shorter: a day of eight busy hours is a day, as it was in the training.
    """
    if not span.hours:
        return span.window.length
    lasted = timedelta(hours=max(span.hours) - min(span.hours) + 1)
    if 2 * lasted < span.window.length:
        return lasted
    first = min(min(one.hours) for one in spans if one.hours)
    began = span.window.end - (_EPOCH + timedelta(hours=first))
    return min(began, span.window.length)


def _chosen(judged: Sequence[_Judged]) -> NDArray[np.intp]:
    """The window each column is told of by: the shortest with its most serious finding (state first, then the order of the signals);
    for what is ok the longest up to a day, and where there is too little, the longest.
    """
    states = np.stack([one.state for one in judged])
    worst = states.max(axis=0)
    serious = np.stack([np.where(one.state >= _WARN, 10 * one.state + 9 - one.signal, 10 * one.state) for one in judged])
    chosen = serious.argmax(axis=0)
    last = len(judged) - 1
    for scale, one in enumerate(judged):
        if one.span.window.length <= _SHOWN:
            chosen = np.where((worst == _OK) & (one.state == _OK), scale, chosen)
    return np.where(worst == _TOO_LITTLE, last, chosen).astype(np.intp)


def _answers(look: Look, block: Block, judged: _Judged, which: NDArray[np.intp]) -> Iterator[tuple[int, ColumnDrift]]:
    counts, found, far = judged.counts, judged.signals, judged.signals.apart
    further = distances(block, counts, far, judged.expected)
    tested = table_tests(block, counts) if judged.expected is None else [{} for _ in block.names]
    rows = np.maximum(found.rows, 1.0)
    nothing = np.zeros(len(block.names))
    missing = counts[block.missing_at] / rows
    beyond, odd, unread, fresh = nothing, nothing, nothing, nothing
    if block.number:
        beyond, odd, unread = outside(block, counts) / rows, infinite(block, counts) / rows, counts[block.last] / rows
    else:
        known = block.known[block.missing_at - 1] / np.maximum(block.rows, 1.0)
        fresh = np.maximum(0.0, counts[block.missing_at - 1] / rows - known)
    moved = found.names.index("moved")
    for at in which.tolist():
        since = _since(look, block, judged, at) if judged.state[at] == _DRIFT else None
        case = Case(block=block, at=at, counts=counts, signals=found, expected=judged.expected, since=since, place=look.place)
        yield (
            at,
            ColumnDrift(
                state=_STATES[int(judged.state[at])],
                distance=float(far.distance[at]),
                lower=float(far.lower[at]),
                upper=float(far.upper[at]),
                threshold=float(found.threshold[moved, at]),
                rows=int(found.rows[at]),
                missing=float(missing[at]),
                out_of_range=float(beyond[at]),
                new_categories=float(fresh[at]),
                distances=further[at],
                reason=_reason(look, case, judged),
                infinite=float(odd[at]),
                unparsable=float(unread[at]),
                chance=float(far.chance[at]),
                since=since,
                tests=tested[at],
                span=judged.span.window,
            ),
        )


def _reason(look: Look, case: Case, judged: _Judged) -> Reason:
    block, at = case.block, case.at
    state = int(judged.state[at])
    if state in (_DRIFT, _WARN):
        return signal_reason(case, int(judged.signal[at]), certain=state == _DRIFT)
    if state != _TOO_LITTLE:
        return calm_reason(case)
    if block.rows[at] < MIN_REFERENCE_ROWS:
        return because("drift.small_reference", column=block.names[at], rows=int(block.rows[at]), needed=MIN_REFERENCE_ROWS)
    return because("drift.few_rows", column=block.names[at], rows=int(judged.signals.rows[at]), needed=look.min_rows)


def _since(look: Look, block: Block, judged: _Judged, at: int) -> datetime | None:
    """When the drift of a column began, as far as the history shows."""
    if not look.history:
        return None
    name = judged.signals.names[int(judged.signal[at])]
    event = event_of(block, at, name, judged.counts, judged.signals.apart, judged.expected)
    usual = None
    if judged.expected is not None and look.past is not None and name in ("moved", "missing", "present"):
        usual = usual_shares(block, at, event, [_expected(look, block, weights) or judged.expected for weights in look.past])
    start = int(block.flat.starts[at])
    value = block.value[start : start + int(block.flat.sizes[at])]
    return onset(look.history, block.names[at], event, usual, value)
