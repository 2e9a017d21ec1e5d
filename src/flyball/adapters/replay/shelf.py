"""Where a replay puts what its trainings leave: files in a scratch folder, without DVC, MLflow or git."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flyball.adapters.local.workspace import LocalWorkspace
from flyball.adapters.pandas.arrow import read_parquet, write_parquet
from flyball.core.errors import NotFoundError, RefusedError
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.data.records import Snapshot
from flyball.ports.training import Fitted, RunReport, Tracker
from flyball.training.records import WorkingTree


class ScratchSnapshots:
    """The port `Snapshots`: the newest rows in a folder; nothing is versioned."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, table: Table, booleans: frozenset[str], folder: Path) -> tuple[Path, str]:
        """Write the rows; equal rows give equal bytes. The folder is the replay's own, whatever is asked for."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "snapshot.parquet"
        return path, write_parquet(table, path, booleans)

    def keep(self, path: Path, name: str) -> tuple[str, str]:
        """The path as it is."""
        return str(path), ""

    def restore(self, snapshot: Snapshot) -> Table:
        """The rows of a snapshot that is still there."""
        path = Path(snapshot.path)
        if not path.is_file():
            raise NotFoundError(f"the rows of {snapshot.digest[:12]} are gone: a replay keeps them while it trains")
        return read_parquet(path).table

    def copy(self, snapshot: Snapshot, into: Path) -> None:
        """The file of a snapshot that is still there."""
        path = Path(snapshot.path)
        if not path.is_file():
            raise NotFoundError(f"the rows of {snapshot.digest[:12]} are gone: a replay keeps them while it trains")
        shutil.copyfile(path, into)

    def push(self, snapshot: Snapshot) -> int:
        """Refused."""
        raise RefusedError("a replay pushes no rows anywhere")

    def pull(self) -> int:
        """Nothing is elsewhere."""
        return 0


class ScratchTracker:
    """The port `Tracker` in memory. `packager` writes the model folder of models that could not be compiled, which are scored from it."""

    def __init__(self, packager: Tracker) -> None:
        self._packager = packager
        self._runs: dict[str, str] = {}
        self._begun = 0

    def find(self, model: str, identity: str) -> str:
        """The run with this identity."""
        return self._runs.get(identity, "")

    def package(self, model: Path, *, schema: Schema, fitted: Fitted, code: Mapping[str, Path], folder: Path) -> None:
        """A plain folder with the pickled model; one that MLflow can open only where the scores have to come from it."""
        if fitted.engine == "native":
            self._packager.package(model, schema=schema, fitted=fitted, code=code, folder=folder)
            return
        folder.mkdir(parents=True)
        shutil.copyfile(model, folder / "model.pkl")

    def begin(self, model: str, run_id: str) -> str:
        """A number of its own."""
        self._begun += 1
        return run_id or f"replay-{self._begun}"

    def record(self, report: RunReport) -> None:
        """Remember that the run is complete."""
        self._runs[report.identity] = report.run_id

    def fetch(self, run_id: str, into: Path) -> None:
        """Nothing is kept."""
        raise NotFoundError(f"the run {run_id} was one of a replay, which keeps none")


class ScratchWorkspace:
    """The port `Workspace`: room to work in the scratch folder; the project's git and packages are not looked at."""

    def __init__(self, folder: Path) -> None:
        self._local = LocalWorkspace(folder)

    def tree(self) -> WorkingTree:
        """No commit."""
        return WorkingTree(commit="", diff=b"")

    def environment(self) -> str:
        """Nothing: the versions are told by the project's own trainings."""
        return ""

    def versions(self) -> Mapping[str, str]:
        """As everywhere."""
        return self._local.versions()

    @contextmanager
    def work(self, identity: str) -> Iterator[Path]:
        """A folder in the scratch folder."""
        with self._local.work(identity) as folder:
            yield folder

    def done(self, identity: str) -> None:
        """Remove it."""
        self._local.done(identity)
