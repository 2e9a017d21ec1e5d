"""What alerts from outside ask for: a training, once for each time they fire, however often they are repeated."""

from datetime import datetime
from typing import Literal

from flyball.core.errors import ConflictError
from flyball.core.reason import Reason
from flyball.journal.events import Event, RequestClosed, RetrainRequested
from flyball.journal.state import fold
from flyball.ports.history import Journal

MOST_OPEN = 100
"""Alerts from outside that may fire at once for one model: a sender gone wild must not fill the journal."""
_ATTEMPTS = 20

Heard = Literal["requested", "known", "closed", "not open", "too many"]


def hear(journal: Journal, model: str, key: str, *, firing: bool, reason: Reason, actor: str, now: datetime) -> Heard:
    """Write down that the alert `key` fires or is over, if that is news. Whoever says the same at the same moment, one is written down."""
    for _ in range(_ATTEMPTS):
        entries = journal.read(model)
        requests = fold(model, entries).requests
        if firing and key in requests:
            return "known"
        if not firing and key not in requests:
            return "not open"
        if firing and len(requests) >= MOST_OPEN:
            return "too many"
        event: Event = RetrainRequested(key=key, reason=reason) if firing else RequestClosed(key=key)
        try:
            journal.append(model, [event], expected=len(entries), actor=actor, at=now)
        except ConflictError:
            continue
        return "requested" if firing else "closed"
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="try again")
