"""What the loop decided, as a person reads it: when, what, about which version, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.journal.events import AlertFired, AlertResolved, Entry, Registered, RetrainEnded, RolloutEnded
from flyball.journal.explain import decisions
from flyball.words.sentences import Language, sentence


@record
class Decided:
    """One decision; `action` is a word of the loop such as `promote`."""

    at: datetime
    action: str
    version: int | None
    reason: str


def decided(entries: Iterable[Entry], language: Language = "en") -> list[Decided]:
    """The decisions among journal entries, in order, without those that only repeat the entry beside them."""
    return [
        Decided(
            at=told.entry.at,
            action=told.action,
            version=told.version or None,
            reason=_reason(told.entry, sentence(told.reason, language), language),
        )
        for told in decisions(entries)
        if not _repeats(told.entry)
    ]


@record
class Alarm:
    """One alert: when it fired, when it was over (None: it still fires), its key and why."""

    at: datetime
    until: datetime | None
    key: str
    reason: str


def alarms(entries: Iterable[Entry], language: Language = "en") -> list[Alarm]:
    """Every alert that fired, in order."""
    found: list[Alarm] = []
    firing: dict[str, int] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, AlertFired):
            firing[event.key] = len(found)
            found.append(Alarm(at=entry.at, until=None, key=event.key, reason=sentence(event.reason, language)))
        elif isinstance(event, AlertResolved) and event.key in firing:
            place = firing.pop(event.key)
            found[place] = replace(found[place], until=entry.at)
    return found


def _repeats(entry: Entry) -> bool:
    """A training that registered a version is told by the version, a comparison that was won by the promotion."""
    event = entry.event
    if isinstance(event, RetrainEnded):
        return event.outcome == "registered"
    return isinstance(event, RolloutEnded) and event.verdict is Verdict.PASS


def _reason(entry: Entry, said: str, language: Language) -> str:
    """The sentence; for a version that did not pass its gate also which checks said so."""
    event = entry.event
    if isinstance(event, Registered) and event.cause == "manual":
        said = f"{said}; trained by {entry.actor}"
    if not isinstance(event, Registered) or event.gate.verdict is Verdict.PASS:
        return said
    checks = [sentence(check.reason, language) for check in event.gate.checks if check.verdict is not Verdict.PASS]
    return f"{said}; {'; '.join(checks)}"
