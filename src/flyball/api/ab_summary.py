"""What logged A/B results say: the two arms, the gain of B with bounds valid at any time, and whether the split is right."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from flyball.api.ab import ABResult, ab_results, unit_of
from flyball.api.view import View
from flyball.core.errors import DataError, NotFoundError, UsageError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.schema import did_you_mean
from flyball.core.verdict import Verdict
from flyball.stats.arms import MIN_UNITS, Arms, Spread, by_unit
from flyball.stats.sequential import ratio_evidence
from flyball.words.sentences import Language, sentence

SPLIT_ALPHA = 0.0005
"""The always-valid p-value under which the split is not what the ratio says, as in a rollout of the loop."""

Loss = Callable[[Any, Any], float]
LossName = Literal["error", "brier", "squared_error", "absolute_error"]


@record
class ABArm:
    """One arm. `mean`: of the loss over its results with an outcome; None without any. `waiting`: results whose outcome is None."""

    version: Any
    results: int
    users: int
    waiting: int
    mean: float | None


@record
class ABSummary:
    """A against B so far. `gain`: how much smaller the loss of B is. `lower`, `upper`: each one-sided at alpha / 2, together at alpha.

    `split_p`: always-valid p-value that users are split as `ratio` says. `verdict`: pass if B is certainly better, fail if it is certainly
    worse, else undecided, always so when the split is wrong.
    """

    a: ABArm
    b: ABArm
    loss: str
    gain: float | None
    lower: float | None
    upper: float | None
    split_p: float
    verdict: Verdict
    reason: Reason


def ab_summary(
    database: str | Path | None = None,
    *,
    a: object = "A",
    b: object = "B",
    ratio: float = 0.5,
    loss: LossName | Loss = "error",
    alpha: float = 0.05,
    since: datetime | None = None,
    language: Language = "en",
) -> View:
    """What the results in a database of `log_ab_result` say of model version `b` against `a`; the value is an `ABSummary`.

    `a`, `b`: what was logged as `model_version`. `ratio`: the router's share of users for B. `loss(prediction, actual)` is what a result
    cost, smaller is better: `error` (1 where they differ), `brier` (the prediction is the probability of the outcome 1), `squared_error`,
    `absolute_error`, or a function; for a gain such as revenue, return its negative. A user is one unit however many results there are.
    `since`: look only at later results, as from the moment the ratio was changed.

    The bounds may be looked at after every result (Waudby-Smith and others, arXiv 2103.06476); there are none before each arm has 50
    users. The split is tested after Lindon and Malek (2022). NotFoundError if nothing was logged for one of the versions, DataError for a
    result the loss cannot be computed of.
    """
    if not 0 < ratio < 1 or not 0 < alpha < 1:
        raise UsageError(f"ratio={ratio!r}, alpha={alpha!r}: both lie between 0 and 1", hint="ratio is the router's share of users for B")
    if since is not None and since.tzinfo is None:
        raise UsageError(f"the time {since.isoformat()} has no zone", hint="write for example datetime(2026, 1, 31, tzinfo=UTC)")
    name, cost = _loss(loss)
    arms = [_of(ab_results(database), version, since) for version in (a, b)]
    for version, found in zip((a, b), arms, strict=True):
        if not found:
            raise NotFoundError(f"no result of model version {version!r} was logged", hint=_logged(database))
    told = [(arm, [_cost(cost, one) for one in arm if one.actual is not None]) for arm in arms]
    summary = _summary(told, [a, b], ratio, name, alpha)
    rows = tuple((which, one.version, one.users, one.results, one.waiting, one.mean) for which, one in (("A", summary.a), ("B", summary.b)))
    head = ("arm", "version", "users", "results", "without outcome", f"mean {name}")
    return View(title=sentence(summary.reason, language), head=head, lines=rows, value=summary)


def _summary(
    told: Sequence[tuple[Sequence[ABResult], list[float]]], versions: Sequence[object], ratio: float, name: str, alpha: float
) -> ABSummary:
    arms = [
        ABArm(
            version=version,
            results=len(found),
            users=len({unit_of(one.user_id) for one in found}),
            waiting=len(found) - len(costs),
            mean=math.fsum(costs) / len(costs) if costs else None,
        )
        for version, (found, costs) in zip(versions, told, strict=True)
    ]
    split = ratio_evidence([arms[0].users, arms[1].users], [1 - ratio, ratio])
    spread = by_unit(_arrays(told))
    lower, upper = spread.bounds(alpha / 2)
    verdict, reason = _verdict(arms, spread, (lower, upper), ratio, split, name)
    gain = spread.gain if spread.rows else None
    return ABSummary(a=arms[0], b=arms[1], loss=name, gain=gain, lower=lower, upper=upper, split_p=split, verdict=verdict, reason=reason)


def _verdict(
    arms: Sequence[ABArm], spread: Spread, bounds: tuple[float | None, float | None], ratio: float, split: float, name: str
) -> tuple[Verdict, Reason]:
    lower, upper = bounds
    users = [one.users for one in arms]
    if split < SPLIT_ALPHA:
        found = users[1] / sum(users)
        return Verdict.UNDECIDED, because("ab.split", a=users[0], b=users[1], found=found, ratio=ratio, p=split)
    if lower is None or upper is None:
        return Verdict.UNDECIDED, because("ab.few", users=spread.blocks, rows=spread.rows, needed=MIN_UNITS)
    values: Mapping[str, Any] = {"loss": name, "gain": spread.gain, "lower": lower, "upper": upper, "users": spread.blocks}
    if lower > 0:
        return Verdict.PASS, because("ab.better", **values)
    if upper < 0:
        return Verdict.FAIL, because("ab.worse", **values)
    return Verdict.UNDECIDED, because("ab.undecided", **values)


def _arrays(told: Sequence[tuple[Sequence[ABResult], list[float]]]) -> Arms:
    known = [(one, side) for side, (found, _) in enumerate(told) for one in found if one.actual is not None]
    codes: dict[str, int] = {}
    units = [codes.setdefault(unit_of(one.user_id), len(codes)) for one, _ in known]
    nothing = np.zeros(len(known), dtype=np.int64)
    return Arms(
        loss=np.array([cost for _, costs in told for cost in costs], dtype=np.float64),
        challenger=np.array([side == 1 for _, side in known], dtype=np.bool_),
        phase=nothing,
        day=nothing,
        unit=np.array(units, dtype=np.int64),
    )


def _of(results: Sequence[ABResult], version: object, since: datetime | None) -> list[ABResult]:
    return [one for one in results if one.model_version == version and (since is None or one.at >= since)]


def _logged(database: str | Path | None) -> str:
    versions = sorted({repr(one.model_version) for one in ab_results(database)})
    return f"versions in the database: {', '.join(versions[:10]) or 'none'}; name them: ab_summary(a=..., b=...)"


def _loss(loss: LossName | Loss) -> tuple[str, Loss]:
    known: Mapping[str, Loss] = {
        "error": lambda said, was: float(said != was),
        "brier": lambda said, was: (_probability(said) - float(was)) ** 2,
        "squared_error": lambda said, was: float(said - was) ** 2,
        "absolute_error": lambda said, was: abs(float(said - was)),
    }
    if callable(loss):
        return getattr(loss, "__name__", "loss").strip("<>"), loss
    if loss not in known:
        raise UsageError(f"there is no loss {loss!r}{did_you_mean(str(loss), known)}", hint=f"losses: {', '.join(known)}, or a function")
    return loss, known[loss]


def _probability(said: Any) -> float:
    if not 0 <= said <= 1:
        raise ValueError(f"{said!r} is no probability")
    return float(said)


def _cost(loss: Loss, one: ABResult) -> float:
    try:
        cost = float(loss(one.prediction, one.actual))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise DataError(
            f"the loss of user {one.user_id!r} (prediction {one.prediction!r}, actual {one.actual!r}) cannot be computed: {error}",
            hint="choose another: loss='error', or a function of prediction and actual",
        ) from error
    if not math.isfinite(cost):
        raise DataError(f"the loss of user {one.user_id!r} is {cost}, which is not a finite number")
    return cost
