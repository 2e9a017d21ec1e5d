"""What people look up about alerts: what fires and since when, what is silenced, who could not be told, and what happened lately."""

from collections.abc import Sequence
from datetime import datetime

from flyball.alerting.receivers import receiver_id, receiver_name
from flyball.alerting.records import Letter, Notification, Parcel, Severity
from flyball.alerting.rules import matches
from flyball.core.digest import sha256_json
from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.journal.events import (
    AlertFired,
    AlertResolved,
    Entry,
    RequestClosed,
    RetrainRequested,
    Silenced,
    SilenceEnded,
    Undelivered,
)
from flyball.journal.explain import Told, tell
from flyball.journal.known import State
from flyball.loop.telling.notify import not_told
from flyball.ports.watching import Sender
from flyball.spec.records import Spec

_OF_ALERTS = (AlertFired, AlertResolved, Silenced, SilenceEnded, Undelivered, RetrainRequested, RequestClosed)


@record
class Firing:
    """An alert that fires. `silenced_until`: nobody is told of it before; `answered`: a training was started since."""

    key: str
    severity: Severity
    since: datetime
    reason: Reason
    silenced_until: datetime | None
    answered: bool


@record
class Quiet:
    """A silence in force: of what, since when, until when, by whom and why; and how many alerts that fire it covers."""

    pattern: str
    since: datetime
    until: datetime
    actor: str
    reason: str
    covers: int


@record
class Asked:
    """An alert from outside that asks for a training and is not over."""

    key: str
    since: datetime
    reason: Reason
    answered: bool


@record
class Reached:
    """A receiver of the spec, and what it could not be told yet (None: nothing waits)."""

    name: str
    waiting: Reason | None


@record
class Overview:
    """Everything about the alerts of one model, the worst and the newest first."""

    firing: tuple[Firing, ...]
    silences: tuple[Quiet, ...]
    requests: tuple[Asked, ...]
    receivers: tuple[Reached, ...]
    history: tuple[Told, ...]


def overview(state: State, entries: Sequence[Entry], spec: Spec, waiting: Sequence[Letter], *, now: datetime, last: int = 20) -> Overview:
    """How things stand, with the `last` entries of the journal that are about alerts."""
    receivers = []
    for receiver in spec.alerts.to:
        name = receiver_name(receiver)
        letters = [one for one in waiting if one.receiver == receiver_id(receiver)]
        receivers.append(Reached(name=name, waiting=not_told(name, letters) if letters else None))
    return Overview(
        firing=firing_now(state, now),
        silences=silences_now(state, now),
        requests=asked_now(state),
        receivers=tuple(receivers),
        history=tuple(map(tell, about_alerts(entries)[:last])),
    )


def firing_now(state: State, now: datetime) -> tuple[Firing, ...]:
    """What fires, the worst first and then the oldest."""
    firing = []
    for key in state.firing:
        standing, silence = state.standing[key], state.silenced(key, now)
        firing.append(
            Firing(
                key=key,
                severity=standing.severity,
                since=standing.since,
                reason=standing.reason,
                silenced_until=None if silence is None else silence.until,
                answered=key in state.answered_keys,
            )
        )
    return tuple(sorted(firing, key=lambda one: (one.severity != "critical", one.since, one.key)))


def asked_now(state: State) -> tuple[Asked, ...]:
    """What alerts from outside ask for, the oldest first."""
    found = sorted(state.requests.items(), key=lambda item: item[1].at)
    return tuple(Asked(key=key, since=one.at, reason=one.reason, answered=one.answered) for key, one in found)


def about_alerts(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that are about alerts, the newest first."""
    return [entry for entry in reversed(entries) if isinstance(entry.event, _OF_ALERTS)]


def silences_now(state: State, now: datetime) -> tuple[Quiet, ...]:
    """The silences in force, the one that ends first before the others."""
    found = []
    for pattern, one in state.silences.items():
        if now < one.until:
            covers = sum(matches(pattern, key) for key in state.firing)
            found.append(Quiet(pattern=pattern, since=one.at, until=one.until, actor=one.actor, reason=one.reason, covers=covers))
    return tuple(sorted(found, key=lambda one: (one.until, one.pattern)))


def try_receivers(sender: Sender, spec: Spec, state: State, *, now: datetime) -> list[tuple[str, str]]:
    """Send a test to every receiver of the spec now: its name, and what kept it from being taken (empty: nothing)."""
    test = Notification(
        id=sha256_json([spec.model.name, "test", now.isoformat()])[:32],
        model=spec.model.name,
        at=now,
        version=state.champion,
        lines=(),
        firing=0,
        resolved=0,
        link=spec.alerts.link,
        test=True,
    )
    errors = sender.send([Parcel(receiver=receiver, notification=test) for receiver in spec.alerts.to])
    return [(receiver_name(receiver), error) for receiver, error in zip(spec.alerts.to, errors, strict=True)]
