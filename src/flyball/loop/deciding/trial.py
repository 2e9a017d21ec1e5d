"""The rollout that runs: refuse, promote, move on a step, or wait, by its strategy and the rules it began with.

Order of one judgement: a champion that is gone → a pause → two versions that are one → certainly worse → proven → the deadline → the
share. Nothing but guardrails acts on evidence that has trouble. What could not be measured is waited for, for a while past the deadline:
one look that failed decides nothing.
"""

from collections.abc import Mapping
from datetime import datetime

from flyball.core.reason import Reason, Value, because
from flyball.core.verdict import Verdict
from flyball.core.window import format_duration
from flyball.evaluation.records import ENOUGH_TO_DIFFER
from flyball.journal.events import RolloutStarted
from flyball.journal.known import Pause, Phase, State
from flyball.loop.deciding.due import promotion, waits
from flyball.loop.deciding.figures import GRACE, Compared, numbers, told
from flyball.loop.records import Action, EndRollout, Evidence, MoveShare, Resume, Withdraw
from flyball.monitoring.records import ArmsEvidence, PairedEvidence
from flyball.spec.records import Spec

# What part of the champion's rows a candidate may leave unscored: a swap in mid-request loses a few, a missing column all of some client's.
_MOST_MISSED = 0.01
# Weights of a bandit are moved by this much or not at all.
_LEAST_MOVE = 0.01


def judge_rollout(state: State, evidence: Evidence, spec: Spec, now: datetime) -> list[Action]:
    """What follows for the rollout that runs, if anything."""
    rollout = state.rollout
    if rollout is None:
        return []
    if rollout.champion != state.champion:
        reason = because("rollout.champion_changed", version=rollout.version, champion=state.champion)
        return _end(state, rollout, Verdict.UNDECIDED, reason, {})
    if state.paused is not None:
        return _still(state, rollout, state.paused, now)
    found = admitted(evidence, rollout, spec)
    if isinstance(found, PairedEvidence) and found.identical >= ENOUGH_TO_DIFFER:
        same = because("rollout.same_answers", version=rollout.version, against=rollout.champion, rows=found.identical)
        return _end(state, rollout, Verdict.UNDECIDED, same, numbers(found))
    sound = found if not isinstance(found, ArmsEvidence) or found.trouble is None else None
    if sound is not None and sound.upper is not None and sound.upper < 0:
        return _end(state, rollout, Verdict.FAIL, because(_code(sound, "worse"), **told(sound)), numbers(sound))
    asked = waits(state, rollout.version)  # what waits for a person has climbed: a pause meanwhile takes nothing of that back
    if sound is not None and (why := _proven(rollout, sound)) is not None and (asked or _climbed(state, rollout, sound, now)):
        return promotion(state, spec, rollout.version, why, numbers(sound))
    if found is not None and asked:
        lost = because("approval.withdrawn", version=rollout.version)
        return [Withdraw(version=rollout.version, reason=lost)]
    if now >= rollout.deadline_at and not asked:
        if evidence.rollout is None and now < rollout.deadline_at + GRACE:
            return []
        late = _late(rollout, found, evidence)
        return _end(state, rollout, Verdict.UNDECIDED, late, numbers(found) if found is not None else {})
    return _move(state, rollout, sound, now) if sound is not None else []


def admitted(evidence: Evidence, rollout: RolloutStarted, spec: Spec) -> Compared | None:
    """The evidence that may decide this rollout: about these two versions, and never paired where answers change what happens."""
    found = evidence.rollout
    if found is None or (found.version, found.against) != (rollout.version, rollout.champion):
        return None
    if isinstance(found, PairedEvidence):
        return None if spec.model.influences_outcome else found
    return None if rollout.strategy == "shadow" else found  # a shadow answers nobody, so it has no arm


def next_step(rollout: RolloutStarted, share: float) -> float | None:
    """The share of a canary that follows a share; None after the last."""
    return next((step for step in rollout.steps if step > share), None) if rollout.strategy == "canary" else None


def pause_end(rollout: RolloutStarted, pause: Pause) -> datetime:
    """When a pause is over: as it was said, else when it has lasted as long as the rollout itself was to last."""
    return pause.until if pause.until is not None else pause.at + (rollout.deadline_at - rollout.start_at)


def _still(state: State, rollout: RolloutStarted, pause: Pause, now: datetime) -> list[Action]:
    """A rollout that is paused goes on by itself, or ends, when its pause is over: none stands in the way of the next for ever."""
    if now < pause_end(rollout, pause):
        return []
    if pause.until is not None:
        return [Resume(version=rollout.version, reason=because("rollout.resumed_itself", version=rollout.version))]
    lasted = format_duration(rollout.deadline_at - rollout.start_at)
    return _end(state, rollout, Verdict.UNDECIDED, because("rollout.paused_out", version=rollout.version, length=lasted), {})


def _proven(rollout: RolloutStarted, found: Compared) -> Reason | None:
    """Why the version is certainly above the margin, on enough live days and on all that it is asked; None if it is not."""
    if found.lower is None or not found.lower > -rollout.margin or found.live_blocks < rollout.min_days or _leaves_out(found):
        return None
    return because(_code(found, "better" if found.lower > 0 else "not_worse"), **told(found), margin=rollout.margin)


def _climbed(state: State, rollout: RolloutStarted, found: Compared, now: datetime) -> bool:
    """Whether a canary has held its last step and answered somebody in it; the others have none."""
    if rollout.strategy != "canary":
        return True
    phase = _phase(state)
    return phase is not None and next_step(rollout, phase.share) is None and now >= phase.since + rollout.hold and _answered(found)


def _move(state: State, rollout: RolloutStarted, found: Compared, now: datetime) -> list[Action]:
    """The next step of a canary that has held this one, or the weights of a bandit."""
    phase = _phase(state)
    if phase is None or now < phase.since + rollout.hold or waits(state, rollout.version):
        return []
    values: dict[str, Value] = {"version": rollout.version, "before": phase.share, "hold": format_duration(rollout.hold)}
    step = next_step(rollout, phase.share)
    if step is not None:
        if not _answered(found):
            return []
        reason = because("rollout.step", **values, share=step, number=rollout.steps.index(step) + 1, of=len(rollout.steps))
        return [MoveShare(version=rollout.version, share=step, reason=reason, evidence=numbers(found))]
    if rollout.strategy == "bandit" and isinstance(found, ArmsEvidence) and found.preferred is not None:
        from flyball.stats.bandit import thompson_share

        share = round(thompson_share(found.preferred, rollout.floor), 4)
        if abs(share - phase.share) < _LEAST_MOVE:
            return []
        reason = because("rollout.weights", **values, share=share, preferred=found.preferred, floor=rollout.floor)
        return [MoveShare(version=rollout.version, share=share, reason=reason, evidence=numbers(found))]
    return []


def _answered(found: Compared) -> bool:
    """Whether the challenger answered anybody in this step: a step in which nobody was asked has shown nothing."""
    return (found.answered if isinstance(found, ArmsEvidence) else found.rows) > 0


def _end(state: State, rollout: RolloutStarted, verdict: Verdict, reason: Reason, evidence: Mapping[str, float]) -> list[Action]:
    """End the rollout; a promotion that waited for a person is withdrawn first, with the same reason."""
    withdrawn: list[Action] = [Withdraw(version=rollout.version, reason=reason)] if waits(state, rollout.version) else []
    return [*withdrawn, EndRollout(version=rollout.version, verdict=verdict, reason=reason, evidence=evidence)]


def _late(rollout: RolloutStarted, found: Compared | None, evidence: Evidence) -> Reason:
    """Why nothing was decided by the deadline."""
    if evidence.rollout is None:
        return because("rollout.unmeasured", version=rollout.version, grace=format_duration(GRACE), trouble=evidence.trouble)
    if found is None or not found.rows:
        return because("rollout.no_evidence", version=rollout.version)
    if isinstance(found, ArmsEvidence) and found.trouble is not None:
        return found.trouble
    return because("rollout.left_out" if _leaves_out(found) else _code(found, "undecided"), **told(found))


def _leaves_out(found: Compared) -> bool:
    """True if the version could not score a part of the requests: what it says of the others does not let it answer these."""
    return isinstance(found, PairedEvidence) and found.missed > _MOST_MISSED * (found.rows + found.missed)


def _code(found: Compared, what: str) -> str:
    return f"{'arms' if isinstance(found, ArmsEvidence) else 'rollout'}.{what}"


def _phase(state: State) -> Phase | None:
    return state.phases[-1] if state.phases else None
