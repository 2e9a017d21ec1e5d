"""The parent's side of the child process: port Trainer."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.adapters.child.limits import threads
from flyball.adapters.child.process import Child
from flyball.adapters.mlflow.setup_lock import lock_of
from flyball.adapters.pandas.arrow import read_parquet, write_parquet
from flyball.core.codec import from_plain, to_plain
from flyball.core.digest import sha256_file, sha256_json
from flyball.core.errors import DataError, FlyballError, UserCodeError
from flyball.core.table import Table
from flyball.data.findings import Finding
from flyball.data.records import PrepareStep, SourceFile
from flyball.data.source import Prepared, require_columns, time_columns
from flyball.ports.training import LOGGED_ID, Embedded, Fitted
from flyball.spec.delivery import NO_LIMITS, Resources
from flyball.spec.records import Spec
from flyball.training.code import code_digest, project_code
from flyball.training.records import FitOrder

_CACHED = 12  # outputs kept, the newest
_SCORING = timedelta(minutes=30)
_EMBEDDING = timedelta(minutes=5)
_READERS = {".csv", ".parquet", ".pq"}


class ChildTrainer:
    """Runs a project's functions in one child process, started when it is first needed or warmed, within `resources`.

    `fetch` brings the rows of a query into the project's folder; without it, what lies there is what there is.
    """

    def __init__(
        self,
        project: Path,
        *,
        tracking_uri: str,
        artifacts: str,
        experiment: str,
        echo: Callable[[str], None],
        resources: Resources = NO_LIMITS,
        fetch: Callable[[Spec], None] | None = None,
    ) -> None:
        self._project, self._tracking_uri, self._fetch = project.resolve(), tracking_uri, fetch
        environment = {"MLFLOW_TRACKING_URI": tracking_uri, "MLFLOW_EXPERIMENT_NAME": experiment, **threads(resources)}
        lock = lock_of(self._project, tracking_uri)
        hello: dict[str, object] = {"lock": str(lock or ""), "environment": environment, "memory": resources.memory or 0}
        hello |= {"tracking_uri": tracking_uri, "artifacts": artifacts}
        self._child = Child(self._project, hello=hello, echo=echo)
        self._prepared: Path | None = None

    def warm(self) -> None:
        """Start the process; it imports what it will need by itself."""
        self._child.start()

    def prepare(self, spec: Spec) -> Prepared:
        """The rows after the last step. A single Parquet file without steps is read as it is; everything else goes through the cache."""
        if spec.data.connection and self._fetch is not None:
            self._fetch(spec)
        source = self._project / spec.data.place
        files = _files(source, spec.data.connection)
        told = tuple(SourceFile(path=_relative(f, self._project), size=f.stat().st_size, sha256=sha256_file(f)) for f in files)
        if not spec.data.prepare and len(files) == 1 and files[0].suffix.lower() != ".csv":
            return self._read(files[0], spec, told, ())
        reading = sha256_json(["read", [[file.path, file.sha256] for file in told]])
        steps = [{"name": "", "digest": reading}]
        for name in spec.data.prepare:
            code = code_digest(project_code(self._project, [name]))
            steps.append({"name": name, "digest": sha256_json(["step", name, code, steps[-1]["digest"]])})
        for step in steps:
            step["path"] = str(self._cache / f"{step['digest']}.parquet")
        last = Path(steps[-1]["path"])
        seconds, first = [0.0] * len(steps), len(steps) - 1
        if not last.is_file():
            order = {"do": "prepare", "source": str(source), "steps": steps}
            answer = self._child.ask(order, timeout=spec.train.timeout, doing="the prepare steps")
            seconds, first = answer["seconds"], answer["first"]
        last.touch()
        self._prune()
        ran = tuple(
            PrepareStep(name=step["name"] or "read", digest=step["digest"], cached=number <= first, seconds=round(seconds[number], 3))
            for number, step in enumerate(steps)
        )
        return self._read(last, spec, told, ran)

    def validate(self, spec: Spec, rows: Table | None = None) -> list[Finding]:
        """The rows go as a file; those that were prepared lie there already."""
        if spec.quality.schema is None:
            return []
        with tempfile.TemporaryDirectory(prefix="flyball-rows-") as folder:
            if rows is not None:
                path, ids = Path(folder) / "rows.parquet", LOGGED_ID
                write_parquet(rows, path)
            else:
                path, ids = self._prepared or self._prepared_now(spec), spec.data.id or ""
            order = {"do": "schema", "name": spec.quality.schema, "rows": str(path), "ids": ids, "partly": rows is not None}
            answer = self._child.ask(order, timeout=spec.train.timeout, doing=f"[quality] schema {spec.quality.schema}")
        return from_plain(answer["findings"], list[Finding])

    def fit(self, order: FitOrder) -> Fitted:
        """Fit in the child; what it printed since its start stands in `output.log` beside the model."""
        command = {
            "do": "fit",
            "run": order.run,
            "params": dict(order.params),
            "task": order.task,
            "threshold": order.threshold,
            "schema": to_plain(order.schema),
            "target": order.target,
            "folder": str(order.folder),
            "weight": order.weight,
            "command": list(order.command),
            "python": order.python,
            "given": order.given,
        }
        began = time.perf_counter()
        try:
            answer = self._child.ask(command, timeout=order.timeout, doing=order.doing)
        except UserCodeError:
            self._end_run()
            raise
        finally:
            (order.folder / "output.log").write_bytes(self._child.output())
        answer["log"] = "output.log"
        answer["seconds"]["child"] = round(time.perf_counter() - began, 3)
        return from_plain(answer, Fitted)

    def score(self, bundle: Path, digest: str, table: Table, folder: Path) -> NDArray[np.float64]:
        """The rows go as a file, the scores come back as one."""
        write_parquet(table, folder / "to-score.parquet")
        command = {"do": "score", "bundle": str(bundle), "digest": digest, "folder": str(folder)}
        self._child.ask(command, timeout=_SCORING, doing="scoring with the champion")
        scores: NDArray[np.float64] = np.load(folder / "scored.npy")
        return scores

    def embed(
        self, bundle: Path, digest: str, model: Path, table: Table, columns: Mapping[str, bool], folder: Path
    ) -> Mapping[str, Embedded]:
        """The rows go as a file, the vectors come back as one for each column."""
        write_parquet(table, folder / "to-embed.parquet")
        command = {"do": "embed", "bundle": str(bundle), "digest": digest, "model": str(model), "folder": str(folder)}
        answer = self._child.ask({**command, "columns": dict(columns)}, timeout=_EMBEDDING, doing="the model's steps for texts")
        return {name: _embedded(found, folder) for name, found in answer.items()}

    def close(self) -> None:
        """End the process group."""
        self._child.close()

    def _end_run(self) -> None:
        """A process that was killed has left its MLflow run as running; one that answered has ended it."""
        if not self._child.run_id:
            return
        from flyball.adapters.mlflow.tracker import end_killed

        with contextlib.suppress(FlyballError):  # what the training died of is what must be told
            end_killed(self._tracking_uri, self._child.run_id)

    @property
    def _cache(self) -> Path:
        return self._project / ".flyball" / "cache"

    def _prepared_now(self, spec: Spec) -> Path:
        self.prepare(spec)
        assert self._prepared is not None
        return self._prepared

    def _read(self, path: Path, spec: Spec, files: tuple[SourceFile, ...], steps: tuple[PrepareStep, ...]) -> Prepared:
        self._prepared = path
        times = time_columns(spec.data)
        found = read_parquet(path, times=times)
        require_columns(found.table, times, "flyball.toml")
        return Prepared(table=found.table, booleans=found.booleans, files=files, steps=steps, warnings=found.warnings)

    def _prune(self) -> None:
        kept = sorted(self._cache.glob("*.parquet"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[_CACHED:]:
            path.unlink(missing_ok=True)


def _embedded(found: Mapping[str, str], folder: Path) -> Embedded:
    vectors = np.load(folder / found["file"]) if found["file"] else np.empty((0, 0))
    return Embedded(by=found["by"], error=found["error"], vectors=vectors)


def _files(path: Path, connection: str = "") -> list[Path]:
    """The files of a source, found without pandas."""
    if connection and not path.is_dir():
        raise DataError(f"the query was not asked yet: there is no {path}", hint="`flyball snapshot` asks it and keeps the rows there")
    if path.is_dir():
        found = sorted(entry for entry in path.rglob("*") if entry.suffix.lower() in _READERS and entry.is_file())
        if not found:
            raise DataError(f"the directory {path} holds no .csv and no .parquet file", hint="name a file, or a directory of them")
        return found
    if not path.is_file():
        there = sorted(entry.name for entry in path.parent.glob("*"))[:10] if path.parent.is_dir() else []
        hint = f"there are: {', '.join(there)}" if there else f"there is nothing in {path.parent}"
        raise DataError(f"data.source names {path}, which does not exist", hint=hint)
    if path.suffix.lower() not in _READERS:
        raise DataError(f"data.source names {path}, which is neither .csv nor .parquet", hint="convert it with a script of your own")
    return [path]


def _relative(path: Path, root: Path) -> str:
    return path.resolve().relative_to(root).as_posix() if path.resolve().is_relative_to(root) else str(path)


def open_scratch_trainer(project: Path, model: str, folder: Path) -> ChildTrainer:
    """A trainer for a fit that leaves nothing: what the project's code tells MLflow of its own accord goes to a folder that is removed."""
    return ChildTrainer(
        project,
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        artifacts=str(folder / "mlartifacts"),
        experiment=model,
        echo=_unheard,
    )


def _unheard(_: str) -> None:
    """What the project's functions print is not shown."""
