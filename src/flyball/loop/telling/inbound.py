"""What alerts from outside ask for: a training, once for each time they fire, however often they are repeated.

Whoever sends them may be taken away, or never say that one is over. So a request ends by itself when it was not repeated for `SILENT`.
That it was is written down now and then: not at each repetition, which may come every second.
"""

from datetime import datetime, timedelta
from typing import Literal

from flyball.core.errors import ConflictError
from flyball.core.reason import Reason
from flyball.journal.events import Entry, Event, RequestClosed, RetrainRequested
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.ports.history import Journal

MOST_OPEN = 100
"""Alerts from outside that may fire at once for one model: a sender gone wild must not fill the journal."""
SILENT = timedelta(days=7)
"""An alert that was not repeated for so long is over. Alertmanager repeats itself every four hours, unless it is told otherwise."""
_NOTED = timedelta(days=3)  # how old the last note of a repetition may be
_ATTEMPTS = 20

Heard = Literal["requested", "known", "closed", "not open", "too many"]


def hear(journal: Journal, model: str, key: str, *, firing: bool, reason: Reason, actor: str, now: datetime) -> Heard:
    """Write down that the alert `key` fires or is over, if that is news. Whoever says the same at the same moment, one is written down."""
    for _ in range(_ATTEMPTS):
        entries = journal.read(model)
        state = fold(model, entries)
        over = silent(state, now)
        events, heard = _news(state, over, key, firing=firing, reason=reason, now=now)
        if not events:
            return heard
        try:
            journal.append(model, events, expected=len(entries), actor=actor, at=now)
        except ConflictError:
            continue
        return heard
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="try again")


def silent(state: State, now: datetime) -> list[str]:
    """The requests that nobody repeated for so long that they are over."""
    return [key for key, request in state.requests.items() if now - request.heard > SILENT]


def close_silent(journal: Journal, state: State, *, actor: str, now: datetime) -> list[Entry]:
    """End the requests that nobody repeats. ConflictError if somebody wrote meanwhile."""
    over = silent(state, now)
    events = [RequestClosed(key=key) for key in over]
    return journal.append(state.model, events, expected=state.seq, actor=actor, at=now) if events else []


def _news(state: State, over: list[str], key: str, *, firing: bool, reason: Reason, now: datetime) -> tuple[list[Event], Heard]:
    """What is to be written down, if anything, and what is answered."""
    known = state.requests.get(key)
    if not firing:
        return ([RequestClosed(key=key)], "closed") if known is not None else ([], "not open")
    asked = RetrainRequested(key=key, reason=reason)
    if known is not None and key not in over:
        return ([asked] if abs(now - known.heard) > _NOTED else []), "known"
    if len(state.requests) - len(over) >= MOST_OPEN:
        return [], "too many"
    return [*(RequestClosed(key=one) for one in over), asked], "requested"
