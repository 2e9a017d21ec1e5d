"""Forgetting predictions that are older than a project keeps them: a little at each tick."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flyball.core.errors import FlyballError
from flyball.core.window import format_duration
from flyball.ports.history import Retention

_A_TICK = 20_000
"""Rows that a tick drops one by one at most, so that it does not last; the next one goes on."""


def forget_before(keep: timedelta, *, now: datetime, clock: datetime) -> datetime:
    """The time from before which predictions go. What is gone does not come back, so a `now` that is still to come is not believed."""
    return min(now, clock) - keep


def forget(retention: Retention, keep: timedelta | None, *, now: datetime, clock: datetime, say: Callable[[str], None]) -> None:
    """What a tick does at its end: forget what is older than `keep`, if that is said; what hinders it is told and hinders nothing."""
    if keep is None:
        return
    try:
        dropped = retention.drop_before(forget_before(keep, now=now, clock=clock), most=_A_TICK)
    except FlyballError as error:  # the tick is done all the same
        say(f"warning: predictions older than {format_duration(keep)} could not be forgotten, the next tick tries again: {error}")
        return
    if dropped.predictions:
        say(f"{dropped.predictions} predictions older than {format_duration(keep)} are gone")
