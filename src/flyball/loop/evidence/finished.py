"""How the running training ended, if it has."""

from collections.abc import Mapping
from typing import TypedDict

from flyball.core.reason import because
from flyball.journal.known import State
from flyball.loop.records import Finished
from flyball.loop.world import World
from flyball.spec.records import Spec
from flyball.training.price import money_of


def finished_training(world: World, state: State, spec: Spec) -> Finished | None:
    """How the running training ended, if it has. A version it registered counts, whatever became of the process."""
    if state.running is None:
        return None
    action = state.running.started.action
    made = state.made(action)
    job = world.executor.poll(action)
    if job.state == "running":
        return None
    if made:
        version = max(made)
        verdict = state.versions[version].registered.gate.verdict.value
        reason = because("retrain.registered", version=version, verdict=verdict)
        return Finished(action=action, outcome="registered", version=version, reason=reason, **priced(job.cost, spec))
    if job.state == "lost":
        return Finished(action=action, outcome="lost", version=0, reason=because("retrain.lost"), **priced(job.cost, spec))
    if job.state == "done" or '"status":"unchanged"' in job.result.replace(" ", ""):
        return Finished(action=action, outcome="unchanged", version=0, reason=because("retrain.unchanged"), **priced(job.cost, spec))
    reason = because("retrain.failed", message=_tail(job.message))
    return Finished(action=action, outcome="failed", version=0, reason=reason, **priced(job.cost, spec))


class _Priced(TypedDict):
    cost: Mapping[str, float]
    currency: str


def priced(cost: Mapping[str, float], spec: Spec) -> _Priced:
    """What a job took, with what that costs where the spec names a price."""
    money = money_of(cost, spec)
    if money is None:
        return {"cost": cost, "currency": ""}
    return {"cost": {**cost, "money": money}, "currency": spec.price.currency}


def _tail(message: str) -> str:
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-500:] if lines else "no message"
