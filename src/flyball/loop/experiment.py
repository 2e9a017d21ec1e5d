"""The rollout that runs, or the last one, as a person wants to see it: arms, gain and bounds over time, what may be decided, and when."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from flyball.core.errors import DataError, RefusedError
from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.core.window import Window, first_midnight, format_duration
from flyball.journal.events import Entry, Event, Promoted, RolloutEnded, RolloutStarted
from flyball.journal.explain import tell
from flyball.journal.known import Phase, State
from flyball.journal.moves import GuardrailTripped
from flyball.journal.state import fold
from flyball.loop.evidence.live import TRAFFIC, Rules, compare_arms, compare_live, head_start_of, rollout_evidence
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.records import ArmsEvidence, PairedEvidence
from flyball.serving.records import Trip
from flyball.spec.records import Spec
from flyball.stats.arms import DAY_TUNING, MIN_DAYS, MIN_UNITS, ROWS_OF_ARM, UNIT_TUNING, sequence_factor
from flyball.stats.sequential import block_sequence

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of how many looks the bounds are shown.
LOOKS = 28


@record
class Seen:
    """What was known at a time: the gain and its bounds, over so many blocks."""

    at: datetime
    gain: float
    lower: float | None
    upper: float | None
    blocks: int


@record
class OfDay:
    """The gain of one day alone, which is over and matured."""

    day: datetime
    gain: float
    rows: int


@record
class ExperimentView:
    """A rollout, running or ended (`ended_at`, `ended`: when and why), as of `at`.

    `evidence` None: nothing has matured, or the champion changed. `verdict` and `reason`: what the evidence alone says so far, and of a
    rollout that ended what the journal says; `pass`: certainly better, or not worse by the margin. `expected_at`: when it will be decided
    if the gain stays what it is; None: not before the deadline, or nobody can say. `earliest_at`: before that nothing is decided in
    favour, whatever the evidence says: days are missing, or steps of a canary.
    """

    model: str
    at: datetime
    rollout: RolloutStarted
    running: bool
    phases: tuple[Phase, ...]
    paused: Reason | None
    evidence: PairedEvidence | ArmsEvidence | None
    verdict: Verdict
    reason: Reason
    looks: tuple[Seen, ...]
    days: tuple[OfDay, ...]
    trips: tuple[Trip, ...]
    earliest_at: datetime
    expected_at: datetime | None
    ended_at: datetime | None = None
    ended: Reason | None = None


@record
class Trial:
    """A rollout as the journal tells it: when it was started and by which rules, and the entry that ended it (None: it runs)."""

    seq: int
    at: datetime
    rollout: RolloutStarted
    end: Entry | None


def trials(entries: Sequence[Entry]) -> tuple[Trial, ...]:
    """Every rollout there was, in order of time; only the last may still run."""
    found: list[Trial] = []
    for entry in entries:
        match entry.event:
            case RolloutStarted():
                found.append(Trial(seq=entry.seq, at=entry.at, rollout=entry.event, end=None))
            case RolloutEnded() | Promoted() if found and found[-1].end is None and entry.event.version == found[-1].rollout.version:
                found[-1] = replace(found[-1], end=entry)
            case _:
                pass
    return tuple(found)


def experiment_view(
    world: World,
    spec: Spec,
    state: State,
    memory: Memory,
    now: datetime,
    *,
    entries: Sequence[Entry] | None = None,
    looks: int = LOOKS,
    of: Trial | None = None,
) -> ExperimentView:
    """The rollout that runs, else the last that ended. RefusedError if there never was one.

    `entries`: the journal, if the caller has read it; `looks`: how many of the times it was looked at are reckoned again (0: none);
    `of`: that rollout instead of the last.
    """
    if state.rollout is not None and (of is None or of.end is None):
        return _view(world, spec, state, memory, now, None, looks)
    found = list(world.journal.read(state.model) if entries is None else entries)
    end = next((one.end for one in reversed(trials(found)) if one.end is not None), None) if of is None else of.end
    if end is None:
        raise RefusedError(
            f"no rollout of {state.model} has been started yet",
            hint="one starts when a new version has passed its gate and there is a champion: `flyball train`, then `flyball tick`",
        )
    before = [entry for entry in found if entry.seq < end.seq]
    view = _view(world, spec, fold(state.model, before), memory, min(end.at, now), end, looks)
    return _as_ended(view, end.event, world.guards.trips(state.model, since=view.rollout.start_at), [*before, end])


def so_far(evidence: PairedEvidence | ArmsEvidence | None, margin: float, matures: timedelta) -> tuple[Verdict, Reason]:
    """What the evidence of a rollout says by itself: certainly better, certainly worse, or not decided, and why."""
    if evidence is None or not evidence.rows:
        return Verdict.UNDECIDED, because("experiment.nothing", matures=format_duration(matures) if matures else "")
    trouble = evidence.trouble if isinstance(evidence, ArmsEvidence) else None
    if trouble is not None:
        return Verdict.UNDECIDED, trouble
    units = isinstance(evidence, ArmsEvidence) and evidence.block == "unit"
    blocks: dict[str, Value] = {"units": evidence.blocks, "days": 0} if units else {"units": 0, "days": evidence.blocks}
    if evidence.lower is None or evidence.upper is None:
        needed = MIN_UNITS if units else MIN_DAYS
        return Verdict.UNDECIDED, because("experiment.few", rows=evidence.rows, needed=needed, **blocks)
    told: dict[str, Value] = {
        "version": evidence.version,
        "against": evidence.against,
        "metric": evidence.metric,
        "gain": evidence.gain,
        "lower": evidence.lower,
        "upper": evidence.upper,
        "rows": evidence.rows,
        "margin": margin,
        **blocks,
    }
    if evidence.upper < 0:
        return Verdict.FAIL, because("experiment.worse", **told)
    if evidence.lower > 0:
        return Verdict.PASS, because("experiment.better", **told)
    if evidence.lower > -margin:
        return Verdict.PASS, because("experiment.not_worse", **told)
    return Verdict.UNDECIDED, because("experiment.undecided", **told)


def _view(world: World, spec: Spec, state: State, memory: Memory, at: datetime, end: Entry | None, looks: int) -> ExperimentView:
    rollout = state.rollout
    assert rollout is not None
    evidence = rollout_evidence(world, spec, state, memory, at)
    verdict, reason = so_far(evidence, rollout.margin, spec.data.matures)
    days = _matured_days(rollout, spec, at)
    earliest = _earliest(rollout, state.phases, spec.data.matures)
    awaited = end is None and verdict is Verdict.UNDECIDED and state.paused is None
    of_days = tuple(one for one in (_of_day(world, spec, state, memory, day, at) for day in days) if one is not None) if looks else ()
    return ExperimentView(
        model=state.model,
        at=at,
        rollout=rollout,
        running=end is None,
        phases=state.phases,
        paused=None if state.paused is None else state.paused.reason,
        evidence=evidence,
        verdict=verdict,
        reason=reason,
        looks=_looks(world, spec, state, memory, days, of_days, looks),
        days=of_days,
        trips=tuple(trip for trip in world.guards.trips(state.model, since=rollout.start_at) if trip.at <= at),
        earliest_at=earliest,
        expected_at=_expected(evidence, rollout, at, earliest) if awaited else None,
        ended_at=None if end is None else end.at,
        ended=None if end is None else tell(end).reason,
    )


def _as_ended(view: ExperimentView, end: Event, trips: Sequence[Trip], entries: Sequence[Entry]) -> ExperimentView:
    """The view of a rollout that is over: the verdict is the journal's, which may rest on more than the evidence (a guardrail, a person),
    and so are the trips: a server that replays has another clock than they have.
    """
    written = {
        (entry.event.version, entry.event.guardrail, entry.event.worker, entry.event.tripped_at)
        for entry in entries
        if isinstance(entry.event, GuardrailTripped) and entry.event.version == view.rollout.version
    }
    of_it = tuple(one for one in trips if one.at <= view.at or (one.version, one.guardrail, one.worker, one.at) in written)
    if isinstance(end, RolloutEnded) and end.verdict is not view.verdict:
        return replace(view, trips=of_it, verdict=end.verdict, reason=end.reason)
    return replace(view, trips=of_it)


def _matured_days(rollout: RolloutStarted, spec: Spec, at: datetime) -> list[Window]:
    """The days of the rollout, cut to it, that are over and matured."""
    start = rollout.start_at if rollout.strategy in TRAFFIC else first_midnight(rollout.start_at)
    if at <= start:
        return []
    days = Window(start=start, end=at).days()
    return [day for day in days if day.end.hour == day.end.minute == day.end.second == 0 and day.end + spec.data.matures <= at]


def _spread(days: Sequence[Window], looks: int) -> list[Window]:
    """At most so many of them, evenly, the last always."""
    if not looks:
        return []
    step = max(1, -(-len(days) // looks))
    return list(days[::-1][::step][::-1])


def _looks(
    world: World, spec: Spec, state: State, memory: Memory, days: Sequence[Window], of_days: Sequence[OfDay], looks: int
) -> tuple[Seen, ...]:
    """What was known when each of some days had matured. Paired days that are blocks by themselves need no second look at their rows."""
    rollout = state.rollout
    assert rollout is not None
    whole = len(of_days) == len(days) and all(one.rows >= ROWS_OF_ARM for one in of_days)
    if rollout.strategy in TRAFFIC or not whole or not spec.data.matures or rollout.champion != state.champion:
        found = [_seen(world, spec, state, memory, day.end + spec.data.matures) for day in _spread(days, looks)]
        return tuple(one for one in found if one is not None)
    head = [one for one in head_start_of(state, rollout) if one.rows]
    known = []
    for day in _spread(days, looks):
        live = [one for one in of_days if one.day < day.end]
        dates = {(one.day - _EPOCH).days for one in live}
        means = [one.gain for one in head if one.day not in dates] + [one.gain for one in live]
        bounds = block_sequence(np.array(means), alpha=rollout.alpha)
        at = day.end + spec.data.matures
        known.append(Seen(at=at, gain=bounds.mean, lower=bounds.lower, upper=bounds.upper, blocks=bounds.blocks))
    return tuple(known)


def _seen(world: World, spec: Spec, state: State, memory: Memory, at: datetime) -> Seen | None:
    evidence = rollout_evidence(world, spec, state, memory, at)
    if evidence is None or not evidence.rows:
        return None
    return Seen(at=at, gain=evidence.gain, lower=evidence.lower, upper=evidence.upper, blocks=evidence.blocks)


def _of_day(world: World, spec: Spec, state: State, memory: Memory, day: Window, at: datetime) -> OfDay | None:
    rollout = state.rollout
    assert rollout is not None
    found: PairedEvidence | ArmsEvidence
    try:
        if rollout.strategy in TRAFFIC:
            found = compare_arms(world, spec, state, replace(rollout, block="day"), memory, day, by=at)
        else:
            rules = Rules(metric=rollout.metric, alpha=rollout.alpha)
            found = compare_live(world, spec, state, memory, (rollout.version, rollout.champion), day, rules, by=at)
    except DataError:
        return None
    return OfDay(day=day.start, gain=found.gain, rows=found.rows) if found.rows else None


def _earliest(rollout: RolloutStarted, phases: Sequence[Phase], matures: timedelta) -> datetime:
    """When its least days are over and matured, and a canary's last step is held."""
    paired = rollout.strategy not in TRAFFIC  # the day it began counts with traffic only
    began = first_midnight(rollout.start_at) if paired else rollout.start_at.replace(hour=0, minute=0, second=0, microsecond=0)
    earliest = max(began + rollout.min_days * _DAY + matures, rollout.start_at)
    if rollout.strategy != "canary" or not phases:
        return earliest
    left = sum(step > phases[-1].share for step in rollout.steps)
    return max(earliest, phases[-1].since + (1 + left) * rollout.hold)


def _expected(
    evidence: PairedEvidence | ArmsEvidence | None, rollout: RolloutStarted, now: datetime, earliest: datetime
) -> datetime | None:
    """When a bound will have passed its line if the gain stays what it is and blocks come as they came; in favour never before `earliest`.

    None if that is after the deadline, and where trouble keeps everything from being decided.
    """
    if evidence is None or evidence.lower is None or evidence.upper is None or now <= rollout.start_at:
        return None
    if isinstance(evidence, ArmsEvidence) and evidence.trouble is not None:
        return None
    units = isinstance(evidence, ArmsEvidence) and evidence.block == "unit"
    tuning = UNIT_TUNING if units else DAY_TUNING
    half = (evidence.upper - evidence.lower) / 2
    past = (now - rollout.start_at) / _DAY
    blocks = float(evidence.blocks)
    first = float(sequence_factor(blocks, max(blocks - 1, 1.0), alpha=evidence.alpha, tuning=tuning))
    left = max((rollout.deadline_at - now) / _DAY, 0.0)
    for step in range(101):
        day = left * step / 100
        more = blocks * (1 + day / past)
        factor = float(sequence_factor(more, max(more - 1, 1.0), alpha=evidence.alpha, tuning=tuning))
        reach = half * factor / first * (blocks / more) ** 0.5
        if evidence.gain + reach < 0:
            return now + day * _DAY
        if evidence.gain - reach > -rollout.margin:
            found = max(now + day * _DAY, earliest)
            return found if found <= rollout.deadline_at else None
    return None
