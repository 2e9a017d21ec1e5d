"""The prediction log of a replay: what was asked and what became of it is known beforehand, so a log is a mark per row and version.

The same promises as every prediction log, over the rows of one stream of one model, in whole columns.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.adapters.logged import MICROS_PER_DAY, NOT_SHARED_OUT, context_table, matured_until, micros
from flyball.core.errors import RefusedError
from flyball.core.window import Window, from_micros, to_micros
from flyball.loop.backtest.records import NEVER, Stream
from flyball.serving.records import Accepted, Arrived, LoggedRows, Maturity, Outcome, Place, Prediction, PredictionBatch

Ints = NDArray[np.int64]

_NOT, _ANSWERED, _SHADOW = 0, 1, 2
_WORKER = "replay"


class _Version:
    """What one version said of which rows."""

    def __init__(self, rows: int, score: NDArray[np.float64]) -> None:
        self.how = np.zeros(rows, dtype=np.int8)
        self.score = np.full((rows, *score.shape[1:]), np.nan)
        self.label = np.full(rows, None, dtype=object)


class StreamLog:
    """The ports `PredictionLog` and `OutcomeLog`, and the replay's `Recorder`, over one stream."""

    def __init__(self, model: str, stream: Stream) -> None:
        self._model = model
        self._stream = stream
        self._day = stream.at // MICROS_PER_DAY
        self._by_outcome = np.sort(stream.outcome_at)
        self._versions: dict[int, _Version] = {}
        self._by = np.zeros(len(stream), dtype=np.int64)
        self._variant = np.full(len(stream), None, dtype=object)
        self._propensity = np.full(len(stream), np.nan)
        self._told = -NEVER

    # what a replay writes

    def record(
        self,
        rows: Ints,
        version: int,
        score: NDArray[np.float64],
        label: NDArray[Any],
        *,
        variant: str,
        shadow: bool,
        propensity: NDArray[np.float64] | None = None,
    ) -> None:
        """A version scored these rows."""
        kept = self._versions.get(version)
        if kept is None:
            kept = self._versions[version] = _Version(len(self._stream), score)
        kept.how[rows] = _SHADOW if shadow else _ANSWERED
        kept.score[rows] = score
        kept.label[rows] = label
        if not shadow:
            self._by[rows] = version
            self._variant[rows] = variant
            self._propensity[rows] = np.nan if propensity is None else propensity

    def tell(self, until: datetime) -> None:
        """The outcomes that came by then are known."""
        self._told = max(self._told, to_micros(until))

    def answered(self) -> tuple[NDArray[np.float64], Ints]:
        """What was answered to each row, and by which version."""
        shapes = {kept.score.shape[1:] for kept in self._versions.values()}
        wide = max((shape[0] for shape in shapes if shape), default=0)
        found = np.full((len(self._stream), wide) if wide else len(self._stream), np.nan)
        for number, kept in self._versions.items():
            mine = self._by == number
            if wide:
                found[mine, : kept.score.shape[1]] = kept.score[mine]
            else:
                found[mine] = kept.score[mine]
        return found, self._by.copy()

    # what every prediction log promises

    def ingest(self) -> int:
        """Nothing waits: a replay writes into the log itself."""
        return 0

    def add(self, batch: PredictionBatch) -> int:
        """Refused: a replay is asked what its history says."""
        raise RefusedError(f"{len(batch.at)} predictions cannot be added to a replay", hint="its rows are those of the history")

    def rows(
        self,
        model: str,
        version: int,
        window: Window,
        *,
        features: bool = False,
        maturity: Maturity | None = None,
        compared: bool = False,
        newest: int | None = None,
        context: Sequence[str] = (),
        one_in: int = 1,
        arms: bool = False,
    ) -> LoggedRows:
        """The rows of one version whose event time is in the window, answered or shadow, ordered by event time."""
        first, last = self._between(window)
        if maturity is not None:
            last = min(last, int(np.searchsorted(self._stream.at, matured_until(maturity), side="right")))
        kept = self._versions.get(version) if model == self._model else None
        place = np.empty(0, dtype=np.int64) if kept is None else np.flatnonzero(kept.how[first:last]) + first
        if compared:
            place = place[~np.isin(self._variant[place], NOT_SHARED_OUT)]
        if one_in > 1:
            place = place[place % 1000003 * 618035 % 1000003 < 1000003 // one_in]
        if newest is not None:
            place = place[max(0, len(place) - newest) :]
        return self._rows(place, kept, maturity, features=features, context=context)

    def arrived(self, model: str, version: int, after: Place, *, limit: int, window: Window | None = None) -> Arrived:
        """At most `limit` rows of a version that arrived after a place: rows arrive in the order of the stream."""
        kept = self._versions.get(version) if model == self._model else None
        first, last = (0, len(self._stream)) if window is None else self._between(window)
        first = max(first, after.answered)
        place = np.empty(0, dtype=np.int64) if kept is None else np.flatnonzero(kept.how[first:last])[:limit] + first
        return Arrived(
            at=self._stream.at[place],
            label=np.empty(0, dtype=object) if kept is None else kept.label[place],
            score=np.empty(0) if kept is None else kept.score[place],
            variant=self._roles(place, kept),
            known=np.ones(len(place), dtype=np.bool_),
            features=self._stream.features.take(place),
            place=Place(answered=int(place[-1]) + 1) if len(place) else after,
            more=len(place) == limit,
        )

    def labelled(
        self, model: str, *, known_by: datetime, since: datetime | None = None, unlabelled_after: timedelta | None = None
    ) -> LoggedRows:
        """The answered rows of every version, with features, whose outcome was known by then, and, if asked for, old ones without."""
        latest = to_micros(known_by)
        keep = (self._by > 0) & (self._stream.outcome_at <= min(latest, self._told))
        if unlabelled_after is not None:
            keep |= (self._by > 0) & (self._stream.at <= latest - micros(unlabelled_after))
        if since is not None:
            keep &= self._stream.at >= to_micros(since)
        place = np.flatnonzero(keep) if model == self._model else np.empty(0, dtype=np.int64)
        return self._rows(place, None, Maturity(age=timedelta(0), by=known_by), features=True)

    def find(self, prediction_id: str) -> tuple[Prediction, Outcome | None] | None:
        """One answered prediction by its id, with its outcome."""
        found = np.flatnonzero(self._stream.ids == prediction_id)
        if not len(found) or not self._by[found[0]]:
            return None
        row, stream = int(found[0]), self._stream
        kept, at = self._versions[int(self._by[row])], from_micros(int(stream.at[row]))
        score = kept.score[row].tolist()
        prediction = Prediction(
            prediction_id=prediction_id,
            model=self._model,
            version=int(self._by[row]),
            variant=self._variant[row],
            worker=_WORKER,
            at=at,
            made_at=at,
            unit=stream.unit[row],
            entity=stream.entity[row],
            client_id=None,
            label=kept.label[row],
            score=tuple(score) if isinstance(score, list) else score,
            features={name: values[row : row + 1].tolist()[0] for name, values in stream.features.columns.items()},
            context={},
            propensity=_number(self._propensity[row]),
        )
        if stream.outcome_at[row] > self._told:
            return prediction, None
        when = from_micros(int(stream.outcome_at[row]))
        value = _number(stream.value[row])
        return prediction, Outcome(actual=stream.actual[row], at=when, prediction_id=prediction_id, value=value)

    def find_all(self, prediction_ids: Sequence[str]) -> Mapping[str, tuple[Prediction, Outcome | None]]:
        """Answered predictions by their ids, each with its outcome."""
        return {name: found for name in prediction_ids if (found := self.find(name)) is not None}

    def count(self, model: str, window: Window) -> Mapping[int, int]:
        """Answered predictions per version in a window; versions without any are not listed."""
        first, last = self._between(window)
        if model != self._model:
            return {}
        numbers, counts = np.unique(self._by[first:last], return_counts=True)
        return {number: count for number, count in zip(numbers.tolist(), counts.tolist(), strict=True) if number}

    # what every outcome log promises

    def take(self, model: str, outcomes: Sequence[Outcome], *, within: timedelta) -> Accepted:
        """Refused: a replay knows its outcomes."""
        raise RefusedError(f"{len(outcomes)} outcomes cannot be told to a replay", hint="its outcomes are those of the history")

    def labelled_since(self, model: str, since: datetime, now: datetime) -> int:
        """How many outcomes became known with since < at <= now."""
        if model != self._model:
            return 0
        bounds = (min(to_micros(time), self._told) for time in (since, now))
        low, high = (int(np.searchsorted(self._by_outcome, bound, side="right")) for bound in bounds)
        return max(0, high - low)

    def _between(self, window: Window) -> tuple[int, int]:
        first, last = np.searchsorted(self._stream.at, (to_micros(window.start), to_micros(window.end)))
        return int(first), int(last)

    def _roles(self, place: Ints, kept: _Version | None) -> NDArray[np.object_]:
        roles = self._variant[place]
        if kept is not None:
            roles[kept.how[place] == _SHADOW] = "shadow"
        return roles

    def _rows(
        self, place: Ints, kept: _Version | None, maturity: Maturity | None, *, features: bool, context: Sequence[str] = ()
    ) -> LoggedRows:
        """These rows as `kept` saw them; None: as they were answered."""
        stream = self._stream
        at, known = stream.at[place], stream.outcome_at[place]
        hidden = known > self._told
        if maturity is not None:
            hidden |= known > (at + micros(maturity.age) if maturity.age else to_micros(maturity.by))
        actual = stream.actual[place]
        actual[hidden] = None
        variant = self._roles(place, kept)
        return LoggedRows(
            prediction_id=stream.ids[place],
            at=at,
            day=self._day[place],
            unit=stream.unit[place],
            entity=stream.entity[place],
            label=self._labels(place) if kept is None else kept.label[place],
            score=self._scores(place) if kept is None else kept.score[place],
            actual=actual,
            outcome_at=np.where(hidden, 0, known),
            features=stream.features.take(place) if features else None,
            made_at=at if features else None,
            context=context_table([{} for _ in place], context) if context else None,
            bare=np.zeros(len(place), dtype=np.bool_) if features else None,
            variant=variant,
            propensity=np.where(variant == "shadow", np.nan, self._propensity[place]),
            value=np.where(hidden, np.nan, stream.value[place]),
            version=self._by[place],
        )

    def _labels(self, place: Ints) -> NDArray[np.object_]:
        found = np.full(len(place), None, dtype=object)
        for number, mine in self._own(place):
            found[mine] = self._versions[number].label[place[mine]]
        return found

    def _scores(self, place: Ints) -> NDArray[np.float64]:
        return self.answered()[0][place] if len(place) else np.empty(0)

    def _own(self, place: Ints) -> list[tuple[int, NDArray[np.bool_]]]:
        by = self._by[place]
        return [(number, by == number) for number in np.unique(by).tolist() if number]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
