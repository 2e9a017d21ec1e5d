"""The event of a promotion: what it replaces, and for how long it is watched."""

from datetime import datetime

from flyball.core.reason import Reason
from flyball.journal.events import Promoted
from flyball.journal.known import State
from flyball.spec.records import Spec


def promoted(state: State, spec: Spec, version: int, reason: Reason, *, now: datetime, forced: bool = False) -> Promoted:
    """The promotion of a version; where answers change nothing, the champion before it is watched against for a while."""
    watched = state.champion is not None and not spec.model.influences_outcome and bool(spec.rollout.watch)
    return Promoted(
        version=version,
        replaced=state.champion,
        reason=reason,
        forced=forced,
        watch_until=now + spec.rollout.watch if watched else None,
    )
