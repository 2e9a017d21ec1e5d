"""Where the history of a backtest comes from, as the text of a flyball.toml: the spec's own data, a file, or the prediction log."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from flyball.adapters.pandas.arrow import write_parquet
from flyball.core.errors import DataError, UsageError
from flyball.core.table import Array
from flyball.loop.backtest.history import require_times
from flyball.loop.backtest.policies import with_changes
from flyball.loop.making.gather import logged_table
from flyball.ports.history import PredictionLog
from flyball.spec.records import VALUE, Spec


def history_text(text: str, spec: Spec, scratch: Path, *, data: Path | None, log: PredictionLog | None, now: datetime) -> str:
    """The text with the source that was asked for. With `data`: that file, through the project's own prepare steps. With `log`: its
    answered rows, which need no preparing, in a file in the scratch folder.
    """
    if data is not None and log is not None:
        raise UsageError("--data and --from-log exclude each other", hint="the history is either a file or the prediction log")
    if data is not None:
        if not data.exists():
            raise UsageError(f"--data {data} does not exist")
        return with_changes(text, {"data.source": str(data.resolve())})
    if log is None:
        return text
    require_times(spec.data)
    log.ingest()
    rows = log.labelled(spec.model.name, known_by=now, unlabelled_after=spec.data.matures)
    table = logged_table(rows, spec.data)
    if table is None or not any(actual is not None for actual in rows.actual):
        raise DataError(
            f"the prediction log has no predictions of {spec.model.name} whose outcome is known",
            hint="tell outcomes (flyball outcomes FILE), or replay a file: --data FILE",
        )
    path = scratch / "log.parquet"
    changes: dict[str, Any] = {"data.source": str(path), "data.prepare": None}
    if rows.features is not None and rows.value is not None and np.isfinite(rows.value).any() and VALUE not in table:
        table = table.with_columns({VALUE: rows.value})
        changes["data.features"] = list(rows.features.columns)
    target, boolean = _target(table[spec.data.target])
    write_parquet(table.with_columns({spec.data.target: target}), path, frozenset({spec.data.target}) if boolean else frozenset())
    if spec.evaluate.slices:
        changes["evaluate.slices"] = [name for name in spec.evaluate.slices if name in table]
    return with_changes(text, changes)


def _target(values: Array) -> tuple[Array, bool]:
    """Logged outcomes as one column, and whether they are true and false."""
    kinds = {type(value) for value in values.tolist()} - {type(None)}
    if kinds <= {bool, int, float}:
        return np.array([np.nan if value is None else float(value) for value in values.tolist()], dtype=np.float64), kinds == {bool}
    return np.array([None if value is None else str(value) for value in values.tolist()], dtype=object), False
