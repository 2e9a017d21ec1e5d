"""The engine for models that cannot be compiled: the MLflow model itself, which runs the trainer's Python code in processes of its own."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import finalize

import msgspec
import numpy as np

from flyball.adapters.mlflow.pool import Pool, start_child
from flyball.core.codec import to_plain
from flyball.core.errors import DataError, IntegrityError
from flyball.core.record import record
from flyball.core.table import Array, Table
from flyball.registry.records import EngineName, Manifest
from flyball.serving.engine import Row, Scores

FOLDER = "native"
PROCESSES = 1
DEADLINE = 30.0  # seconds one call may take; with more than a thousand rows in proportion more
_IN_TIME = 1000
_MOST_ROWS = 20_000  # rows that go to a process at once


@record
class Calling:
    """How the model of a bundle is called: the file `call.json` beside it; a bundle without one is called as the defaults say.

    `estimator`: the model's own object is called, else MLflow's `pyfunc`. `shape`: a row goes in as an array of this shape; empty: as
    named columns. `dtypes`: the types of the columns (of an array: its one type), empty where the model takes what there is. `labels`:
    it answers with classes and no probabilities; the scores are then 1 for the class it names and 0 for the others.
    """

    estimator: bool = True
    shape: tuple[int, ...] = ()
    dtypes: tuple[str, ...] = ()
    labels: bool = False


CALL = "call.json"


class PooledEngine:
    """Scores in child processes: one that is slow, hangs or dies takes nothing with it but the rows it had."""

    name: EngineName = "native"
    inline = False

    def __init__(self, pool: Pool, manifest: Manifest) -> None:
        self._pool = pool
        self._schema = manifest.schema
        wide = len(manifest.classes) if manifest.task == "multiclass" else len(manifest.outputs)
        self._none = (0, wide) if wide else (0,)
        self._end = finalize(self, _close_aside, pool)

    def close(self) -> None:
        """End its processes; calls that are under way fail at once."""
        self._end()

    def score(self, features: Table) -> Scores:
        """Score the rows of a table that has at least the schema's columns."""
        table = features.select(self._schema.names)
        parts = [table.take(slice(start, start + _MOST_ROWS)) for start in range(0, table.rows, _MOST_ROWS)] or [table]
        scores = [self._ask(part.rows, [_column_bytes(values) for values in part.columns.values()]) for part in parts]
        return scores[0] if len(scores) == 1 else np.concatenate(scores)

    def score_rows(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as values in the schema's order, missing as None."""
        return self._ask(len(rows), [[row[at] for row in rows] for at in range(len(self._schema.columns))])

    def score_one(self, row: Row) -> float:
        """The score of one row, as `score_rows` gives it."""
        return self.score_rows((row,)).item(0)

    def _ask(self, rows: int, columns: list[Any]) -> Scores:
        if rows == 0:
            return np.empty(self._none)
        try:
            request = msgspec.msgpack.encode((rows, columns))
        except (OverflowError, TypeError, ValueError) as error:
            raise DataError(f"a row does not fit the schema: {error}") from error
        shape, values = msgspec.msgpack.decode(self._pool.ask(request, patience=max(1.0, rows / _IN_TIME)), type=tuple[list[int], bytes])
        return np.frombuffer(values).reshape(shape)


def load(folder: Path, manifest: Manifest, *, processes: int = PROCESSES, deadline: float = DEADLINE) -> PooledEngine:
    """The model of a bundle in processes of its own, which run code: `load_engine` lets only trusted bundles come here.

    The files are verified by the process that opens them, right before it does.
    """
    if f"{FOLDER}/MLmodel" not in manifest.files:
        raise IntegrityError(f"the bundle in {folder} has no MLflow model under {FOLDER}/")
    hello = msgspec.msgpack.encode({"folder": str(folder), "manifest": to_plain(manifest)})
    return PooledEngine(Pool(lambda: start_child(hello), size=processes, deadline=deadline), manifest)


def _close_aside(pool: Pool) -> None:
    """End the children in a thread: whoever let go of the engine, an event loop perhaps, is not to wait for that."""
    if threading.main_thread().is_alive():
        threading.Thread(target=pool.close, name="model-process-end").start()
    else:  # at the end of the program no thread would be waited for
        pool.close()


def _column_bytes(values: Array) -> list[Any] | tuple[str, bytes]:
    if values.dtype.kind == "O":
        return [None if value is None or value != value else value for value in values.tolist()]
    return values.dtype.str, np.ascontiguousarray(values).tobytes()
