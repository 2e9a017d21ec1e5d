"""How the running training ended, if it has."""

from flyball.core.reason import because
from flyball.journal.known import State
from flyball.loop.records import Finished
from flyball.loop.world import World


def finished_training(world: World, state: State) -> Finished | None:
    """How the running training ended, if it has. A version it registered counts, whatever became of the process."""
    if state.running is None:
        return None
    action = state.running.started.action
    made = [number for number, known in state.versions.items() if known.registered.action == action]
    job = world.executor.poll(action)
    if job.state == "running":
        return None
    if made:
        version = max(made)
        verdict = state.versions[version].registered.gate.verdict.value
        reason = because("retrain.registered", version=version, verdict=verdict)
        return Finished(action=action, outcome="registered", version=version, reason=reason, cost=job.cost)
    if job.state == "lost":
        return Finished(action=action, outcome="lost", version=0, reason=because("retrain.lost"), cost=job.cost)
    if job.state == "done" or '"status":"unchanged"' in job.result.replace(" ", ""):
        return Finished(action=action, outcome="unchanged", version=0, reason=because("retrain.unchanged"), cost=job.cost)
    reason = because("retrain.failed", message=_tail(job.message))
    return Finished(action=action, outcome="failed", version=0, reason=reason, cost=job.cost)


def _tail(message: str) -> str:
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-500:] if lines else "no message"
