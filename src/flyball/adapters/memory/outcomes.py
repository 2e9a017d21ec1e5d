"""Outcomes in memory, matched to the predictions of a MemoryPredictionLog by the same rules as everywhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flyball.adapters.logged import micros
from flyball.adapters.matching import Candidate, Nearest, ambiguous, malformed, refused, unknown
from flyball.adapters.memory.predictions import MemoryPredictionLog, Row
from flyball.core.window import to_micros
from flyball.serving.records import Accepted, Outcome, Rejected


class MemoryOutcomeLog:
    """The port `OutcomeLog`."""

    def __init__(self, predictions: MemoryPredictionLog) -> None:
        self._log = predictions

    def take(self, model: str, outcomes: Sequence[Outcome], *, within: timedelta) -> Accepted:
        """Keep the outcomes that belong to exactly one earlier prediction and say of each other one why it was not taken."""
        with self._log.lock:
            verdicts = [malformed(outcome) or self._take(model, outcome, within) for outcome in outcomes]
        rejected = tuple(verdict for verdict in verdicts if verdict is not None)
        return Accepted(accepted=len(outcomes) - len(rejected), rejected=rejected)

    def labelled_since(self, model: str, since: datetime, now: datetime) -> int:
        """How many outcomes became known with since < at <= now."""
        with self._log.lock:
            return sum(
                to_micros(since) < at <= to_micros(now)
                for key, (_, at, _) in self._log.outcomes.items()
                if self._log.answered[key].model == model
            )

    def _take(self, model: str, outcome: Outcome, within: timedelta) -> Rejected | None:
        at = to_micros(outcome.at)
        if outcome.prediction_id:
            row, nearest = self._log.named(outcome.prediction_id, model=model), Nearest()
        else:
            latest, nearest = self._latest(model, outcome, at, micros(within))
            if len(latest) > 1:
                return ambiguous(outcome, latest[0].at)
            row = latest[0] if latest else None
        if row is None:
            return unknown(outcome, nearest, within=within)
        actual, known_at, _ = self._log.outcomes.get(row.prediction_id, (None, None, None))
        refusal = refused(outcome, Candidate(at=row.at, actual=actual, outcome_at=known_at))
        if refusal is None:
            self._log.outcomes[row.prediction_id] = (outcome.actual, at, outcome.value)
        return refusal

    def _latest(self, model: str, outcome: Outcome, at: int, within: int) -> tuple[list[Row], Nearest]:
        """The latest prediction before `at` (several, if they were made for one time); if there is none, those that come nearest."""
        own = [
            row
            for row in self._log.answered.values()
            if row.model == model and (row.entity == outcome.entity if outcome.entity else row.unit == outcome.unit)
        ]
        newest = max((row.at for row in own if row.at <= at), default=None)
        if newest is not None and (not within or newest >= at - within):
            return [row for row in own if row.at == newest], Nearest()
        return [], Nearest(older=newest, later=min((row.at for row in own if row.at > at), default=None))
