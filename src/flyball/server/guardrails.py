"""What guardrails look at: what each version did, and whether that is certainly worse than what the version beside it did."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.spec.records import Arm, Guardrails
from flyball.stats.running import Counts as Buckets
from flyball.stats.running import distance_lower, quantile_lower, quantile_upper, rate_lower, rate_upper, spent

Guardrail = Literal["errors", "nan", "latency", "score_drift"]

RUN = 5  # failures in a row, after which a version answers nobody whatever the tests say
EDGES = np.geomspace(1e-6, 1e3, 425)  # seconds: buckets of 5 %
_SHARE = 0.99
_NEEDED = 1000  # requests from which an upper bound of a 99th percentile can be had at all
_SLOWER = 0.001  # seconds: what is closer to the champion than this is no slower to anybody
_GROWTH = 1.25  # numbers that are not tests at all times are looked at when there are so many times more
_SCORES = 20_000  # that wait for the edges of their buckets
_QUANTILES = 63


class Counts:
    """What one version did since it is guarded: the requests it answered, with their seconds and scores, and those it failed.

    `seconds` are those of calls with one row, `together` of calls with more, a call for each of its requests; `trials` of rows that were
    asked alone only to know how long that takes, where `sampled` says that somebody wants to know. Waiting for the call is in none.
    The hot path appends to `seconds` and `scores`; whoever looks folds them into numbers: `buckets` of all calls, `alone` of those with
    one row. Every method may be called from any thread.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.together: list[float] = []
        self.trials: list[float] = []
        self.sampled = False
        self.scores: list[Any] = []
        self.answered = 0
        self.failed = 0
        self.nan = 0
        self.run = 0
        self.last_kind: Guardrail = "errors"  # of its last failure
        self.buckets: Buckets = np.zeros(len(EDGES) + 1, dtype=np.int64)
        self.alone: Buckets = np.zeros(len(EDGES) + 1, dtype=np.int64)
        self._last = -1  # how many it had answered when it last failed
        self._edges: Any = None
        self._score_buckets: Buckets = np.zeros(0, dtype=np.int64)

    @property
    def requests(self) -> int:
        """Answered and failed."""
        return self._done() + self.failed + self.nan

    def fail(self, kind: Guardrail, number: int = 1) -> None:
        """It failed so many requests in a row, by its score (`nan`) or otherwise."""
        done = self._done()
        self.run = self.run + number if done == self._last else number
        self._last, self.last_kind = done, kind
        if kind == "nan":
            self.nan += number
        else:
            self.failed += number

    def running(self) -> int:
        """How many requests it has failed in a row, with none answered since."""
        return self.run if self._done() == self._last else 0

    def answer(self, rows: int, seconds: float, scores: list[Any]) -> None:
        """It answered rows that were put together for it in one call: for the latency one request, of its mean."""
        self.together.append(seconds / max(1, rows))
        self.answered += rows - 1
        self.scores += scores

    def fold(self, *, keep_scores: bool) -> None:
        """Sort what has come into buckets."""
        alone, together, trials = map(_sorted, (self.seconds, self.together, self.trials))
        self.buckets += alone + together
        self.alone += alone + trials
        self.answered += int(alone.sum() + together.sum())
        if not keep_scores:
            self.scores.clear()
        elif self._edges is not None:
            self._sort_scores()
        elif len(self.scores) > _SCORES:
            del self.scores[_SCORES:]

    def usual(self, share: float) -> float | None:
        """A quantile of its seconds as it looks, without any certainty; None while hardly anything is known."""
        return _quantile(self.buckets, share)

    def _done(self) -> int:
        return self.answered + len(self.seconds) + len(self.together)

    def edges(self) -> Any:
        """Buckets for scores: as many of this version's in each. None while there are too few."""
        if self._edges is None and len(self.scores) >= _QUANTILES:
            found = np.array([_number(score) for score in self.scores[:_SCORES]])
            self._edges = np.unique(np.quantile(found, np.linspace(0.0, 1.0, _QUANTILES + 2)[1:-1]))
        return self._edges

    def score_buckets(self, edges: Any) -> Buckets:
        """Its scores in buckets; the same edges every time."""
        if self._edges is not edges or len(self._score_buckets) != len(edges) + 1:
            self._edges, self._score_buckets = edges, np.zeros(len(edges) + 1, dtype=np.int64)
        self._sort_scores()
        return self._score_buckets

    def _sort_scores(self) -> None:
        if len(self._score_buckets) != len(self._edges) + 1:
            self._score_buckets = np.zeros(len(self._edges) + 1, dtype=np.int64)
        number = len(self.scores)
        found = np.array([_number(score) for score in self.scores[:number]])
        del self.scores[:number]
        self._score_buckets += np.bincount(np.searchsorted(self._edges, found), minlength=len(self._score_buckets))


def _sorted(waiting: list[float]) -> Buckets:
    """Buckets of the seconds that wait, which then wait no more."""
    number = len(waiting)  # others append meanwhile
    found = np.bincount(np.searchsorted(EDGES, np.array(waiting[:number])), minlength=len(EDGES) + 1)
    del waiting[:number]
    return found


def _quantile(buckets: Buckets, share: float) -> float | None:
    total = int(buckets.sum())
    if total < 100:
        return None
    bucket = int(np.searchsorted(np.cumsum(buckets), total * share))
    return float(EDGES[min(bucket, len(EDGES) - 1)])


def _number(score: Any) -> float:
    return float(max(score)) if isinstance(score, list) else float(score)


@record
class Finding:
    """A guardrail that is certainly crossed, why, and the counts it rests on."""

    guardrail: Guardrail
    reason: Reason
    evidence: Mapping[str, float]


class Judge:
    """Looks at one version beside the one it is compared with, as often as one likes.

    Errors and scores that are no number are tested by bounds that hold at all times (beta-binomial mixtures, half of alpha for each of
    the two versions); latency and drift at numbers of requests that grow by a quarter each time, with alpha spent over all of them.
    A champion is compared with a version that answers nobody, which only a shadow's work can time: by rows that were asked alone.
    """

    def __init__(self, version: int, role: Arm, ours: Counts, beside: int, theirs: Counts, rails: Guardrails) -> None:
        self.version, self.role, self.beside = version, role, beside
        self.ours, self.theirs, self.rails = ours, theirs, rails
        self._looks = {"latency": (0, 0.0), "score_drift": (0, 0.0)}

    def p99(self) -> float | None:
        """The 99th percentile of the other's seconds as it looks; None while hardly anything is known."""
        return _quantile(self._times(self.theirs), _SHARE)

    def guards(self, kind: Guardrail) -> bool:
        """Whether a failure of this kind counts."""
        return (self.rails.nan if kind == "nan" else self.rails.errors) is not None

    def in_a_row(self, kind: Guardrail) -> Finding | None:
        """What a run of failures says, the last of this kind; it is over with the first answer."""
        if self.ours.running() < RUN or not self.guards(kind):
            return None
        reason = because("guardrail.run", version=self.version, number=self.ours.run, kind=kind, beside=self.beside)
        return Finding(guardrail=kind, reason=reason, evidence={"in_a_row": float(self.ours.run), **self._counted()})

    def look(self) -> Finding | None:
        """The first guardrail that is certainly crossed."""
        keep = self.rails.score_drift is not None
        self.ours.fold(keep_scores=keep)
        self.theirs.fold(keep_scores=keep)
        if self.ours.requests < self.rails.min_requests:
            return None
        return self._share("errors", self.rails.errors) or self._share("nan", self.rails.nan) or self._latency() or self._drift()

    def _share(self, kind: Literal["errors", "nan"], margin: float | None) -> Finding | None:
        if margin is None:
            return None
        hits, beside = (self.ours.nan, self.theirs.nan) if kind == "nan" else (self.ours.failed, self.theirs.failed)
        of, beside_of = self.ours.requests, self.theirs.requests
        if not hits or hits / of <= margin + (beside / beside_of if beside_of else 0.0):
            return None
        alpha = self.rails.alpha / 2
        # the version before a watched champion answers nobody, so little is known of it: it counts as one that does not fail
        known = self.role == "challenger" or beside_of >= self.rails.min_requests
        upper = rate_upper(beside, beside_of, alpha) if known else 0.0
        lower = rate_lower(hits, of, alpha)
        if lower <= upper + margin:
            return None
        reason = because(
            f"guardrail.{kind}", version=self.version, share=hits / of, lower=lower, beside=self.beside, upper=upper, margin=margin
        )
        return Finding(guardrail=kind, reason=reason, evidence={"lower": lower, "upper": upper, **self._counted()})

    def _latency(self) -> Finding | None:
        times = self.rails.latency
        ours, theirs = self._times(self.ours), self._times(self.theirs)
        number, beside = int(ours.sum()), int(theirs.sum())
        if times is None or number < self.rails.min_requests or beside < _NEEDED:
            return None
        alpha = self._spend("latency", number + beside)
        bucket = None if alpha is None else quantile_upper(theirs, _SHARE, alpha)
        if alpha is None or bucket is None or bucket >= len(EDGES):
            return None
        upper = float(EDGES[bucket])
        lower = float(EDGES[max(0, quantile_lower(ours, _SHARE, alpha) - 1)])
        if lower <= times * upper or lower - upper <= _SLOWER:
            return None
        reason = because("guardrail.latency", version=self.version, lower=lower * 1000, beside=self.beside, upper=upper * 1000, times=times)
        return Finding(guardrail="latency", reason=reason, evidence={"lower": lower, "upper": upper, **self._counted()})

    def _times(self, counts: Counts) -> Buckets:
        return counts.alone if self.role == "champion" else counts.buckets

    def _drift(self) -> Finding | None:
        most = self.rails.score_drift
        if most is None or self.theirs.requests < self.rails.min_requests:
            return None
        edges = self.theirs.edges()
        alpha = None if edges is None else self._spend("score_drift", self.ours.requests + self.theirs.requests)
        if alpha is None:
            return None
        distance = distance_lower(self.ours.score_buckets(edges), self.theirs.score_buckets(edges), 2 * alpha)
        if distance <= most:
            return None
        reason = because("guardrail.score_drift", version=self.version, lower=distance, beside=self.beside, most=most)
        return Finding(guardrail="score_drift", reason=reason, evidence={"lower": distance, **self._counted()})

    def _spend(self, what: str, number: int) -> float | None:
        """What one side of the next look may use of alpha; None if there is too little new to look at."""
        look, least = self._looks[what]
        if number < least:
            return None
        self._looks[what] = look + 1, number * _GROWTH
        return spent(self.rails.alpha / 2, look + 1)

    def _counted(self) -> dict[str, float]:
        return {
            "requests": float(self.ours.requests),
            "failed": float(self.ours.failed),
            "nan": float(self.ours.nan),
            "beside_requests": float(self.theirs.requests),
            "beside_failed": float(self.theirs.failed),
            "beside_nan": float(self.theirs.nan),
        }
