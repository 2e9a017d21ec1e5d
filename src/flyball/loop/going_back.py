"""The events of a rollback: what rested on the champion that is given up ends with it."""

from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import Event, RolledBack, RolloutEnded
from flyball.journal.known import State
from flyball.journal.moves import Declined


def rolled_back(state: State, event: RolledBack) -> list[Event]:
    """The rollback, after the end of the rollout against that champion, and of the promotion that waited to replace it.

    All in one append: also while frozen nobody is answered by a version that is compared with a champion that is gone.
    """
    events: list[Event] = []
    if state.waiting is not None:
        gone = because("approval.champion_changed", version=state.waiting.version, champion=event.to)
        events.append(Declined(version=state.waiting.version, reason=gone))
    if state.rollout is not None:
        ended = because("rollout.champion_changed", version=state.rollout.version, champion=event.to)
        events.append(RolloutEnded(version=state.rollout.version, verdict=Verdict.UNDECIDED, reason=ended, evidence={}))
    return [*events, event]
