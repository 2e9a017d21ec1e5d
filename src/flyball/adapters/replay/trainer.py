"""Trainings of a replay: the project's own functions over the history as it stood at the simulated time, each different fit done once.

Policies that train on the same rows share the fit: it is kept in a folder by everything it depends on, whichever process did it first.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.core.codec import from_json, to_json, to_plain
from flyball.core.digest import sha256_file, sha256_json
from flyball.core.table import Table
from flyball.data.findings import Finding
from flyball.data.snapshot import as_text
from flyball.data.source import Prepared
from flyball.loop.backtest.history import known_by
from flyball.ports.training import LOGGED_ID, Embedded, Fitted, Trainer
from flyball.spec.records import Spec
from flyball.training.code import code_digest, project_code
from flyball.training.records import FitOrder

_GIVEN = ("snapshot.parquet", "train.npy", "test.npy")


class ReplayTrainer:
    """The port `Trainer`. `prepared` is all of the history; `close` does nothing, so that the project's process stays warm: `end` ends it.

    Where the spec trains from its source alone, the source is taken to grow with time; where the log adds to it, it stays as it was at
    `start`, and what came later is what the log has.
    """

    def __init__(
        self, own: Trainer, prepared: Prepared, project: Path, kept: Path, *, start: datetime, clock: Callable[[], datetime]
    ) -> None:
        self._own = own
        self._prepared = prepared
        self._project = project
        self._kept = kept
        self._start = start
        self._clock = clock
        self._at_start: Prepared | None = None
        self.cpu_seconds = 0.0
        """What the fits that were asked for took of the processor when they were done."""

    def warm(self) -> None:
        """Nothing: the project's process starts with the first fit that nobody did before."""

    def prepare(self, spec: Spec) -> Prepared:
        """The history as it stood: at the simulated time, or when the replay began if the log holds the rest."""
        if spec.retrain.source == "source":
            return known_by(self._prepared, spec.data, max(self._clock(), self._start))
        if self._at_start is None:
            self._at_start = known_by(self._prepared, spec.data, self._start)
        return self._at_start

    def validate(self, spec: Spec, rows: Table | None = None) -> list[Finding]:
        """What the project's own schema finds in the rows as they stood."""
        if spec.quality.schema is None:
            return []
        if rows is None:
            table = self.prepare(spec).table
            names = np.arange(table.rows).astype(str) if spec.data.id is None else as_text(table[spec.data.id])
            rows = table.with_columns({LOGGED_ID: names.astype(object)})
        return self._own.validate(spec, rows)

    def fit(self, order: FitOrder) -> Fitted:
        """Fit, or take what the same fit gave before."""
        key = self._key(order)
        done = self._kept / key
        with _alone(self._kept, key):
            if not (done / "fitted.json").is_file():
                self._keep(self._own.fit(order), order.folder, done)
        fitted = from_json((done / "fitted.json").read_bytes(), Fitted)
        self.cpu_seconds += fitted.seconds.get("cpu", 0.0)
        for name in _files(fitted):
            if not (order.folder / name).exists():
                shutil.copyfile(done / name, order.folder / name)
        return fitted

    def score(self, bundle: Path, digest: str, table: Table, folder: Path) -> NDArray[np.float64]:
        """The scores of a model that could not be compiled."""
        folder.mkdir(parents=True, exist_ok=True)
        return self._own.score(bundle, digest, table, folder)

    def embed(
        self, bundle: Path, digest: str, model: Path, table: Table, columns: Mapping[str, bool], folder: Path
    ) -> Mapping[str, Embedded]:
        """The texts of columns as the model turns them into numbers."""
        return self._own.embed(bundle, digest, model, table, columns, folder)

    def close(self) -> None:
        """Nothing: the next training of the replay uses the same process."""

    def end(self) -> None:
        """End the project's process."""
        self._own.close()

    def _key(self, order: FitOrder) -> str:
        told = {one.name: to_plain(getattr(order, one.name)) for one in fields(order) if one.name != "folder"}
        code = code_digest(project_code(self._project, [order.run]))
        return sha256_json([told, code, *(sha256_file(order.folder / name) for name in _GIVEN)])

    def _keep(self, fitted: Fitted, folder: Path, done: Path) -> None:
        draft = done.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in _files(fitted):
            shutil.copyfile(folder / name, draft / name)
        (draft / "fitted.json").write_text(to_json(fitted))
        draft.rename(done)


def _files(fitted: Fitted) -> list[str]:
    """Every file a fit left."""
    return sorted({name for name in (fitted.scores, fitted.model, fitted.onnx, fitted.log, *fitted.files.values()) if name})


@contextmanager
def _alone(folder: Path, key: str) -> Iterator[None]:
    """One process at a time works on the same fit."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{key}.lock").open("a") as lock:
        try:
            import fcntl
        except ImportError:  # Windows: two processes may do the same fit, and the later one's files are the same
            yield
            return
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        yield
