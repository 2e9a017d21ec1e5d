"""Everything the loop asks of the world, each a page of promises. Adapters keep them; `testing/` holds the suite each adapter passes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from flyball.core.record import record
from flyball.core.window import Window
from flyball.journal.events import Entry, Event
from flyball.serving.records import Accepted, Deployment, LoggedRows, Maturity, Outcome, Prediction, PredictionBatch


class Journal(Protocol):
    """What happened: one append-only, hash-chained stream of events per model."""

    def read(self, model: str, *, after: int = 0) -> list[Entry]:
        """The entries with seq > `after`, in order of seq (1, 2, 3 … without gaps)."""
        ...

    def append(self, model: str, events: Sequence[Event], *, expected: int, actor: str, at: datetime) -> list[Entry]:
        """Append all events or none, durably, if the newest seq is `expected`; else ConflictError naming the entry that came first."""
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

    def rows(self, model: str, version: int, window: Window, *, features: bool = False, maturity: Maturity | None = None) -> LoggedRows:
        """The rows of one version whose event time is in the window, answered or shadow.

        With `maturity`: only rows with event time + age <= by, and an outcome counts only if it was known (`outcome.at`) by event time + age.
        Without: every row, and every outcome known so far.
        """
        ...

    def find(self, prediction_id: str) -> tuple[Prediction, Outcome | None] | None:
        """One answered prediction by its own or the client's id, with its outcome."""
        ...

    def count(self, model: str, window: Window) -> Mapping[int, int]:
        """Answered predictions per version in a window."""
        ...


class OutcomeLog(Protocol):
    """Outcomes, joined to predictions when they are taken."""

    def take(self, model: str, outcomes: Sequence[Outcome], *, within: timedelta) -> Accepted:
        """Commit the outcomes that belong to exactly one earlier prediction (by id; by entity or unit: the latest at most
        `within` before `outcome.at`; `within` 0 means however long before).

        Each prediction takes one outcome; a second is rejected as `twice`. Nothing is taken for an unknown id.
        """
        ...

    def labelled_since(self, model: str, since: datetime, now: datetime) -> int:
        """How many outcomes became known with since < at <= now."""
        ...


class Deployments(Protocol):
    """The table servers watch."""

    def current(self, model: str) -> Deployment | None:
        """What servers of this model should answer with now."""
        ...

    def publish(self, deployment: Deployment) -> None:
        """Make it current, unless one with a higher seq is there already."""
        ...

    def acknowledge(self, model: str, worker: str, seq: int, error: str = "") -> None:
        """A worker answers with `seq` from now on, or could not (`error`) and goes on with what it had."""
        ...

    def workers(self, model: str) -> Mapping[str, tuple[int, str]]:
        """The live workers of a model: the seq each acknowledged, and its error.

        A worker that has not been heard of for 10 s is not listed.
        """
        ...


class BundleStore(Protocol):
    """Local copies of bundles by digest (SHA-256 of the signed manifest's bytes)."""

    def put(self, folder: Path) -> str:
        """Keep a copy of a complete, signed bundle folder, all or nothing; give its digest."""
        ...

    def path(self, digest: str) -> Path:
        """The folder of a bundle, every file verified against its manifest and the manifest against its signature.

        IntegrityError if that fails, NotFoundError if the bundle is not here.
        """
        ...


class Registry(Protocol):
    """The team's model registry (MLflow). The journal is the truth of aliases; here they are a projection."""

    def register(self, model: str, run_id: str, bundle: Path, *, identity: str, tags: Mapping[str, str]) -> int:
        """Make the next version of a model from a run, with its bundle as artifact; the same identity gives the same version again."""
        ...

    def aliases(self, model: str) -> Mapping[str, int]:
        """Flyball's aliases as they stand in the registry."""
        ...

    def set_alias(self, model: str, alias: str, version: int | None) -> None:
        """Point an alias at a version, or remove it (None)."""
        ...

    def fetch_bundle(self, model: str, version: int, into: Path) -> None:
        """Copy the bundle of a version out of the registry."""
        ...


@record
class Job:
    """A `flyball` verb to run somewhere: the words after `flyball`, in a project's folder."""

    action: str
    verb: tuple[str, ...]
    folder: Path


@record
class JobState:
    """How a job stands. `result` is the JSON it printed, `message` the end of what it said when it failed."""

    state: str  # running | done | failed | lost
    result: str
    message: str


class Executor(Protocol):
    """Where heavy work runs: local processes, later Dask or Ray."""

    def submit(self, job: Job) -> None:
        """Start it and return at once; the same `action` again does not start it twice."""
        ...

    def poll(self, action: str) -> JobState:
        """How it stands; `lost` if nobody knows it any more."""
        ...

    def cancel(self, action: str) -> None:
        """End it and everything it started."""
        ...
