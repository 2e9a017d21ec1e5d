"""What watching keeps and tells: counts, reports, and notifications on their way to people.

Each port is a page of promises. Adapters keep them; `testing/` holds the suite each adapter passes.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from flyball.alerting.records import Ledger, Letter, Parcel, Told
from flyball.core.window import Window
from flyball.journal.events import Entry
from flyball.monitoring.records import MonitorReport
from flyball.monitoring.slots import CountKey, Kept, Step
from flyball.serving.records import Answers, Place, Trip


class CountStore(Protocol):
    """Counts of what was predicted, slot by slot. They add up, so it does not matter who counted what, and in what order."""

    def places(self, model: str) -> Mapping[CountKey, Place]:
        """Every ledger of a model, and up to which place in the prediction log its rows are counted."""
        ...

    def add(self, model: str, steps: Sequence[Step]) -> bool:
        """Add the counts to what the slots hold and move the places, all of it, durably, if every ledger is at its step's `after`;
        else False, and nothing has changed. So a row is counted once, whoever counts, also twice at once.
        """
        ...

    def slots(self, model: str, ledger: CountKey, window: Window) -> list[Kept]:
        """The slots of a ledger that touch the window, in order of start."""
        ...

    def compact(self, model: str, lengths: Sequence[tuple[timedelta, datetime]]) -> int:
        """Add up shorter slots in longer ones: for each length, shortest first and each whole in the next, those that end by its time, a
        multiple of the length. The same rows stay counted. Say how many slots went.
        """
        ...

    def forget(self, model: str, ledgers: Collection[CountKey]) -> None:
        """Drop these ledgers, as if they had never been counted."""
        ...


class Reports(Protocol):
    """What monitoring found, window by window: servers show the newest as gauges, people look at the series."""

    def save(self, model: str, report: MonitorReport) -> None:
        """Keep a report; one of the same version and window replaces the one before.

        DataError for one with a number that is none: it could not be read back.
        """
        ...

    def latest(self, model: str, *, by: datetime | None = None) -> MonitorReport | None:
        """The report whose window ends last; with `by`, of those that end then or before. What cannot be read back is passed over."""
        ...

    def between(self, model: str, window: Window) -> list[MonitorReport]:
        """The reports whose windows end within a window, in order of time. What cannot be read back is passed over."""
        ...

    def ends(self, model: str) -> list[datetime]:
        """When the windows of all kept reports end, in order of time."""
        ...

    def passed_over(self, model: str) -> list[datetime]:
        """When the windows of those end that were asked for since this was opened, and could not be read back."""
        ...

    def thin(self, model: str, window: Window, *, every: timedelta | None) -> int:
        """Of the reports whose windows end within a window keep the last of each `every` since 1970 (None: none of them).

        Say how many went.
        """
        ...


class Looks(Protocol):
    """When the loop looked, so that one that stands still is seen."""

    def looked(self, model: str, at: datetime) -> None:
        """Remember that the loop looked at a model then."""
        ...

    def looks(self, model: str) -> list[datetime]:
        """When the loop looked last: the ten newest times, in order of time."""
        ...


# So long it is remembered how many requests were answered and refused.
TRAFFIC_KEPT = timedelta(days=30)


class Traffic(Protocol):
    """How many requests for predictions were answered and refused, by minute and status: what is refused is in no log."""

    def add(self, model: str, counts: Sequence[Answers]) -> None:
        """Add to what is counted, all of it or nothing, durably, whoever else counts. Minutes that are more than `TRAFFIC_KEPT` older
        than the newest of these are dropped.
        """
        ...

    def between(self, model: str, window: Window) -> list[Answers]:
        """What is counted of the minutes that start within a window, in order of time and then of status."""
        ...


class Outbox(Protocol):
    """What is to be told to whom, kept until it was: it outlives whoever wrote it down, and whoever died sending it."""

    def ledger(self, model: str) -> Ledger:
        """Which receiver was told (or is about to be) that which alert fires."""
        ...

    def put(self, model: str, letters: Sequence[Letter], told: Sequence[Told], forget: Sequence[Told], *, expected: int) -> None:
        """Keep letters and change the ledger, all or none, durably, if its revision is `expected`; else ConflictError.

        `told` replaces what stood there of the same receiver and key; `forget` takes that out.
        """
        ...

    def waiting(self, model: str) -> list[Letter]:
        """The letters that were not sent yet, in the order they were written."""
        ...

    def claim(self, model: str, receiver: str, *, now: datetime, until: datetime) -> list[Letter]:
        """All letters to a receiver, for whoever asks first: nobody else gets them before `until`. Each counts one attempt more.

        None while one of them may not be tried yet; a time more than a day ahead was set by another clock, and does not count.
        """
        ...

    def settle(
        self, model: str, receiver: str, ids: Sequence[str], *, again_at: datetime | None, error: str = "", forget: Sequence[Told] = ()
    ) -> None:
        """Say what became of claimed letters: they leave the outbox (`again_at` None), or wait with their `error`."""
        ...


class Sender(Protocol):
    """How notifications reach people and other systems."""

    def send(self, parcels: Sequence[Parcel]) -> list[str]:
        """Hand each over to its receiver, all at the same time. For each what kept it from being taken, in words, without secrets
        and without line breaks; empty: it was taken. Returns within ten seconds, however the receivers behave.
        """
        ...


class Listener(Protocol):
    """Another system that hears of everything in the journal."""

    def tell(self, where: str, entries: Sequence[Entry]) -> tuple[int, str]:
        """Hand over entries in their order to an address or file of the spec; how many were taken before the first that was not, and what
        kept that from being taken, in words, without secrets (empty: nothing). The same entry has the same id whenever it is told.
        Returns within ten seconds, however the listener behaves.
        """
        ...


class Guards(Protocol):
    """What guardrails did in servers, on its way to the journal."""

    def trip(self, trip: Trip) -> None:
        """Keep it, durably. The same one told again changes nothing. DataError for one with a number that is none."""
        ...

    def trips(self, model: str, *, since: datetime) -> list[Trip]:
        """Of what was kept with `at` not before a time the first of each version and guardrail, whoever saw it, in order of `at`."""
        ...
