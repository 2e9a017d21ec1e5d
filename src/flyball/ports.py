"""Everything the loop asks of the world, each a page of promises. Adapters keep them; `testing/` holds the suite each adapter passes."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from flyball.alerting.records import Ledger, Letter, Parcel, Told
from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.core.window import Window
from flyball.data.findings import Finding
from flyball.data.records import Snapshot
from flyball.data.source import Prepared
from flyball.journal.events import Entry, Event
from flyball.monitoring.records import MonitorReport
from flyball.monitoring.slots import CountKey, Kept, Step
from flyball.registry.records import EngineName, Parity
from flyball.serving.records import Accepted, Arrived, Deployment, LoggedRows, Maturity, Outcome, Place, Prediction, PredictionBatch
from flyball.spec.records import Spec
from flyball.training.records import FitOrder, WorkingTree


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
    ) -> LoggedRows:
        """The rows of one version whose event time is in the window, answered or shadow, with these keys of the requests' context.

        With `maturity`: only rows with event time + age <= by, and an outcome counts only if it was known (`outcome.at`) by event time +
        age; with the age 0, if it was known by `by`. Without: every row, and every outcome known so far. With `compared`: without rows
        that belong to no comparison: those that asked for a version (`pinned`) and those made elsewhere, and what shadows said of them.
        With `newest`: at most so many, those of the latest event times.
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
        """The answered rows of every version, with features, whose outcome was known (`outcome.at` <= known_by).

        With `since`: only rows whose event time is not before it. With `unlabelled_after`: also those without an outcome known by then
        (their `actual` is None) that had reached this age by `known_by`.
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

        Each prediction takes one outcome; a second is rejected as `twice`. Where several of the latest have the same time, the outcome is
        `ambiguous`. Nothing is taken for an unknown id.
        """
        ...

    def labelled_since(self, model: str, since: datetime, now: datetime) -> int:
        """How many outcomes became known with since < at <= now."""
        ...


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


class Reports(Protocol):
    """What monitoring found, window by window, and when the loop looked: servers show the newest as gauges, people look at the series."""

    def save(self, model: str, report: MonitorReport) -> None:
        """Keep a report; one of the same version and window replaces the one before."""
        ...

    def latest(self, model: str) -> MonitorReport | None:
        """The report whose window ends last."""
        ...

    def between(self, model: str, window: Window) -> list[MonitorReport]:
        """The reports whose windows end within a window, in order of time."""
        ...

    def thin(self, model: str, window: Window, *, every: timedelta | None) -> int:
        """Of the reports whose windows end within a window keep the last of each `every` since 1970 (None: none of them).

        Say how many went.
        """
        ...

    def looked(self, model: str, at: datetime) -> None:
        """Remember that the loop looked at a model then."""
        ...

    def looks(self, model: str) -> list[datetime]:
        """When the loop looked last: the ten newest times, in order of time."""
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

    def run_of(self, model: str, identity: str) -> str:
        """The run of the version with this identity; empty if there is none."""
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


@record
class Fitted:
    """What came of a fit; the paths are files in the order's folder. `run_id` is the MLflow run the user's code made, if it made one.

    `scores`: a .npy file with one score per test row, as the chosen engine gives them. `onnx` is empty where there is none, and for the
    engine `native`. `files`: what else the engine needs in the bundle, name there -> file.
    """

    run_id: str
    classes: tuple[str | int | float | bool, ...]
    scores: str
    model: str
    onnx: str
    log: str
    engine: EngineName
    engine_reason: str
    parity: Parity | None
    packages: Mapping[str, str]
    seconds: Mapping[str, float]
    files: Mapping[str, str] = field(default_factory=dict)


# In rows that are given to `Trainer.validate`: what they are called by. No column of anybody's data.
LOGGED_ID = "flyball prediction id"


class Trainer(Protocol):
    """Runs the project's own functions, in a process of their own. One per training."""

    def warm(self) -> None:
        """Start what takes time to start; return at once."""
        ...

    def prepare(self, spec: Spec) -> Prepared:
        """Read the source and run the prepare steps, taking from the cache what is there already."""
        ...

    def validate(self, spec: Spec, rows: Table | None = None) -> list[Finding]:
        """What the project's own schema (`[quality] schema`) finds in the prepared rows, which stay as they are; empty without one.

        With `rows`: in these instead, which need not have all its columns; their column `LOGGED_ID` names them. UserCodeError if it is
        no schema.
        """
        ...

    def fit(self, order: FitOrder) -> Fitted:
        """Fit the model; UserCodeError if the function raises, hangs, dies or returns something else than a fitted estimator."""
        ...

    def score(self, bundle: Path, digest: str, table: Table, folder: Path) -> NDArray[np.float64]:
        """The scores that a verified bundle of the engine `native` gives; only a process that may unpickle can say."""
        ...

    def close(self) -> None:
        """End the process and everything it started."""
        ...


class Snapshots(Protocol):
    """Snapshots as Parquet files, versioned by DVC."""

    def write(self, table: Table, booleans: frozenset[str], folder: Path) -> tuple[Path, str]:
        """Write the rows to a file in a folder; equal rows give equal bytes and the same name. Give the file and its SHA-256."""
        ...

    def keep(self, path: Path, name: str) -> tuple[str, str]:
        """Put a written file under version control as the snapshot of a model: its path in the project, and DVC's md5."""
        ...

    def restore(self, snapshot: Snapshot) -> Table:
        """The rows of a snapshot, from the project, DVC's cache or its remote; IntegrityError if the bytes are not those recorded."""
        ...

    def push(self, snapshot: Snapshot) -> int:
        """Send it to the project's DVC remote; say how many files went."""
        ...


@record
class RunReport:
    """What is told of a training to the tracker. `run_id` empty: make a run. `files` and `folders`: artifact path -> where it is here."""

    model: str
    run_id: str
    identity: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    snapshot: Snapshot
    files: Mapping[str, Path]
    folders: Mapping[str, Path]


class Tracker(Protocol):
    """Where runs are kept (MLflow)."""

    def find(self, model: str, identity: str) -> str:
        """The id of a complete run with this identity, empty if there is none. The first call takes seconds; it may run beside a fit."""
        ...

    def package(self, model: Path, *, schema: Schema, fitted: Fitted, code: Mapping[str, Path], folder: Path) -> None:
        """Write a plain MLflow model folder around a pickled estimator, with the project's code beside it; nothing of Flyball in it."""
        ...

    def begin(self, model: str, run_id: str) -> str:
        """The run to report to: the one given, or a new one in the experiment named as the model."""
        ...

    def record(self, report: RunReport) -> None:
        """Write parameters, metrics, tags, dataset and artifacts to the run, and only then mark it complete."""
        ...

    def fetch(self, run_id: str, into: Path) -> None:
        """Copy what `record` kept under `flyball/` into a folder; NotFoundError if this run is not a complete one of Flyball's."""
        ...


class Workspace(Protocol):
    """The project's folder: the state of its code, its environment, and room to work."""

    def tree(self) -> WorkingTree:
        """Commit and differences, by git."""
        ...

    def environment(self) -> str:
        """The installed packages, one `name==version` a line, sorted."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Versions of Python and of the libraries that learn, as far as they are installed."""
        ...

    def work(self, identity: str) -> AbstractContextManager[Path]:
        """The folder of one training, alone in it; what an earlier attempt left is still there."""
        ...

    def done(self, identity: str) -> None:
        """Remove the folder of a training that is over."""
        ...
