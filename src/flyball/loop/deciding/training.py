"""Whether to train: what asks for it, and what stands in its way."""

from datetime import datetime, timedelta

from flyball.core.reason import Reason, because
from flyball.core.verdict import Verdict
from flyball.core.window import format_duration
from flyball.journal.events import Cause
from flyball.journal.known import State
from flyball.loop.deciding.alerts import signals
from flyball.loop.records import Action, Evidence, Retrain, Suppress
from flyball.spec.records import Spec

_WEEK = timedelta(days=7)


def judge_training(state: State, evidence: Evidence, spec: Spec, now: datetime) -> list[Action]:
    """Start a training that is asked for, or say once why it has to wait."""
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
    spent = sum(began > now - _WEEK for began in state.trainings)
    if spent >= spec.retrain.budget:
        return because("suppressed.budget", budget=spec.retrain.budget, spent=spent)
    if evidence.new_outcomes < spec.retrain.min_outcomes:
        return because("suppressed.outcomes", found=evidence.new_outcomes, needed=spec.retrain.min_outcomes)
    return None
