"""What the experiment page shows of the journal: a comparison as a row, the gate before it, and its guardrails."""

from collections.abc import Sequence
from datetime import datetime

from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.evaluation.records import Check
from flyball.evaluation.replay_gate import NAME as REPLAY
from flyball.journal.events import Entry, Promoted, RolloutEnded
from flyball.journal.explain import registered
from flyball.loop.experiment import ExperimentView, Trial
from flyball.serving.records import Trip
from flyball.spec.records import Strategy


@record
class Row:
    """A comparison in one line; the numbers are those it was decided on, of one that runs those so far, None where there are none."""

    version: int
    champion: int
    strategy: Strategy
    metric: str
    start: datetime
    end: datetime | None
    verdict: Verdict
    gain: float | None
    lower: float | None
    upper: float | None
    rows: int | None
    blocks: int | None


@record
class Guard:
    """A guardrail: its limit (None: not guarded) and the first time it acted on either version."""

    name: str
    limit: float | None
    trip: Trip | None


@record
class Gate:
    """What the gate said of a version before it was compared: replays of logged requests, and everything else."""

    verdict: Verdict
    replay: tuple[Check, ...]
    others: tuple[Check, ...]


def row_of(one: Trial, view: ExperimentView | None) -> Row:
    """A comparison as the journal tells it, with the figures of a view where it has some."""
    event = None if one.end is None else one.end.event
    told = dict(event.evidence) if isinstance(event, RolloutEnded) else {}
    verdict = event.verdict if isinstance(event, RolloutEnded) else Verdict.PASS if isinstance(event, Promoted) else Verdict.UNDECIDED
    if view is not None and one.end is None:
        verdict = view.verdict
    found = None if view is None else view.evidence
    rows, blocks = told.get("rows"), told.get("blocks")
    return Row(
        version=one.rollout.version,
        champion=one.rollout.champion,
        strategy=one.rollout.strategy,
        metric=one.rollout.metric,
        start=one.rollout.start_at,
        end=None if one.end is None else one.end.at,
        verdict=verdict,
        gain=told.get("gain") if found is None else found.gain,
        lower=told.get("lower") if found is None else found.lower,
        upper=told.get("upper") if found is None else found.upper,
        rows=(None if rows is None else int(rows)) if found is None else found.rows,
        blocks=(None if blocks is None else int(blocks)) if found is None else found.blocks,
    )


def gate_of(entries: Sequence[Entry], one: Trial) -> Gate | None:
    """The gate of the version of a comparison."""
    made = registered(entries, one.rollout.version)
    if made is None:
        return None
    checks = made.gate.checks
    return Gate(
        verdict=made.gate.verdict,
        replay=tuple(check for check in checks if check.metric == REPLAY),
        others=tuple(check for check in checks if check.metric != REPLAY),
    )


def guards_of(one: Trial, trips: Sequence[Trip]) -> tuple[Guard, ...]:
    """Every guardrail of a comparison, those that are off as well; nothing where its start does not say which it had."""
    limits = one.rollout.guardrails
    if limits is None:
        return ()
    pairs = (("errors", limits.errors), ("nan", limits.nan), ("latency", limits.latency), ("score_drift", limits.score_drift))
    return tuple(
        Guard(name=name, limit=limit, trip=next((trip for trip in trips if trip.guardrail == name), None)) for name, limit in pairs
    )
