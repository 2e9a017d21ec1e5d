"""What now: from what is known (state) and what was measured (evidence) to actions with reasons. Pure.

Order of one decision: close what ended → judge the rollout → judge the watch → give a passed candidate its chance → alerts → ask for a
training. Freezing stops everything that changes what serves or trains; alerts and the end of a running training are still written down.
"""

from collections.abc import Mapping
from datetime import datetime

from flyball.alerting.records import Alert
from flyball.core.reason import Reason, because
from flyball.core.verdict import Verdict
from flyball.core.window import format_duration
from flyball.journal.events import Cause
from flyball.journal.known import State
from flyball.loop.records import (
    Action,
    CloseTraining,
    EndRollout,
    EndWatch,
    Evidence,
    Notify,
    Promote,
    Resolve,
    Retrain,
    RollBack,
    StartRollout,
    Suppress,
)
from flyball.monitoring.records import PairedEvidence
from flyball.spec.records import Spec

# What part of the champion's rows a candidate may leave unscored: a swap in mid-request loses a few, a missing column all of some client's.
_MOST_MISSED = 0.01


def decide(state: State, evidence: Evidence, spec: Spec, *, now: datetime) -> list[Action]:
    """The actions to take now, in order. The same arguments give the same actions."""
    actions: list[Action] = []
    if evidence.finished is not None and state.running is not None:
        actions.append(CloseTraining(finished=evidence.finished))
    actions += _alerts(state, evidence)
    if state.frozen(now) is not None:
        return actions
    moves = _judge_watch(state, evidence, now) or _judge_rollout(state, evidence, now) or next_candidate(state, spec)
    actions += moves
    if not moves and evidence.finished is None:
        actions += _training(state, evidence, spec, now)
    return actions


def next_candidate(state: State, spec: Spec) -> list[Action]:
    """Give the newest version that its gate did not refuse, and that has not had its chance, its chance.

    Becoming the first champion and promotion on the gate alone need a pass. A live comparison answers nobody, so it may also settle
    what the gate left undecided for want of held-out days.
    """
    if state.rollout is not None or state.challenger is not None:
        return []  # one challenger at a time; one that a person staged stays until that person takes it away
    waiting = [number for number, known in state.versions.items() if not known.settled and number != state.champion]
    if not waiting:
        return []
    version = max(waiting)
    registered = state.versions[version].registered
    passed = registered.gate.verdict is Verdict.PASS
    if state.champion is None:
        if not passed:
            return []
        return [Promote(version=version, reason=because("promote.first", version=version), evidence={})]
    # drift alone, seen here or by others, never promotes by a gate: its candidate has to win on live rows
    moved = registered.cause in ("drift", "alert")
    if spec.rollout.strategy == "immediate" and (not moved or spec.model.influences_outcome):
        if not passed or registered.compared_with != state.champion:
            return []
        return [Promote(version=version, reason=because("promote.gate", version=version, champion=state.champion), evidence={})]
    reason = because(
        "rollout.start" if passed else "rollout.start_undecided",
        version=version,
        champion=state.champion,
        metric=spec.rollout.metric,
        deadline=format_duration(spec.rollout.deadline),
    )
    return [StartRollout(version=version, reason=reason)]


def signals(evidence: Evidence) -> Mapping[str, Reason]:
    """What is certainly wrong now: alert key → reason."""
    found = {f"drift:{name}": column.reason for name, column in evidence.drift.items() if column.state == "drift"}
    if evidence.floor is not None and evidence.floor.verdict is Verdict.FAIL and evidence.performance is not None:
        found[f"performance:{evidence.performance.metric}"] = evidence.floor.reason
    for one in evidence.quality:
        if one.severity == "error":
            found.setdefault(one.key, one.reason)
    if evidence.refused:
        found["deployment"] = because("deployment.refused", workers=len(evidence.refused), error=evidence.refused[0])
    return found


def numbers(paired: PairedEvidence) -> dict[str, float]:
    """The figures of a comparison as the journal keeps them."""
    found: dict[str, float] = {"gain": paired.gain, "rows": paired.rows, "blocks": paired.blocks, "alpha": paired.alpha}
    if paired.lower is not None:
        found["lower"] = paired.lower
    if paired.upper is not None:
        found["upper"] = paired.upper
    return found


def _judge_rollout(state: State, evidence: Evidence, now: datetime) -> list[Action]:
    rollout, paired = state.rollout, evidence.rollout if isinstance(evidence.rollout, PairedEvidence) else None
    if rollout is None:
        return []
    if rollout.champion != state.champion:
        reason = because("rollout.champion_changed", version=rollout.version, champion=rollout.champion)
        return [EndRollout(version=rollout.version, verdict=Verdict.UNDECIDED, reason=reason, evidence={})]
    margin = rollout.margin
    if paired is not None and paired.lower is not None and paired.upper is not None:
        if paired.lower > -margin and paired.live_blocks >= rollout.min_days and not _leaves_out(paired):
            told = {**_told(paired), "margin": margin}
            reason = because("rollout.better" if paired.lower > 0 else "rollout.not_worse", **told)
            return [Promote(version=rollout.version, reason=reason, evidence=numbers(paired))]
        if paired.upper < 0:
            reason = because("rollout.worse", **_told(paired))
            return [EndRollout(version=rollout.version, verdict=Verdict.FAIL, reason=reason, evidence=numbers(paired))]
    if now >= rollout.deadline_at:
        told = _told(paired) if paired is not None else {}
        code = "rollout.left_out" if paired is not None and _leaves_out(paired) else "rollout.undecided" if told else "rollout.no_evidence"
        reason = because(code, **{"version": rollout.version, **told})
        return [EndRollout(version=rollout.version, verdict=Verdict.UNDECIDED, reason=reason, evidence=numbers(paired) if paired else {})]
    return []


def _leaves_out(paired: PairedEvidence) -> bool:
    """True if the version could not score a part of the requests: what it says of the others does not let it answer these."""
    return paired.missed > _MOST_MISSED * (paired.rows + paired.missed)


def _judge_watch(state: State, evidence: Evidence, now: datetime) -> list[Action]:
    watch, paired = state.watch, evidence.watch
    if watch is None or watch.version != state.champion:
        return []
    if paired is not None and paired.upper is not None and paired.upper < 0:
        reason = because("watch.worse", **_told(paired))
        return [RollBack(version=watch.version, to=watch.previous, reason=reason, evidence=numbers(paired))]
    if now >= watch.until:
        told = _told(paired) if paired is not None else {}
        reason = because("watch.stays" if told else "watch.no_evidence", **{"version": watch.version, "against": watch.previous, **told})
        return [EndWatch(version=watch.version, reason=reason, evidence=numbers(paired) if paired else {})]
    return []


def _alerts(state: State, evidence: Evidence) -> list[Action]:
    actions: list[Action] = []
    found = signals(evidence)
    for key, reason in found.items():
        if key not in state.firing:
            actions.append(Notify(alert=Alert(key=key, reason=reason)))
    for key in sorted((state.firing.keys() & evidence.calm.keys()) - found.keys()):  # what is wrong at this very look is not over
        actions.append(Resolve(alert=Alert(key=key, reason=evidence.calm[key])))
    return actions


def _training(state: State, evidence: Evidence, spec: Spec, now: datetime) -> list[Action]:
    if state.champion is None:
        return []  # the first training is a person's decision: `flyball train`
    asked = _asked(state, evidence, spec, now)
    if asked is None:
        return []
    cause, reason = asked
    obstacle = _obstacle(state, evidence, spec, now)
    if obstacle is None:
        return [Retrain(cause=cause, reason=reason)]
    said = state.suppressed.get(cause)
    if said is not None and said.code == obstacle.code:
        return []
    return [Suppress(cause=cause, reason=reason, because=obstacle)]


def _asked(state: State, evidence: Evidence, spec: Spec, now: datetime) -> tuple[Cause, Reason] | None:
    """The strongest reason to train: performance, performance as estimated, then what is asked from outside, then drift, both unanswered
    yet, then the schedule.
    """
    if "performance" in spec.retrain.on and evidence.floor is not None and evidence.floor.verdict is Verdict.FAIL:
        return "performance", evidence.floor.reason
    if "performance" in spec.retrain.on and (estimated := _estimated(evidence)) is not None:
        return "performance", estimated
    open_requests = [request for request in state.requests.values() if not request.answered]
    if "alert" in spec.retrain.on and open_requests:
        return "alert", min(open_requests, key=lambda request: request.at).reason
    if "drift" in spec.retrain.on:
        moved = {key: reason for key, reason in signals(evidence).items() if key.startswith("drift:") and key not in state.answered_keys}
        if moved:
            names = sorted(key.removeprefix("drift:") for key in moved)
            worst = max(names, key=lambda name: evidence.drift[name].lower - evidence.drift[name].threshold)
            column = evidence.drift[worst]
            if column.lower <= column.threshold:  # not its distribution but a share: of missing values, of new categories, ...
                return "drift", column.reason
            return "drift", because(
                "retrain.drift",
                columns=", ".join(names),
                count=len(names),
                worst=worst,
                distance=column.distance,
                lower=column.lower,
                upper=column.upper,
            )
    every, since = spec.retrain.every, state.last_retrain_at or state.first_at
    if "schedule" in spec.retrain.on and every is not None and since is not None and now >= since + every:
        return "schedule", because("retrain.schedule", every=format_duration(every), days=(now - since).total_seconds() / 86400)
    return None


def _estimated(evidence: Evidence) -> Reason | None:
    """Certainly below the floor as far as scores can tell, and a column certainly in drift: neither alone is enough."""
    drifted = sorted(name for name, column in evidence.drift.items() if column.state == "drift")
    if evidence.estimated_floor is None or evidence.estimated_floor.verdict is not Verdict.FAIL or not drifted:
        return None
    return because("retrain.estimated", **{**evidence.estimated_floor.reason.values, "columns": ", ".join(drifted)})


def _obstacle(state: State, evidence: Evidence, spec: Spec, now: datetime) -> Reason | None:
    if state.running is not None:
        return because("suppressed.running", action=state.running.started.action)
    if state.rollout is not None:
        return because("suppressed.rollout", version=state.rollout.version)
    faulty = [one.column or "*" for one in evidence.quality if one.severity == "error" and one.subject == "rows"]
    if faulty:  # what looks like drift or decay may be the fault, and a training from the log would learn it
        return because("suppressed.quality", columns=", ".join(dict.fromkeys(faulty)), count=len(faulty))
    since = state.last_retrain_at or state.first_at
    if since is not None and now < since + spec.retrain.cooldown:
        return because("suppressed.cooldown", cooldown=format_duration(spec.retrain.cooldown))
    if evidence.new_outcomes < spec.retrain.min_outcomes:
        return because("suppressed.outcomes", found=evidence.new_outcomes, needed=spec.retrain.min_outcomes)
    return None


def _told(paired: PairedEvidence) -> dict[str, str | int | float | bool | None]:
    return {
        "version": paired.version,
        "against": paired.against,
        "metric": paired.metric,
        "gain": paired.gain,
        "lower": paired.lower,
        "upper": paired.upper,
        "rows": paired.rows,
        "days": paired.blocks,
        "missed": paired.missed,
    }
