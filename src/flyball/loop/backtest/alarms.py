"""Alarms of a policy: when they fired, which were false, and which losses or changes they missed. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from flyball.core.record import record
from flyball.journal.events import AlertFired, AlertResolved, Entry
from flyball.loop.backtest.records import Alarmed, Looked, Loss

_KINDS = frozenset({"drift", "performance"})


@record
class Judged:
    """Alarms with what became of them. The numbers are None where nothing is known to judge them by."""

    alarms: tuple[Alarmed, ...]
    false: int | None
    missed: int | None


def losses(looks: Sequence[Looked], step: timedelta) -> tuple[Loss, ...]:
    """Runs of looks at which a model was certainly below its floor."""
    found: list[Loss] = []
    for one in looks:
        if not one.below:
            continue
        if found and one.at - found[-1].end <= step:
            found[-1] = Loss(start=found[-1].start, end=one.at)
        else:
            found.append(Loss(start=one.at, end=one.at))
    return tuple(found)


def alarms(entries: Sequence[Entry]) -> tuple[Alarmed, ...]:
    """What began to fire, look by look. Alarms about the quality of rows and about servers say nothing of change and are left out."""
    found: dict[datetime, list[AlertFired]] = {}
    for entry in entries:
        if isinstance(entry.event, AlertFired) and entry.event.key.partition(":")[0] in _KINDS:
            found.setdefault(entry.at, []).append(entry.event)
    return tuple(Alarmed(at=at, keys=tuple(one.key for one in fired), reason=fired[0].reason) for at, fired in found.items())


def by_losses(entries: Sequence[Entry], lost: Sequence[Loss], within: timedelta) -> Judged:
    """An alarm is false if no loss goes on when it fires or begins at most `within` later; a loss is missed if nothing fires from `within`
    before its start until `within` after it.
    """
    told = tuple(_judged(one, any(loss.start <= one.at + within and loss.end >= one.at for loss in lost)) for one in alarms(entries))
    firing = _firing(entries)
    missed = sum(not any(begun <= loss.start + within and over >= loss.start - within for begun, over in firing) for loss in lost)
    return Judged(alarms=told, false=sum(one.false is True for one in told), missed=missed)


def by_changes(entries: Sequence[Entry], changes: Sequence[datetime], within: timedelta) -> Judged:
    """An alarm is false if no change lies at most `within` before it; a change is missed if no alarm begins at most `within` after it."""
    told = tuple(_judged(one, any(change <= one.at <= change + within for change in changes)) for one in alarms(entries))
    missed = sum(not any(change <= one.at <= change + within for one in told) for change in changes)
    return Judged(alarms=told, false=sum(one.false is True for one in told), missed=missed)


def unjudged(entries: Sequence[Entry]) -> Judged:
    """Alarms of which nobody can say whether they were right."""
    return Judged(alarms=alarms(entries), false=None, missed=None)


def _judged(one: Alarmed, right: bool) -> Alarmed:
    return Alarmed(at=one.at, keys=one.keys, reason=one.reason, false=not right)


def _firing(entries: Sequence[Entry]) -> list[tuple[datetime, datetime]]:
    """From when to when each alert fired; one that still does, for ever."""
    begun: dict[str, datetime] = {}
    found: list[tuple[datetime, datetime]] = []
    for entry in entries:
        event = entry.event
        if isinstance(event, AlertFired) and event.key.partition(":")[0] in _KINDS:
            begun[event.key] = entry.at
        elif isinstance(event, AlertResolved) and event.key in begun:
            found.append((begun.pop(event.key), entry.at))
    return found + [(at, datetime.max.replace(tzinfo=UTC)) for at in begun.values()]
