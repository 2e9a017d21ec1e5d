"""A promotion that is due: done at once, or parked until a person approves it."""

from collections.abc import Mapping

from flyball.core.reason import Reason, because
from flyball.journal.known import State
from flyball.loop.records import Action, AskApproval, Promote, Withdraw
from flyball.spec.records import Spec


def promotion(state: State, spec: Spec, version: int, reason: Reason, evidence: Mapping[str, float]) -> list[Action]:
    """Promote a version, or ask for it where a person has to approve. What waits already is not asked for again.

    Manual is the stricter rule: it holds if the spec says so now, or said so when the rollout began.
    """
    if not by_hand(state, spec):
        return [Promote(version=version, reason=reason, evidence=evidence)]
    if waits(state, version):
        return []
    asked = AskApproval(version=version, reason=reason, evidence=evidence)
    if state.waiting is None:
        return [asked]
    older = because("approval.superseded", version=state.waiting.version, by=version)
    return [Withdraw(version=state.waiting.version, reason=older), asked]


def by_hand(state: State, spec: Spec) -> bool:
    """Whether a person has to approve promotions."""
    return spec.rollout.approve == "manual" or (state.rollout is not None and state.rollout.approve == "manual")


def waits(state: State, version: int) -> bool:
    """Whether the promotion of a version waits for a person."""
    return state.waiting is not None and state.waiting.version == version
