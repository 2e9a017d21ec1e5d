"""Nouns of alerting: an alert with a stable key, what is told of it, and what waits to be told to whom."""

from datetime import datetime
from typing import Literal

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.window import Window
from flyball.spec.records import Receiver

Severity = Literal["critical", "warning"]
Status = Literal["firing", "resolved"]


@record
class Alert:
    """Something is certainly wrong. `key` is stable while it stays wrong, such as `drift:temp` or `performance:brier`.

    `severity` None: as the table in `alerting/rules.py` says for its kind.
    """

    key: str
    reason: Reason
    severity: Severity | None = None


@record
class Line:
    """One alert in a notification. `seq`: the journal entry that says it fired; `until`: when it was over, None while it fires.

    `window`: the rows its numbers rest on. `again`: it was told before and still fires.
    """

    key: str
    seq: int
    status: Status
    severity: Severity
    reason: Reason
    since: datetime
    until: datetime | None = None
    window: Window | None = None
    again: bool = False


@record
class Notification:
    """What a receiver is told at once, the worst first. `firing` and `resolved` count all there is to tell; `lines` may hold fewer.

    `id` is the same whenever the same is told to the same receiver, so that it can drop a repetition. `test`: a person tries the receiver.
    """

    id: str
    model: str
    at: datetime
    version: int | None
    lines: tuple[Line, ...]
    firing: int
    resolved: int
    link: str = ""
    test: bool = False

    @property
    def status(self) -> Status:
        """Firing while anything in it fires."""
        return "firing" if self.firing or self.test else "resolved"

    @property
    def more(self) -> int:
        """How many alerts it counts and does not hold."""
        return self.firing + self.resolved - len(self.lines)


@record
class Parcel:
    """A notification and the receiver it is for, as the spec names it."""

    receiver: Receiver
    notification: Notification


@record
class Letter:
    """A notification in the outbox. `receiver` is the id of one, `attempts` how often it was tried, `again_at` when it may be next."""

    receiver: str
    notification: Notification
    written_at: datetime
    again_at: datetime
    attempts: int = 0
    error: str = ""


@record
class Told:
    """That a receiver has been (or is about to be) told that an alert fires: the entry `seq`, the last time `at`."""

    receiver: str
    key: str
    seq: int
    at: datetime


@record
class Ledger:
    """Who was told what of one model. `revision` changes with every change of it."""

    revision: int
    told: tuple[Told, ...]
