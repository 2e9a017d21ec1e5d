"""Whether a new champion stays: compared in shadow with the one it replaced, and held to its own floor."""

from datetime import datetime, timedelta

from flyball.core.reason import Value, because
from flyball.core.verdict import Verdict
from flyball.core.window import format_duration
from flyball.journal.known import State
from flyball.loop.deciding.figures import GRACE, numbers, told
from flyball.loop.records import Action, EndWatch, Evidence, RollBack
from flyball.spec.records import Spec


def judge_champion(state: State, evidence: Evidence, spec: Spec, now: datetime) -> list[Action]:
    """Roll a champion back that is certainly worse than the one before it, or that fell below its floor since it took over."""
    return _watch(state, evidence, spec, now) or _fallen(state, evidence, spec)


def _watch(state: State, evidence: Evidence, spec: Spec, now: datetime) -> list[Action]:
    # where answers change outcomes, two models are never judged on the same rows
    watch, paired = state.watch, None if spec.model.influences_outcome else evidence.watch
    if watch is None or watch.version != state.champion:
        return []
    if paired is not None and paired.upper is not None and paired.upper < 0:
        reason = because("watch.worse", **told(paired))
        return [RollBack(version=watch.version, to=watch.previous, reason=reason, evidence=numbers(paired))]
    unmeasured = evidence.watch is None and not spec.model.influences_outcome
    if now < watch.until + (GRACE if unmeasured else timedelta(0)):
        return []
    pair: dict[str, Value] = {"version": watch.version, "against": watch.previous}
    if unmeasured:
        reason = because("watch.unmeasured", **pair, grace=format_duration(GRACE), trouble=evidence.trouble)
    elif paired is None or not paired.rows:
        reason = because("watch.no_evidence", **pair)
    else:
        reason = because("watch.stays", **{**pair, **told(paired)})
    return [EndWatch(version=watch.version, reason=reason, evidence=numbers(paired) if paired else {})]


def _fallen(state: State, evidence: Evidence, spec: Spec) -> list[Action]:
    """A floor certainly broken, on rows that are all of the new champion's time."""
    performance, since = evidence.performance, state.champion_since
    if state.champion is None or state.previous is None or since is None or performance is None or evidence.floor is None:
        return []
    own = performance.version == state.champion and performance.window.start >= since
    if not own or evidence.floor.verdict is not Verdict.FAIL or not _to_blame(state, evidence, spec, performance.window.start):
        return []
    measured = {"value": performance.value, "lower": performance.lower, "upper": performance.upper, "floor": performance.floor}
    reason = because("rollback.fallen", version=state.champion, to=state.previous, metric=performance.metric, **measured)
    figures = {name: value for name, value in measured.items() if value is not None}
    figures |= {"rows": performance.labelled, "blocks": performance.blocks}
    return [RollBack(version=state.champion, to=state.previous, reason=reason, evidence=figures)]


def _to_blame(state: State, evidence: Evidence, spec: Spec, rows_from: datetime) -> bool:
    """Whether it is the promotion that did harm. Where the one before scores the same rows, it must look better on them: if both fell, the
    world moved, and going back mends nothing. Where it cannot, the rows must begin in the time that a new champion is watched for.
    """
    if spec.model.influences_outcome:
        return state.champion_since is not None and rows_from < state.champion_since + spec.rollout.watch
    return state.watch is not None and evidence.watch is not None and evidence.watch.gain < 0
