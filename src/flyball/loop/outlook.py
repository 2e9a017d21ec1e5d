"""What the project's rollout will take, before it starts: rows and days to a decision, and whether it can decide at all in time."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np

from flyball.core.errors import FlyballError
from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.window import Window
from flyball.data.snapshot import micros
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.monitoring.arms import VALUE
from flyball.monitoring.performance import judged
from flyball.ports.history import PredictionLog
from flyball.ports.serving import BundleStore
from flyball.serving.records import LoggedRows, Maturity
from flyball.spec.records import RolloutSpec, Spec
from flyball.stats.planning import Noise, Prospects, Traffic, days_to_find
from flyball.stats.scores import METRICS, loss_for

# Of the log so many days count.
PAST = timedelta(days=28)
# The spread of daily differences between two versions, as a part of the loss, where none was compared yet.
PRIOR_SPREAD = 0.05
# Gains as parts of today's loss: one worth having, and one that no model brings: what cannot even see that cannot decide.
WORTHWHILE = 0.05
IMPOSSIBLE = 0.5
_DAY = timedelta(days=1)


@record
class Basis:
    """What is known of traffic and losses. `rows`, `units`: labelled rows and different units of a day; `days`: of how many days.

    `loss`, `spread`: mean and standard deviation of one row's loss, None where nothing was scored. `daily`: the standard deviation of
    daily differences between two versions, of `daily_days` held-out days (0: taken as `PRIOR_SPREAD` of the loss).
    """

    rows: float
    units: float
    days: int
    logged: bool
    loss: float | None
    spread: float | None
    daily: float | None
    daily_days: int


@record
class Outlook:
    """What a rollout will take, in sentences; `numbers` for programs. `refusal`: why it cannot decide in time, and what to change."""

    sentences: tuple[Reason, ...]
    numbers: Mapping[str, float | None]
    refusal: Reason | None = None


def logged_basis(log: PredictionLog, bundles: BundleStore, spec: Spec, state: State, memory: Memory, now: datetime) -> Basis | None:
    """What the champion's matured rows of the last weeks say; None if there are none."""
    if state.champion is None:
        return None
    window = Window(start=now - PAST - spec.data.matures, end=now)
    maturity = Maturity(age=spec.data.matures, by=now)
    rows = memory.matured(log, state.model, state.champion, window, maturity, compared=True)
    losses = None if not len(rows.at) else _losses(rows, bundles, spec, state, memory)
    if losses is None or not len(losses):
        return None
    days = int(rows.day.max() - rows.day.min()) + 1
    named = {unit for unit in rows.unit.tolist() if unit is not None}
    loss, (daily, held) = float(losses.mean()), _daily(spec, state)
    return Basis(
        rows=len(losses) / days,
        units=(len(named) or len(losses)) / days,
        days=days,
        logged=True,
        loss=loss,
        spread=float(losses.std()),
        daily=daily,
        daily_days=held,
    )


def data_basis(table: Table, spec: Spec, state: State) -> Basis | None:
    """What the rows of the training data say of traffic; None without a time. Losses are those of the champion's held-out rows."""
    if spec.data.time is None or spec.data.time not in table or table[spec.data.time].dtype.kind != "M":
        return None
    times = table[spec.data.time]
    at = micros(times[~np.isnat(times)])
    if not len(at):
        return None
    days = int((at.max() - at.min()) // 86_400_000_000) + 1
    units = len(set(table[spec.data.unit].tolist())) if spec.data.unit is not None and spec.data.unit in table else len(at)
    loss = None
    if state.champion is not None:
        loss = _loss_of(spec.rollout.metric, state.versions[state.champion].registered.metrics.get(spec.rollout.metric))
    daily, held = _daily(spec, state)
    return Basis(
        rows=len(at) / days,
        units=units / days,
        days=days,
        logged=False,
        loss=loss,
        spread=None if loss is None else _typical_spread(spec, loss),
        daily=daily,
        daily_days=held,
    )


def outlook(spec: Spec, basis: Basis | None) -> Outlook:
    """What the spec's rollout will take, given what is known."""
    rollout = spec.rollout
    if rollout.strategy == "immediate":
        return Outlook(sentences=(), numbers={})
    if basis is None:
        return Outlook(sentences=(because("plan.unknown"),), numbers={})
    days = int((rollout.deadline - spec.data.matures) / _DAY)
    late, share = _share(rollout)
    arms = rollout.strategy != "shadow"
    traffic = Traffic(rows=basis.rows, units=basis.units, share=share)
    told: list[Reason] = [
        because("plan.basis_log" if basis.logged else "plan.basis_data", rows=round(basis.rows * basis.days), days=basis.days)
    ]
    numbers: dict[str, float | None] = {"rows_per_day": basis.rows, "days": days, "rows": basis.rows * days}
    if basis.loss is None or basis.spread is None:
        told.append(because("plan.no_loss", metric=rollout.metric, rows=basis.rows * days, days=days))
        return Outlook(sentences=tuple(told), numbers=numbers)
    noise = Noise(row=basis.spread, day=basis.daily if basis.daily is not None else PRIOR_SPREAD * abs(basis.loss))
    told.append(
        because("plan.spread_known", days=basis.daily_days) if basis.daily_days else because("plan.spread_prior", part=PRIOR_SPREAD)
    )
    block = rollout.block if arms else None
    prospects = Prospects(noise, traffic, block, alpha=rollout.alpha, min_days=rollout.min_days)
    found = prospects(days - late)
    numbers |= {"detectable": found.detectable, "blocks": found.blocks, "loss": basis.loss}
    if found.detectable is None or (found.detectable > IMPOSSIBLE * abs(basis.loss) and rollout.metric != VALUE):
        return Outlook(sentences=tuple(told), numbers=numbers, refusal=_refusal(spec, prospects, found.detectable, basis, late))
    units = found.blocks if block == "unit" else 0
    about: dict[str, Value] = {"days": days, "rows": basis.rows * days, "metric": rollout.metric, "gain": found.detectable}
    more: dict[str, Value] = {"share": share, "units": units, "days_of": 0 if units else found.blocks} if arms else {}
    told.append(because("plan.arms" if arms else "plan.paired", **about, **more))
    soon = days_to_find(WORTHWHILE * abs(basis.loss), prospects)
    worth: dict[str, Value] = {"part": WORTHWHILE, "metric": rollout.metric, "gain": WORTHWHILE * abs(basis.loss)}
    if soon is None:
        told.append(because("plan.long", **worth, longest=366))
    else:
        told.append(because("plan.soon", **worth, days=soon + late, rows=basis.rows * (soon + late)))
    numbers |= {"days_to_worthwhile": None if soon is None else soon + late, "worthwhile": WORTHWHILE * abs(basis.loss)}
    return Outlook(sentences=tuple(told), numbers=numbers)


def _refusal(spec: Spec, prospects: Prospects, detectable: float | None, basis: Basis, late: int) -> Reason:
    """Why it cannot decide, with what to write instead: a later deadline, a larger share, or units as blocks."""
    rollout = spec.rollout
    assert basis.loss is not None
    needed = days_to_find(IMPOSSIBLE * abs(basis.loss), prospects)
    way = "deadline" if needed is not None else "share" if rollout.strategy != "shadow" and _share(rollout)[1] < 0.5 else "traffic"
    days = 0 if needed is None else needed + late + int(-(-spec.data.matures // _DAY))
    return because(
        f"plan.refused_{way}",
        strategy=rollout.strategy,
        rows=basis.rows,
        share=_share(rollout)[1],
        gain=detectable,
        metric=rollout.metric,
        loss=basis.loss,
        deadline=rollout.deadline / _DAY,
        days=days,
    )


def _share(rollout: RolloutSpec) -> tuple[int, float]:
    """After how many days the challenger has the share at which most of the evidence comes, and that share."""
    match rollout.strategy:
        case "canary":
            last = min(rollout.steps[-1], rollout.share) if rollout.share > rollout.steps[0] else rollout.steps[-1]
            return int(rollout.hold * (len(rollout.steps) - 1) / _DAY), last
        case "bandit":
            return 0, rollout.steps[0] if rollout.steps else rollout.floor
        case "experiment":
            return 0, rollout.share
        case _:
            return 0, 1.0


def _losses(
    rows: LoggedRows, bundles: BundleStore, spec: Spec, state: State, memory: Memory
) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    if spec.rollout.metric == VALUE:
        return None if rows.value is None else np.asarray(rows.value[np.isfinite(rows.value)])
    assert state.champion is not None
    try:
        manifest, _ = memory.bundle(bundles, state.versions[state.champion].registered.bundle)
    except FlyballError:
        return None
    kept = judged(rows, manifest.classes, spec.data.no_outcome)
    return np.asarray(loss_for(spec.rollout.metric, spec.model.task)(kept.truth, kept.score, manifest.threshold))


def _daily(spec: Spec, state: State) -> tuple[float | None, int]:
    """The spread of daily differences on the held-out days of the newest version that has some."""
    for number in sorted(state.versions, reverse=True):
        made = state.versions[number].registered
        if made.head_start_metric == spec.rollout.metric and len(made.head_start) >= 3:
            gains = np.array([one.gain for one in made.head_start])
            return float(gains.std(ddof=1)), len(gains)
    return None, 0


def _loss_of(metric: str, value: float | None) -> float | None:
    """The mean loss behind a metric's value: an accuracy of .97 is an error of .03."""
    return value if value is None or metric == VALUE or METRICS[metric].mean_of >= 0 else 1 - value


def _typical_spread(spec: Spec, loss: float) -> float:
    """The spread of a row's loss where only its mean is known: of 0 and 1 exactly, of other losses as large as the mean."""
    if spec.rollout.metric in ("error", "accuracy"):
        return float(np.sqrt(max(loss * (1 - loss), 1e-12)))
    return abs(loss)
