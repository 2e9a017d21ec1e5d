"""Analysis of a rollout with traffic: two arms of units split at random, by days or by units, valid however often one looks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.window import to_micros
from flyball.monitoring.alike import Labels, alike, mismatch, ratio_p
from flyball.monitoring.performance import Judged, NoOutcome, judged
from flyball.monitoring.records import ArmFigures, ArmsEvidence, FixedHorizon
from flyball.serving.records import Label, LoggedRows
from flyball.spec.records import Task
from flyball.stats.arms import Arms, BlockKind, Spread, spread_of
from flyball.stats.bandit import beta_superiority, posterior
from flyball.stats.losses import Floats
from flyball.stats.scores import loss_for

# The metric told with each outcome: larger is better, where every other one here is a loss.
VALUE = "value"
_SIDES = ("champion", "challenger")
_MICRO = 1_000_000
# Shares are ten thousandths; a propensity went through a log as text or a float.
_SAME_SHARE = 1e-6


class Stretch(Protocol):
    """A stretch of a rollout in which the challenger answered one share of the units."""

    @property
    def since(self) -> datetime:
        """When it began; it lasts until the next begins."""
        ...

    @property
    def share(self) -> float:
        """The challenger's share."""
        ...


@record
class ArmsRules:
    """What arms are judged by. `versions`: challenger and champion; `threshold`: theirs, in this order. `alpha`: of each bound.

    `metric`: `value`, or the mean of a per-row loss. `timed`: the data have a time, so that days may differ.
    """

    metric: str
    task: Task
    classes: Sequence[Label]
    thresholds: tuple[float, float]
    versions: tuple[int, int]
    alpha: float
    no_outcome: NoOutcome
    block: BlockKind


def of_arm(rows: LoggedRows, arm: str) -> LoggedRows:
    """The rows that belong to an arm. Testers (overrides), the holdback, rows that asked for a version or had no unit belong to none."""
    if rows.variant is None:
        return rows
    return rows.take(np.asarray(rows.variant == arm, dtype=np.bool_))


def arms_evidence(
    challenger: LoggedRows,
    champion: LoggedRows,
    assigned: tuple[LoggedRows, LoggedRows],
    phases: Sequence[Stretch],
    rules: ArmsRules,
) -> ArmsEvidence:
    """How much better the challenger did on its units than the champion on its own, and whether the two may be compared at all.

    `challenger`, `champion`: the matured rows that each version answered, of whole days, in any order; `assigned`: all rows that each
    answered so far, matured or not, in the same order. Rows that belong to no arm, and those no share drew (see `drawn`), are left out.
    `phases`: since when which share.

    Each phase is compared within itself and the differences are joined, so a share that moves while the days get better or worse makes
    no difference by itself; see `stats.arms` for blocks, weights and errors. A bound is one-sided at `alpha` over all looks together.

    A unit without a name (None) is one row. A unit that was moved to the other arm by a new share counts in both, each with the rows it
    was answered by, and as one unit when the error is reckoned. Trouble (nothing may be decided): units are not split as the shares
    say, or labels come to one arm more often, or later, than to the other, beyond what chance explains.
    """
    both, seen = drawn((champion, challenger), phases), drawn((assigned[1], assigned[0]), phases)
    names = _Names()
    found = [_judge(rows, rules, side) for side, rows in enumerate(both)]
    arms = _arms(found, both, phases, names)
    spread = spread_of(arms, rules.block)
    lower, upper = spread.bounds(rules.alpha)
    labels = _labels(both, phases, names, rules)
    split = _split(seen, phases, names)
    counted = labels if rules.no_outcome == "negative" else labels.take(labels.known)
    p, p_labelled = ratio_p(*split, _shares(phases)), ratio_p(counted.unit, counted.challenger, counted.at, counted.phase, _shares(phases))
    trouble = mismatch(p, p_labelled, split, counted, _shares(phases))
    if trouble is None and rules.no_outcome != "negative":
        trouble = alike(labels, rules.block)
    fixed = spread.fixed(rules.alpha)
    return ArmsEvidence(
        version=rules.versions[0],
        against=rules.versions[1],
        metric=rules.metric,
        gain=spread.gain,
        lower=lower,
        upper=upper,
        alpha=rules.alpha,
        rows=spread.rows,
        blocks=spread.blocks,
        live_blocks=spread.days,
        block=rules.block,
        champion=_figures(both[0], seen[0], found[0], rules, names),
        challenger=_figures(both[1], seen[1], found[1], rules, names),
        ratio_p=p,
        ratio_p_labelled=p_labelled,
        trouble=trouble,
        fixed=None if fixed is None else FixedHorizon(lower=fixed[0], upper=fixed[1], p_value=fixed[2]),
        preferred=preferred(arms, spread),
        phases=tuple(spread.phases.get(number) for number in range(len(phases))),
        answered=int((phase_of(seen[1], 1, phases) == len(phases) - 1).sum()),
    )


def preferred(arms: Arms, spread: Spread) -> float | None:
    """How probable it is that the challenger is the better one, knowing nothing before; None before anything is known of the error.

    Normal around the gain with its error over blocks. Where every loss is 0 or 1 and the share never moved, Beta posteriors of the two
    rates, with as many rows as they are worth if rows of a block are alike.
    """
    if spread.error is None:
        return None
    if spread.error == 0.0:
        return 0.5 if spread.gain == 0.0 else float(spread.gain > 0)
    if len(spread.phases) == 1 and np.isin(arms.loss, (0.0, 1.0)).all():
        sides = [arms.loss[~arms.challenger], arms.loss[arms.challenger]]
        plain = sum(float(side.var()) / len(side) for side in sides)
        worth = min(plain / spread.error**2, 1.0)
        one, two = ((1 + worth * float(side.sum()), 1 + worth * float(len(side) - side.sum())) for side in sides)
        return beta_superiority(two, one)  # the champion's rate of losses is the higher one
    return posterior(spread.gain, spread.error).chance


@record
class _Kept:
    """The rows of an arm that count: which of them, and their loss."""

    rows: NDArray[np.int64]
    loss: Floats


class _Names:
    """Units as whole numbers; a row without a unit is one of its own."""

    def __init__(self) -> None:
        self._place: dict[object, int] = {}

    def __call__(self, rows: LoggedRows) -> NDArray[np.int64]:
        names = (unit if unit is not None else (name,) for unit, name in zip(rows.unit.tolist(), rows.prediction_id.tolist(), strict=True))
        return np.fromiter((self._place.setdefault(name, len(self._place)) for name in names), dtype=np.int64, count=len(rows.at))


def _judge(rows: LoggedRows, rules: ArmsRules, side: int) -> _Kept:
    if rules.metric == VALUE:
        if rows.value is None:
            return _Kept(rows=np.zeros(0, dtype=np.int64), loss=np.zeros(0))
        told = np.flatnonzero(np.isfinite(rows.value))
        return _Kept(rows=told, loss=-rows.value[told])
    kept: Judged = judged(rows, rules.classes, rules.no_outcome)
    loss = loss_for(rules.metric, rules.task)(kept.truth, kept.score, rules.thresholds[1 - side])
    return _Kept(rows=kept.rows, loss=loss)


def _arms(found: Sequence[_Kept], both: Sequence[LoggedRows], phases: Sequence[Stretch], names: _Names) -> Arms:
    parts = [rows.take(_mask(kept.rows, len(rows.at))) for kept, rows in zip(found, both, strict=True)]
    return Arms(
        loss=np.concatenate([kept.loss for kept in found]),
        challenger=_sides(parts),
        phase=np.concatenate([phase_of(rows, side, phases) for side, rows in enumerate(parts)]),
        day=np.concatenate([rows.day for rows in parts]),
        unit=np.concatenate([names(rows) for rows in parts]),
    )


def _labels(both: Sequence[LoggedRows], phases: Sequence[Stretch], names: _Names, rules: ArmsRules) -> Labels:
    known = [
        np.isfinite(rows.value)
        if rules.metric == VALUE and rows.value is not None
        else np.fromiter((one is not None for one in rows.actual.tolist()), dtype=np.bool_, count=len(rows.actual))
        for rows in both
    ]
    return Labels(
        known=np.concatenate(known),
        lag=np.concatenate([(rows.outcome_at - rows.at) / _MICRO for rows in both]),
        challenger=_sides(both),
        phase=np.concatenate([phase_of(rows, side, phases) for side, rows in enumerate(both)]),
        day=np.concatenate([rows.day for rows in both]),
        unit=np.concatenate([names(rows) for rows in both]),
        at=np.concatenate([rows.at for rows in both]),
    )


Split = tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]


def _split(seen: Sequence[LoggedRows], phases: Sequence[Stretch], names: _Names) -> Split:
    return (
        np.concatenate([names(rows) for rows in seen]),
        _sides(seen),
        np.concatenate([rows.at for rows in seen]),
        np.concatenate([phase_of(rows, side, phases) for side, rows in enumerate(seen)]),
    )


def drawn(arms: tuple[LoggedRows, LoggedRows], phases: Sequence[Stretch]) -> tuple[LoggedRows, LoggedRows]:
    """Of what champion and challenger answered the rows whose arm was left to chance by the share of a phase.

    Only these say what an arm does, and how units were split. A server answers everybody by the champion until it has loaded a challenger,
    and again while a rollout is paused: such rows are logged as the champion's too, but with a propensity of no share, that is with none
    at all, or with how likely an answer was that is not held back.

    Where the challenger's rows have no propensity, they were made elsewhere, and phases are told by time alone.
    """
    champion, challenger = (of_arm(rows, arm) for rows, arm in zip(arms, _SIDES, strict=True))
    if len(challenger.at) and (challenger.propensity is None or np.isnan(challenger.propensity).all()):
        champion, challenger = replace(champion, propensity=None), replace(challenger, propensity=None)
    found = [rows.take(phase_of(rows, side, phases) >= 0) for side, rows in enumerate((champion, challenger))]
    return found[0], found[1]


def phase_of(rows: LoggedRows, side: int, phases: Sequence[Stretch]) -> NDArray[np.int64]:
    """The number of the phase of each row, by its time and its logged propensity; -1 where no share drew it.

    A server takes over a new share a moment after it was decided, so a row belongs to the newest phase that had begun and whose share its
    propensity is. Rows of a log that keeps no propensity are told by their time alone.
    """
    if not phases:
        raise DataError("arms cannot be analysed without the shares they were split by")
    starts = np.array([to_micros(phase.since) for phase in phases], dtype=np.int64)
    begun = np.clip(np.searchsorted(starts, rows.at, side="right") - 1, 0, None).astype(np.int64)
    if rows.propensity is None:
        return begun
    found = np.full(len(begun), -1, dtype=np.int64)
    for number, phase in enumerate(phases):
        if phase.share > 0.0:
            share = phase.share if side else 1 - phase.share
            found[(begun >= number) & (np.abs(rows.propensity - share) < _SAME_SHARE)] = number
    return found


def _shares(phases: Sequence[Stretch]) -> list[float]:
    return [phase.share for phase in phases]


def _sides(parts: Sequence[LoggedRows]) -> NDArray[np.bool_]:
    return np.repeat(np.array([False, True]), [len(rows.at) for rows in parts])


def _mask(rows: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=np.bool_)
    mask[rows] = True
    return mask


def _figures(matured: LoggedRows, seen: LoggedRows, kept: _Kept, rules: ArmsRules, names: _Names) -> ArmFigures:
    sign = -1.0 if rules.metric == VALUE else 1.0
    known = np.fromiter((one is not None for one in matured.actual.tolist()), dtype=np.bool_, count=len(matured.actual))
    lag = (matured.outcome_at[known] - matured.at[known]) / _MICRO
    return ArmFigures(
        rows=len(seen.at),
        units=len(np.unique(names(seen))),
        matured=len(matured.at),
        labelled=len(kept.rows),
        labelled_units=len(np.unique(names(matured)[kept.rows])),
        mean=sign * float(kept.loss.mean()) if len(kept.loss) else None,
        lag_median=float(np.median(lag)) if len(lag) else None,
    )
