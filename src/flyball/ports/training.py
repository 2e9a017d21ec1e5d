"""What learning asks of the world: where it runs, whose code it runs, and where rows and runs are kept.

Each port is a page of promises. Adapters keep them; `testing/` holds the suite each adapter passes.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.data.findings import Finding
from flyball.data.records import Snapshot
from flyball.data.source import Prepared
from flyball.registry.records import EngineName, Parity
from flyball.spec.records import External, Spec
from flyball.training.records import FitOrder, WorkingTree


@record
class Job:
    """A `flyball` verb to run somewhere: the words after `flyball`, in a project's folder. `actor`: in whose name; empty: in nobody's."""

    action: str
    verb: tuple[str, ...]
    folder: Path
    actor: str = ""


@record
class JobState:
    """How a job stands. `result` is the JSON it printed, `message` the end of what it said when it failed.

    `cost`: what it took, once it is over and where that is known: `seconds` on the clock, and `cpu_seconds` of its processes (user and
    system), those of its children included.
    """

    state: str  # running | done | failed | lost
    result: str
    message: str
    cost: Mapping[str, float] = field(default_factory=dict, compare=False)


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


@record
class Embedded:
    """The texts of one column as vectors, one for each row, as the steps `by` of the model make them; NaN where there is no text.

    `error`: why they could not; there are no vectors then.
    """

    by: str
    vectors: NDArray[np.float64]
    error: str = ""


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

    def embed(
        self, bundle: Path, digest: str, model: Path, table: Table, columns: Mapping[str, bool], folder: Path
    ) -> Mapping[str, Embedded]:
        """The texts of these columns as the model of a verified bundle turns them into numbers; without those it does not.

        `columns`: name → whether any step that reads this column alone counts; else only those made for text. `model` is opened if it is
        what the bundle signs, which takes a process that may unpickle; IntegrityError if not.
        """
        ...

    def close(self) -> None:
        """End the process and everything it started."""
        ...


class Elsewhere(Protocol):
    """Another system that trains (`[train] external`), and the registry it leaves its versions in."""

    def ask(self, external: External, request: Mapping[str, object], *, key: str) -> None:
        """Send it the request; `key` is the same for repetitions of one. SpecError or StoreError if it did not take it."""
        ...

    def made(self, action: str) -> str:
        """The newest model version that is tagged with this action, such as `models:/churn/7`; empty while there is none."""
        ...

    def fetch(self, version: str, into: Path) -> None:
        """Copy the MLflow model of a version into a folder that does not exist yet."""
        ...

    def register_at(self) -> str:
        """The address of the registry, for whoever is to register a version there."""
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

    def copy(self, snapshot: Snapshot, into: Path) -> None:
        """Copy the file of a snapshot, byte by byte, to a path; found and refused as by `restore`."""
        ...

    def push(self, snapshot: Snapshot) -> int:
        """Send it to the project's DVC remote; say how many files went."""
        ...

    def pull(self) -> int:
        """Bring what the project keeps under version control and does not have here; say how many files came. None without DVC."""
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


@record
class Learned:
    """What came of a training, for whoever follows where models come from. `version` None: nothing was registered."""

    run_id: str
    snapshot: Snapshot
    version: int | None
    bundle: str
    verdict: str


class Lineage(Protocol):
    """Another system that follows which data made which model. Whatever is wrong with it, a training never fails by it nor waits long."""

    def started(self, job: Literal["train", "register"], cause: str) -> str:
        """A training begins; the name of this attempt."""
        ...

    def completed(self, job: Literal["train", "register"], attempt: str, learned: Learned) -> None:
        """It came to its end."""
        ...

    def failed(self, job: Literal["train", "register"], attempt: str, message: str) -> None:
        """It failed, and why."""
        ...


class Sources(Protocol):
    """What is kept of the project's code in the course of time (git)."""

    def knows(self, commit: str) -> bool:
        """Whether a commit is still there."""
        ...

    def checkout(self, commit: str, diff: bytes, into: Path) -> Path:
        """Write the project's folder into another as it stood at a commit with this difference on top; give the project's folder in it.

        The project and its repository are only read. NotFoundError without that commit, IntegrityError if the difference does not fit it.
        """
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
