"""Who gets a chance: the newest version that can get its own now, and by which strategy."""

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import format_duration
from flyball.journal.events import Registered
from flyball.journal.known import Known, State
from flyball.loop.deciding.due import promotion
from flyball.loop.records import Action, EndRollout, StartRollout
from flyball.spec.records import Spec, Strategy


def next_candidate(state: State, spec: Spec) -> list[Action]:
    """Give the newest version that can get its chance now, its chance.

    Becoming the first champion, promotion on the gate alone, and answering anybody need a pass. A comparison in shadow answers nobody,
    so it may also settle what the gate left undecided for want of held-out days. What can get none, such as a version that the gate left
    undecided where only a pass answers, keeps no older one from its own.
    """
    if state.rollout is not None or state.challenger is not None:
        return []  # one challenger at a time; one that a person staged stays until that person takes it away
    waiting = [number for number, known in state.versions.items() if _open(known) and number != state.champion]
    return next((actions for number in sorted(waiting, reverse=True) if (actions := _chance(state, spec, number))), [])


def _open(known: Known) -> bool:
    """Whether a version still waits for its chance: live rows did not speak against it."""
    return not known.settled and not known.refused


def _chance(state: State, spec: Spec, version: int) -> list[Action]:
    """The chance a version gets now, or why it gets none at all; nothing while it has to wait."""
    registered = state.versions[version].registered
    passed = registered.gate.verdict is Verdict.PASS
    if state.champion is None:
        return promotion(state, spec, version, because("promote.first", version=version), {}) if passed else []
    champion = state.versions.get(state.champion)
    if champion is not None and registered.bundle == champion.registered.bundle:
        same = because("rollout.same_bundle", version=version, champion=state.champion)
        return [EndRollout(version=version, verdict=Verdict.UNDECIDED, reason=same, evidence={})]
    if by_gate(registered, spec):
        if not passed:
            return []
        if registered.compared_with != state.champion:
            other = because("rollout.other_champion", version=version, champion=state.champion, compared=registered.compared_with)
            return [EndRollout(version=version, verdict=Verdict.UNDECIDED, reason=other, evidence={})]
        return promotion(state, spec, version, because("promote.gate", version=version, champion=state.champion), {})
    return _begin(state, spec, version, passed=passed)


def _begin(state: State, spec: Spec, version: int, *, passed: bool) -> list[Action]:
    """The start of a live comparison, by a strategy that may do so; none between a model and itself."""
    if state.versions[version].registered.same_as == state.champion:
        same = because("rollout.same_scores", version=version, champion=state.champion)
        return [EndRollout(version=version, verdict=Verdict.UNDECIDED, reason=same, evidence={})]
    strategy = trial(spec)
    if strategy != "shadow" and not passed:
        return []
    code = {"shadow": "rollout.start", "canary": "rollout.start_canary", "bandit": "rollout.start_bandit"}.get(
        strategy, "rollout.start_experiment"
    )
    reason = because(
        code if passed else "rollout.start_undecided",
        version=version,
        champion=state.champion,
        metric=spec.rollout.metric,
        deadline=format_duration(spec.rollout.deadline),
        **({} if strategy == "shadow" else {"share": first_share(spec, strategy)}),
    )
    return [StartRollout(version=version, strategy=strategy, reason=reason)]


def by_gate(registered: Registered, spec: Spec) -> bool:
    """Whether its gate alone decides about a version. Drift alone, seen here or by others, never promotes by a gate where something else
    is possible: its candidate has to win on live rows.
    """
    moved = registered.cause in ("drift", "alert")
    return spec.rollout.strategy == "immediate" and (not moved or spec.model.influences_outcome)


def trial(spec: Spec) -> Strategy:
    """The strategy of a live comparison. Answers that change what happens are never judged in shadow."""
    if spec.rollout.strategy in ("immediate", "shadow"):
        return "experiment" if spec.model.influences_outcome else "shadow"
    return spec.rollout.strategy


def first_share(spec: Spec, strategy: Strategy) -> float:
    """The share of the units that a challenger answers when its rollout begins."""
    if strategy == "experiment":
        return spec.rollout.share
    return spec.rollout.steps[0] if strategy in ("canary", "bandit") else 0.0
