"""What became of telling people: of each alert that fires who knows it, and of each receiver what it knows and what waits for it. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from flyball.alerting.receivers import receiver_id, receiver_name
from flyball.alerting.records import Ledger, Letter
from flyball.core.record import record
from flyball.journal.events import Entry, Undelivered
from flyball.journal.known import State
from flyball.spec.records import Receiver

Fate = Literal["sent", "pending", "failed", "given up", "silenced", "not yet"]


@record
class Delivery:
    """What became of telling one receiver that one alert fires. `at`: when it was sent, written, or is tried again (`failed`)."""

    receiver: str
    fate: Fate
    at: datetime | None = None
    error: str = ""


@record
class Mailbox:
    """A receiver: how many of the alerts that fire it was told of (`last_at`: the last time), what waits for it and why."""

    name: str
    told: int
    last_at: datetime | None
    pending: int
    failed: int
    attempts: int
    again_at: datetime | None
    error: str


def deliveries(
    state: State,
    entries: Sequence[Entry],
    receivers: Sequence[Receiver],
    ledger: Ledger,
    waiting: Sequence[Letter],
    key: str,
    *,
    now: datetime,
) -> tuple[Delivery, ...]:
    """Of an alert that fires: what became of telling each receiver."""
    seq, silenced = state.standing[key].seq, state.silenced(key, now)
    found = []
    for receiver in receivers:
        own, name = receiver_id(receiver), receiver_name(receiver)
        letter = next((one for one in waiting if one.receiver == own and _tells(one, key, seq)), None)
        told = next((one for one in ledger.told if (one.receiver, one.key, one.seq) == (own, key, seq)), None)
        given_up = next((one for one in reversed(entries) if one.seq > seq and _gave_up(one, name, key)), None)
        if letter is not None and letter.error:
            found.append(Delivery(receiver=name, fate="failed", at=letter.again_at, error=letter.error))
        elif letter is not None:
            found.append(Delivery(receiver=name, fate="pending", at=letter.written_at))
        elif told is not None:
            found.append(Delivery(receiver=name, fate="sent", at=told.at))
        elif given_up is not None:
            found.append(Delivery(receiver=name, fate="given up", at=given_up.at))
        else:
            found.append(Delivery(receiver=name, fate="not yet" if silenced is None else "silenced"))
    return tuple(found)


def mailboxes(state: State, receivers: Sequence[Receiver], ledger: Ledger, waiting: Sequence[Letter]) -> tuple[Mailbox, ...]:
    """How it stands with each receiver. `pending` and `failed` count alerts, those that are over included."""
    found = []
    for receiver in receivers:
        own = receiver_id(receiver)
        letters = [one for one in waiting if one.receiver == own]
        failed = [one for one in letters if one.error]
        late = {line.key for one in letters for line in one.notification.lines}
        told = [one for one in ledger.told if one.receiver == own and one.key in state.firing and one.key not in late]
        found.append(
            Mailbox(
                name=receiver_name(receiver),
                told=len(told),
                last_at=max((one.at for one in told), default=None),
                pending=sum(_alerts(one) for one in letters if not one.error),
                failed=sum(_alerts(one) for one in failed),
                attempts=max((one.attempts for one in failed), default=0),
                again_at=max((one.again_at for one in failed), default=None),
                error=next((one.error for one in failed), ""),
            )
        )
    return tuple(found)


def _alerts(letter: Letter) -> int:
    return letter.notification.firing + letter.notification.resolved


def _tells(letter: Letter, key: str, seq: int) -> bool:
    return any(line.key == key and line.seq == seq for line in letter.notification.lines)


def _gave_up(entry: Entry, receiver: str, key: str) -> bool:
    return isinstance(entry.event, Undelivered) and entry.event.receiver == receiver and key in entry.event.keys
