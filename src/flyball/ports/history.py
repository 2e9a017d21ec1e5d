"""What happened: the journal, the predictions that were made, and what became of them.

Each port is a page of promises. Adapters keep them; `testing/` holds the suite each adapter passes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from flyball.core.record import record
from flyball.core.window import Window
from flyball.journal.chain import Link
from flyball.journal.events import Entry, Event
from flyball.serving.records import Accepted, Arrived, LoggedRows, Maturity, Outcome, Place, Prediction, PredictionBatch


class Journal(Protocol):
    """What happened: one append-only, hash-chained stream of events per model."""

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        """The entries with seq > `after`, in order of seq (1, 2, 3 … without gaps)."""
        ...

    def links(self, model: str) -> list[Link]:
        """Every entry as it is stored, in order of seq, unchecked: `read` refuses an edited journal, this is for finding the fault."""
        ...

    def append(
        self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime, epoch: int | None = None
    ) -> list[Entry]:
        """Append all events or none, durably, if the newest seq is `expected`; else ConflictError naming the entry that came first.

        With `epoch`, of the lease the writer acts by: StaleLeaderError, told in the same transaction, if the lease has a higher one by
        now. Without, as for what a person does, nobody's lease matters.
        """
        ...

    def models(self) -> list[str]:
        """The names of all models with at least one entry, sorted."""
        ...


class PredictionLog(Protocol):
    """The answered and shadow predictions, and what became of them."""

    def ingest(self) -> int:
        """Move everything the servers have flushed into the store, each row exactly once however often and by whomever this is called.

        Say how many rows were moved.
        """
        ...

    def add(self, batch: PredictionBatch) -> int:
        """Store a batch directly (batch scoring); a client id already known is skipped. Say how many rows were new."""
        ...

    def rows(
        self,
        model: str,
        version: int,
        window: Window,
        *,
        features: bool = False,
        maturity: Maturity | None = None,
        compared: bool = False,
        newest: int | None = None,
        context: Sequence[str] = (),
        one_in: int = 1,
        arms: bool = False,
    ) -> LoggedRows:
        """The rows of one version whose event time is in the window, answered or shadow, with these keys of the requests' context.

        With `maturity`: only rows with event time + age <= by, and an outcome counts only if it was known (`outcome.at`) by event time +
        age; with the age 0, if it was known by `by`. Without: every row, and every outcome known so far. With `compared`: without rows
        that belong to no comparison: those that asked for a version (`pinned`) or were given one (`holdback`, `override`), those made
        elsewhere, and what shadows said of them.
        With `newest`: at most so many, those of the latest event times. With `one_in`: about one in so many, spread evenly over the order
        in which they came, the same ones at every look; those of 8 are among those of 4. With `arms`, and with `compared`: also
        who answered, how likely that was and what the outcome was worth (`variant`, `propensity`, `value`).
        """
        ...

    def arrived(self, model: str, version: int, after: Place, *, limit: int, window: Window | None = None) -> Arrived:
        """At most `limit` rows of a version that arrived after a place, with features, in order of arrival; with `window`, only those
        whose event time is in it. A shadow has the features of its answered row if that arrived before it.

        Reading on from `Arrived.place` until there is no `more` gives every row once, and what arrives meanwhile comes after it.
        """
        ...

    def labelled(
        self, model: str, *, known_by: datetime, since: datetime | None = None, unlabelled_after: timedelta | None = None
    ) -> LoggedRows:
        """The answered rows of every version whose outcome was known (`outcome.at` <= known_by), with features, arms and `version`.

        With `since`: only rows whose event time is not before it. With `unlabelled_after`: also those without an outcome known by then
        (their `actual` is None) that had reached this age by `known_by`.
        """
        ...

    def find(self, prediction_id: str) -> tuple[Prediction, Outcome | None] | None:
        """One answered prediction by its own or the client's id, with its outcome."""
        ...

    def find_all(self, prediction_ids: Sequence[str]) -> Mapping[str, tuple[Prediction, Outcome | None]]:
        """The answered predictions with these ids of their own, each as `find` gives it, by id; an id that nobody has is left out.

        For some thousands of ids at once.
        """
        ...

    def count(self, model: str, window: Window) -> Mapping[int, int]:
        """Answered predictions per version in a window."""
        ...


class OutcomeLog(Protocol):
    """Outcomes, joined to predictions when they are taken."""

    def take(self, model: str, outcomes: Sequence[Outcome], *, within: timedelta) -> Accepted:
        """Commit the outcomes that belong to exactly one earlier prediction (by id; by entity or unit: the latest at most
        `within` before `outcome.at`; `within` 0 means however long before).

        Each prediction takes one outcome; a second is rejected as `twice`. Where several of the latest have the same time, the outcome is
        `ambiguous`. Nothing is taken for an unknown id.
        """
        ...

    def labelled_since(self, model: str, since: datetime, now: datetime) -> int:
        """How many outcomes became known with since < at <= now."""
        ...


@record
class Dropped:
    """What retention took away: predictions with what hangs on them, and for which days (since 1970) at once. `more`: some may be left."""

    predictions: int = 0
    days: tuple[int, ...] = ()
    more: bool = False


class Retention(Protocol):
    """Forgetting predictions whose time is over. Counts, reports and the journal stay."""

    def drop_before(self, at: datetime, *, most: int | None = None) -> Dropped:
        """Drop the predictions of the days (UTC) before the one in which this time lies, with their shadows and outcomes; where they go
        row by row, at most about `most` of them, shadows included. The newest row may have to stay.

        Others can read and write meanwhile. Places in the order of arrival stay what they were, and are never given twice.
        """
        ...
