"""What now: from what is known (state) and what was measured (evidence) to actions with reasons. Pure.

Order of one decision: close what ended → alerts → what guardrails did → judge the champion → judge the rollout → give a passed candidate
its chance → ask for a training. Freezing stops everything that changes what serves or trains, but what guardrails did in servers: that is
made the loop's own. Alerts and the end of a running training are still written down. Where nobody can read what guardrails did, nothing
is promoted and no step is taken.
"""

from datetime import datetime

from flyball.journal.known import State
from flyball.loop.deciding.alerts import judge_alerts
from flyball.loop.deciding.champion import judge_champion
from flyball.loop.deciding.chances import next_candidate
from flyball.loop.deciding.guarded import tripped
from flyball.loop.deciding.training import judge_training
from flyball.loop.deciding.trial import judge_rollout
from flyball.loop.records import Action, AskApproval, CloseTraining, Evidence, MoveShare, Promote, StartRollout
from flyball.spec.records import Spec

# What gives a version more than it has: the champion's place, or units to answer.
_MORE = (Promote, AskApproval, MoveShare, StartRollout)


def decide(state: State, evidence: Evidence, spec: Spec, *, now: datetime) -> list[Action]:
    """The actions to take now, in order. The same arguments give the same actions."""
    actions: list[Action] = []
    if evidence.finished is not None and state.running is not None:
        actions.append(CloseTraining(finished=evidence.finished))
    actions += judge_alerts(state, evidence)
    acted = tripped(state, evidence)
    if acted or state.frozen(now) is not None:
        return [*actions, *acted]
    moves = judge_champion(state, evidence, spec, now) or judge_rollout(state, evidence, spec, now) or next_candidate(state, spec)
    if evidence.trips is None and any(isinstance(move, _MORE) for move in moves):
        return actions  # a guardrail may have acted: nobody is given more than they have
    actions += moves
    if not moves and evidence.finished is None:
        actions += judge_training(state, evidence, spec, now)
    return actions
