"""Brings the outbox up to date with what fires, and sends what waits in it.

What is to be told follows from the journal (what fires, what is silenced) and from the ledger (who was told what), so nothing is lost if a
tick dies between writing an event down and writing a letter. A receiver gets one message a tick; one that fails is left alone for longer
and longer, its letters in their order, and is given up after a day.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from flyball.alerting.receivers import receiver_id, receiver_name
from flyball.alerting.records import Letter, Line, Notification, Parcel
from flyball.alerting.rules import GIVE_UP_AFTER, latest_of_each, pause_after
from flyball.core.errors import ConflictError, FlyballError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.journal.events import Entry, Undelivered
from flyball.journal.known import State
from flyball.loop.compose import MOST_LINES, compose, line_of, notification
from flyball.loop.telling.events import tell_events
from flyball.loop.world import Post
from flyball.ports.history import Journal
from flyball.ports.watching import Outbox
from flyball.spec.records import Receiver, Spec

_LEASE = timedelta(minutes=1)
"""How long claimed letters are nobody else's: longer than a sender takes, so that two ticks do not send the same."""


@record
class Notified:
    """What came of it: entries that were appended, what could not be told, and what was taken by whom."""

    entries: tuple[Entry, ...] = ()
    untold: tuple[Reason, ...] = ()
    told: tuple[Reason, ...] = ()


def notify(post: Post, journal: Journal, spec: Spec, state: State, *, now: datetime, actor: str) -> Notified:
    """Write down what is to be told, and send what is due. Receivers that fail, and an outbox that does, are told of, never an error."""
    round_ = _Round(post, journal, spec, state, now=now, actor=actor)
    try:
        round_.write()
        round_.send()
        round_.untold += tell_events(post, journal, spec, now=now)
    except FlyballError as error:
        round_.untold.append(because("alerts.no_outbox", error=error.message))
    return Notified(entries=tuple(round_.entries), untold=tuple(round_.untold), told=tuple(round_.told))


def not_told(called: str, letters: Sequence[Letter]) -> Reason:
    """Letters of one receiver that wait, as a person is told of them."""
    alerts = sum(one.notification.firing + one.notification.resolved for one in letters)
    attempts, again_at = max(one.attempts for one in letters), max(one.again_at for one in letters)
    error = next((one.error for one in letters if one.error), "it is being sent, or whoever sent it died")
    return because("alerts.not_told", receiver=called, alerts=alerts, error=error, attempts=attempts, again=f"{again_at:%Y-%m-%d %H:%M}")


def untold(outbox: Outbox, spec: Spec) -> list[Reason]:
    """Of each receiver of the spec that letters wait for: what it was not told yet."""
    waiting = outbox.waiting(spec.model.name)
    of_each = [(receiver_name(one), [letter for letter in waiting if letter.receiver == receiver_id(one)]) for one in spec.alerts.to]
    return [not_told(name, letters) for name, letters in of_each if letters]


class _Round:
    """One tick's turn at the outbox."""

    def __init__(self, post: Post, journal: Journal, spec: Spec, state: State, *, now: datetime, actor: str) -> None:
        self._post, self._journal, self._spec, self._state = post, journal, spec, state
        self._model, self._now, self._actor = state.model, now, actor
        self._receivers: Mapping[str, Receiver] = {receiver_id(one): one for one in spec.alerts.to}
        self.entries: list[Entry] = []
        self.untold: list[Reason] = []
        self.told: list[Reason] = []

    def write(self) -> None:
        """Keep the letters that what happened calls for, and drop those to receivers that the spec no longer names."""
        outbox = self._post.outbox
        waiting, ledger = outbox.waiting(self._model), outbox.ledger(self._model)
        found = compose(self._state, self._spec, self._receivers, ledger, waiting, now=self._now)
        self.untold += found.left_out
        if found.letters or found.told or found.forget:
            with suppress(ConflictError):  # another tick was faster; what it left to tell, the next one tells
                outbox.put(self._model, found.letters, found.told, found.forget, expected=ledger.revision)
        for name in {one.receiver for one in waiting} - self._receivers.keys():
            self._settle(name, [one for one in waiting if one.receiver == name], again_at=None)

    def send(self) -> None:
        """Send what is due, all receivers at the same time."""
        until = self._now + _LEASE
        claimed = {name: self._post.outbox.claim(self._model, name, now=self._now, until=until) for name in self._receivers}
        left = [one for one in self._post.outbox.waiting(self._model) if not claimed.get(one.receiver)]
        # a letter without an error is being sent by another tick, or was by one that died
        for name in dict.fromkeys(one.receiver for one in left if one.error or one.attempts > 1):
            self.untold.append(not_told(receiver_name(self._receivers[name]), [one for one in left if one.receiver == name]))
        blocked = {one.receiver for one in left}
        parcels: dict[str, Parcel] = {}
        for name, receiver in self._receivers.items():
            message = None if name in blocked else self._message(name, receiver, claimed[name])
            if message is not None:
                parcels[name] = Parcel(receiver=receiver, notification=message)
        errors = self._post.sender.send(list(parcels.values())) if parcels else []
        for (name, parcel), error in zip(parcels.items(), errors, strict=True):
            if error:
                self._failed(name, claimed[name], error)
            elif claimed[name]:
                self._settle(name, claimed[name], again_at=None)
                self.told.append(because("alerts.told", receiver=receiver_name(parcel.receiver), title=_summary(parcel.notification)))

    def _message(self, name: str, receiver: Receiver, letters: Sequence[Letter]) -> Notification | None:
        """What waits for one receiver as one message: a single letter as it was written, several as one."""
        lines = latest_of_each(line for letter in letters for line in letter.notification.lines)
        if receiver.kind == "alertmanager":
            lines = self._repeated(name, lines)
        elif len(letters) == 1:
            return letters[0].notification
        most = None if receiver.kind == "alertmanager" else MOST_LINES
        return notification(self._state, self._spec, name, lines, now=self._now, most=most) if lines else None

    def _repeated(self, name: str, lines: Sequence[Line]) -> list[Line]:
        """Everything an Alertmanager has to hear at every tick, because it takes what is not repeated for over; and what is over."""
        known = {one.key for one in self._post.outbox.ledger(self._model).told if one.receiver == name}
        firing = [key for key in self._state.firing if key in known and self._state.silenced(key, self._now) is None]
        over = [line for line in lines if line.status == "resolved" and line.key not in firing]
        return [*(line_of(self._state, self._spec, key) for key in firing), *over]

    def _failed(self, name: str, letters: Sequence[Letter], error: str) -> None:
        """Put letters off, and give up those that have waited too long."""
        called = receiver_name(self._receivers[name])
        if not letters:
            self.untold.append(because("alerts.not_repeated", receiver=called, error=error))
            return
        old = [one for one in letters if self._now - one.written_at >= GIVE_UP_AFTER]
        if old and self._given_up(name, called, old, error):
            letters = [one for one in letters if one not in old]
        if letters:
            again_at = self._now + pause_after(max(one.attempts for one in letters))
            self._settle(name, letters, again_at=again_at, error=error)
            waiting = [one for one in self._post.outbox.waiting(self._model) if one.receiver == name]
            self.untold.append(not_told(called, waiting or letters))

    def _given_up(self, name: str, called: str, old: Sequence[Letter], error: str) -> bool:
        """Write down that a receiver could not be told, and forget that it was: what still fires is told anew, and may then arrive."""
        lines = latest_of_each(line for letter in old for line in letter.notification.lines)
        hours = (self._now - min(one.written_at for one in old)) / timedelta(hours=1)
        reason = because("alerts.undelivered", receiver=called, alerts=len(lines), hours=hours, error=error)
        event = Undelivered(receiver=called, keys=tuple(line.key for line in lines), reason=reason)
        newest = self._state.seq + len(self._journal.read(self._model, after=self._state.seq))
        try:
            self.entries += self._journal.append(self._model, [event], expected=newest, actor=self._actor, at=self._now)
        except ConflictError:
            return False  # somebody wrote to the journal at this moment: the next attempt gives it up
        turns = {(line.key, line.seq) for line in lines}
        told = self._post.outbox.ledger(self._model).told
        forget = [one for one in told if one.receiver == name and (one.key, one.seq) in turns]
        self._post.outbox.settle(self._model, name, [one.notification.id for one in old], again_at=None, forget=forget)
        self.untold.append(reason)
        return True

    def _settle(self, name: str, letters: Sequence[Letter], *, again_at: datetime | None, error: str = "") -> None:
        self._post.outbox.settle(self._model, name, [one.notification.id for one in letters], again_at=again_at, error=error)


def _summary(one: Notification) -> str:
    shown = ", ".join(f"{line.key} {line.status}" for line in one.lines[:3])
    left = one.firing + one.resolved - min(3, len(one.lines))
    return f"{shown} and {left} more" if left > 0 else shown
