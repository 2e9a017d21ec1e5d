"""Rows of two arms for tests: who answered, what came of it, as the log gives them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from flyball.core.reason import because
from flyball.core.window import from_micros, to_micros
from flyball.journal.events import RolloutStarted
from flyball.journal.known import Phase
from flyball.loop.world import World
from flyball.monitoring.arms import ArmsRules, arms_evidence
from flyball.monitoring.records import ArmsEvidence
from flyball.serving.records import LoggedRows, Outcome
from flyball.stats.assignment import bucket
from flyball.testing.samples import predictions

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400_000_000
HALF = (Phase(since=START, share=0.5),)
RULES: dict[str, Any] = {
    "metric": "brier",
    "task": "binary",
    "classes": (0, 1),
    "thresholds": (0.5, 0.5),
    "versions": (4, 3),
    "alpha": 0.05,
    "no_outcome": "exclude",
    "block": "day",
}


def rules(**changes: Any) -> ArmsRules:
    """The rules of a comparison of versions 4 and 3 by Brier and by days, but for these changes."""
    return ArmsRules(**{**RULES, **changes})


def rollout(
    seed: int = 0,
    *,
    days: int = 10,
    rows: int = 400,
    units: int = 100_000,
    worse: float = 0.0,
    phases: Sequence[Phase] = HALF,
    lost: float = 0.0,
    unlabelled: tuple[float, float] = (0.0, 0.0),
    hours: tuple[float, float] = (1.0, 1.0),
    value: bool = False,
) -> tuple[LoggedRows, LoggedRows]:
    """Challenger and champion on units of their own: the challenger's probabilities are off by noise of size `worse` more.

    `lost`: the share of the challenger's rows that never reach the log; `unlabelled`: of rows without a label, `hours`: how long labels
    take on average, champion first.
    """
    chance = np.random.default_rng(seed)
    n = days * rows
    at = to_micros(START) + np.sort(chance.integers(0, days * DAY, n))
    unit = chance.integers(0, units, n)
    starts = [to_micros(phase.since) for phase in phases]
    share = np.array([phase.share for phase in phases])[np.searchsorted(starts, at, side="right") - 1]
    place = {one: bucket(f"u{one}", f"s{seed}") for one in set(unit.tolist())}
    challenger = np.array([place[one] for one in unit.tolist()]) < share
    truth = chance.random(n) < 0.3
    noise = np.where(challenger, 0.1 + worse, 0.1)
    score = np.clip(np.where(truth, 0.6, 0.3) + chance.normal(0, 1, n) * noise, 0, 1)
    side = challenger.astype(int)
    actual: np.ndarray[Any, np.dtype[np.object_]] = truth.astype(int).astype(object)
    actual[chance.random(n) < np.array(unlabelled)[side]] = None
    lag = chance.exponential(np.array(hours)[side]) * 3_600_000_000
    keep = ~challenger | (chance.random(n) >= lost)
    whole = LoggedRows(
        prediction_id=np.array([f"p{one}" for one in range(n)], dtype=object),
        at=at.astype(np.int64),
        day=(at // DAY).astype(np.int64),
        unit=np.array([f"u{one}" for one in unit.tolist()], dtype=object),
        entity=np.full(n, None, dtype=object),
        label=(score > 0.5).astype(int).astype(object),
        score=score,
        actual=actual,
        outcome_at=(at + lag).astype(np.int64),
        features=None,
        variant=np.where(challenger, "challenger", "champion").astype(object),
        propensity=np.where(challenger, share, 1 - share),
        value=np.where(actual == None, np.nan, 10.0 - 20.0 * (score - truth) ** 2) if value else None,  # noqa: E711 - elementwise
    )
    return whole.take(keep & challenger), whole.take(keep & ~challenger)


def look(first: LoggedRows, second: LoggedRows, phases: Sequence[Phase] = HALF, **changes: Any) -> ArmsEvidence:
    """What is known of the arms, all of it matured."""
    return arms_evidence(first, second, (first, second), phases, rules(**changes))


def steps(*shares: float, days: int = 3) -> tuple[Phase, ...]:
    """Phases of some days each."""
    return tuple(Phase(since=START + timedelta(days=days * number), share=share) for number, share in enumerate(shares))


def started(model: str = "churn", **changes: Any) -> RolloutStarted:
    """The rollout of version 2 against 1 that `rollout()` makes rows of."""
    given: dict[str, Any] = {
        "version": 2,
        "champion": 1,
        "strategy": "experiment",
        "metric": "brier",
        "spec_digest": "d",
        "start_at": START,
        "deadline_at": START + timedelta(days=30),
        "reason": because("rollout.start", version=2, champion=1, metric="brier", deadline="30d"),
        "share": 0.5,
    }
    return RolloutStarted(**{**given, **changes})


def log_rows(world: World, model: str, arms: Sequence[tuple[int, LoggedRows]], *, shadow: int = 0) -> None:
    """Log these rows as answers of their versions, with their outcomes; with `shadow`, the same rows scored by that version too."""
    for version, rows in arms:
        assert rows.variant is not None and rows.propensity is not None
        times = [from_micros(int(at)) for at in rows.at]
        names = rows.prediction_id.tolist()
        batch = {"model": model, "version": version, "unit": rows.unit.tolist(), "score": rows.score.tolist()}
        if shadow:
            close = np.clip(rows.score + np.random.default_rng(1).normal(0.0, 0.03, len(names)), 0, 1).tolist()
            world.predictions.add(predictions(names, at=times, **batch, propensity=[None] * len(names)))
            other = {**batch, "version": shadow, "score": close}
            world.predictions.add(predictions(names, at=times, **other, shadow=True, features=None, propensity=[None] * len(names)))
        else:
            variant, propensity = rows.variant.tolist(), rows.propensity.tolist()
            world.predictions.add(predictions(names, at=times, **batch, variant=variant, propensity=propensity))
        known = zip(names, rows.actual.tolist(), rows.outcome_at.tolist(), strict=True)
        told = [Outcome(actual=actual, at=from_micros(at), prediction_id=name) for name, actual, at in known if actual is not None]
        world.outcomes.take(model, told, within=timedelta(days=3650))
