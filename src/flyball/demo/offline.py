"""What would have been: the first model left alone, and as many retrainings as the loop made, evenly spaced and promoted at once."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import UserCodeError
from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.data.snapshot import known_at, micros
from flyball.data.split import split_rows
from flyball.demo.stream import Stream
from flyball.registry.bundle import read_manifest
from flyball.serving.engine import load_engine
from flyball.spec.records import Spec

if TYPE_CHECKING:
    from types import ModuleType

    import pandas as pd

    from flyball.ports.serving import BundleStore

Scores = NDArray[np.float64]


def load_pipeline(folder: Path) -> ModuleType:
    """The project's own `pipeline.py`, as a module of its own."""
    path = folder / "pipeline.py"
    spec = importlib.util.spec_from_file_location("flyball_demo_pipeline", path)
    if spec is None or spec.loader is None:
        raise UserCodeError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def frozen_scores(bundles: BundleStore, digest: str, stream: Stream, rows: int) -> Scores:
    """What a version, served from its bundle, answers to the first `rows` of the stream."""
    folder = bundles.path(digest)
    engine = load_engine(folder, read_manifest(folder, digest))
    return engine.score(stream.features.take(slice(0, rows)))


def evenly_spaced(start: datetime, end: datetime, count: int) -> list[datetime]:
    """`count` times that cut the span into equal parts."""
    return [start + (end - start) * number / (count + 1) for number in range(1, count + 1)]


def scheduled_scores(
    prepared: pd.DataFrame,
    spec: Spec,
    train: Callable[..., Any],
    stream: Stream,
    frozen: Scores,
    times: Sequence[datetime],
    progress: Callable[[int], None],
) -> Scores:
    """The answers if a model of the same recipe, trained at each of `times` on what was known then, had served until the next.

    Before the first of them the frozen model serves. The recipe: the spec's window, its held-out newest share, its function and parameters.
    """
    scores = frozen.copy()
    known = _known_rows(prepared, spec)
    for number, at in enumerate(times):
        until = to_micros(times[number + 1]) if number + 1 < len(times) else None
        first = int(np.searchsorted(stream.at, to_micros(at)))
        last = len(scores) if until is None else min(len(scores), int(np.searchsorted(stream.at, until)))
        if first < last:
            model = _fit(prepared, spec, train, known, at)
            scores[first:last] = _score(model, stream, spec, first, last)
        progress(number + 1)
    return scores


def _known_rows(prepared: pd.DataFrame, spec: Spec) -> Table:
    """Time and time of the outcome of every row; NaT where there is no label."""
    data = spec.data
    assert data.time is not None
    assert data.outcome_time is not None
    return Table({name: prepared[name].dt.tz_localize(None).to_numpy("datetime64[us]") for name in (data.time, data.outcome_time)})


def _fit(prepared: pd.DataFrame, spec: Spec, train: Callable[..., Any], known: Table, now: datetime) -> Any:
    data = spec.data
    ripe = known_at(known, data)
    assert ripe is not None
    keep = ~np.isnat(known[data.outcome_time or ""]) & (ripe < to_micros(now))
    if spec.retrain.window is not None:
        keep &= micros(known[data.time or ""]) >= to_micros(now - spec.retrain.window)
    rows = np.flatnonzero(keep)
    chosen = rows[split_rows(known.take(rows), data, spec.evaluate.split).train]
    frame = prepared.iloc[chosen]
    return train(frame[list(data.features or ())], frame[data.target].astype("int64"), **spec.train.params)


def _score(model: Any, stream: Stream, spec: Spec, first: int, last: int) -> Scores:
    import pandas as pd

    part = stream.features.take(slice(first, last))
    frame = pd.DataFrame({name: part[name] for name in spec.data.features or ()})
    scores: Scores = model.predict_proba(frame)[:, 1]
    return scores
