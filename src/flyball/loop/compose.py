"""What is to be told to whom: the difference between what fires and what each receiver was told. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from flyball.alerting.receivers import receiver_name
from flyball.alerting.records import Ledger, Letter, Line, Notification, Told
from flyball.alerting.rules import kind_of, worst_first
from flyball.core.digest import sha256_json
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.core.window import Window
from flyball.journal.known import State
from flyball.spec.records import Receiver, Spec

LISTENER = "listener-"
"""How the ledger calls systems that hear of the whole journal: up to which entry each did stands there like what people were told."""
MOST_LINES = 100
"""Alerts that a message holds; the rest is counted."""
MOST_POSTED = 200
"""Alerts of one model that an Alertmanager holds at once: each is a series of its own there."""


@record
class Composed:
    """The letters to write now, what the ledger then says (`told`) and no longer says (`forget`), and what was left out."""

    letters: tuple[Letter, ...]
    told: tuple[Told, ...]
    forget: tuple[Told, ...]
    left_out: tuple[Reason, ...]


def compose(
    state: State, spec: Spec, receivers: Mapping[str, Receiver], ledger: Ledger, waiting: Sequence[Letter], *, now: datetime
) -> Composed:
    """A letter to each receiver (by id) that has something to be told. Silenced alerts are put off: what then still fires is told then."""
    letters: list[Letter] = []
    told: list[Told] = []
    left_out: list[Reason] = []
    forget = [one for one in ledger.told if one.receiver not in receivers and not one.receiver.startswith(LISTENER)]
    blocked = {one.receiver for one in waiting}
    for name, receiver in receivers.items():
        known = {one.key: one for one in ledger.told if one.receiver == name}
        over = [one for key, one in known.items() if key not in state.firing and state.silenced(key, now) is None]
        fresh = _fresh(state, known, now)
        if receiver.kind == "alertmanager":
            kept = _that_fit(fresh, known, room=MOST_POSTED - len(known) + len(over))
            if len(kept) < len(fresh):
                left = len(fresh) - len(kept)
                left_out.append(because("alerts.too_many", receiver=receiver_name(receiver), most=MOST_POSTED, left=left))
            fresh, again = kept, list[str]()
        else:
            again = [] if name in blocked else _due_again(state, spec, known, fresh, now)
        lines = [line_of(state, spec, key) for key in (*(one.key for one in over if one.key in state.standing), *fresh)]
        lines += [line_of(state, spec, key, again=True) for key in again]
        if lines:
            message = notification(state, spec, name, lines, now=now, most=None if receiver.kind == "alertmanager" else MOST_LINES)
            letters.append(Letter(receiver=name, notification=message, written_at=now, again_at=now))
            told += [Told(receiver=name, key=line.key, seq=line.seq, at=now) for line in lines if line.status == "firing"]
        forget += over
    return Composed(letters=tuple(letters), told=tuple(told), forget=tuple(forget), left_out=tuple(left_out))


def notification(state: State, spec: Spec, receiver: str, lines: Iterable[Line], *, now: datetime, most: int | None) -> Notification:
    """One message of these lines, the worst first; its id follows from which turns of which alerts it tells whom."""
    lines = worst_first(lines)
    turns = sorted(f"{line.seq} {line.status} {line.key} {now.isoformat() if line.again else ''}" for line in lines)
    firing = sum(line.status == "firing" for line in lines)
    return Notification(
        id=sha256_json([state.model, receiver, *turns])[:32],
        model=state.model,
        at=now,
        version=state.champion,
        lines=tuple(lines[:most]),
        firing=firing,
        resolved=len(lines) - firing,
        link=spec.alerts.link,
    )


def line_of(state: State, spec: Spec, key: str, *, again: bool = False) -> Line:
    """How an alert that fires, or did, stands."""
    standing, fires = state.standing[key], key in state.firing
    return Line(
        key=key,
        seq=standing.seq,
        status="firing" if fires else "resolved",
        severity=standing.severity,
        reason=standing.reason if fires or standing.over is None else standing.over,
        since=standing.since,
        until=None if fires else standing.over_at,
        window=_window(spec, key, standing.since),
        again=again,
    )


def _fresh(state: State, known: Mapping[str, Told], now: datetime) -> list[str]:
    """What fires and was not told: the critical first, then as it came."""
    found = [key for key in state.firing if (key not in known or known[key].seq != state.standing[key].seq)]
    found = [key for key in found if state.silenced(key, now) is None]
    return sorted(found, key=lambda key: (state.standing[key].severity != "critical", state.standing[key].seq))


def _that_fit(fresh: Sequence[str], known: Mapping[str, Told], *, room: int) -> list[str]:
    """Those that are there already, and as many more as there is room for."""
    new = [key for key in fresh if key not in known]
    left_out = set(new[max(room, 0) :])
    return [key for key in fresh if key not in left_out]


def _due_again(state: State, spec: Spec, known: Mapping[str, Told], fresh: Sequence[str], now: datetime) -> list[str]:
    repeat = spec.alerts.repeat
    if repeat is None:
        return []
    due = [key for key, one in known.items() if key in state.firing and key not in fresh and now - one.at >= repeat]
    return [key for key in due if state.silenced(key, now) is None]


def _window(spec: Spec, key: str, since: datetime) -> Window | None:
    """The rows an alert's numbers rest on: those of the look at which it fired."""
    if kind_of(key) == "performance":
        return Window(start=since - spec.monitor.performance_window - spec.data.matures, end=since)
    return Window(start=since - spec.monitor.window, end=since) if kind_of(key) in ("drift", "quality") else None
