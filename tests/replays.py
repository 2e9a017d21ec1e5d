"""Requests, and what versions say of them, for tests of replays."""

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Table
from flyball.evaluation.replay import compare_answers
from flyball.evaluation.replay_records import ReplayReport, Requests, Said
from flyball.spec.records import Task

ROWS = 1_000


def requests(
    rows: int = ROWS, *, days: int = 1, actual: NDArray[np.object_] | None = None, fresh: bool = True, **columns: object
) -> Requests:
    return Requests(
        ids=np.array([f"p{number}" for number in range(rows)], dtype=object),
        day=np.arange(rows) * days // rows,
        features=Table({name: np.asarray(values) for name, values in columns.items()} or {"x": np.arange(rows, dtype=np.float64)}),
        actual=np.full(rows, None, dtype=object) if actual is None else actual,
        fresh=np.full(rows, fresh),
    )


def said(scores: object, *, version: int = 1, task: Task = "binary", classes: tuple[object, ...] = (0, 1), threshold: float = 0.5) -> Said:
    values = np.asarray(scores, dtype=np.float64)
    return Said(
        version=version,
        task=task,
        scores=values,
        failed=np.zeros(len(values), dtype=np.bool_),
        message="",
        classes=classes,  # type: ignore[arg-type]  # labels
        threshold=threshold,
    )


def compared(old: Said, new: Said, asked: Requests | None = None, **more: object) -> ReplayReport:
    return compare_answers("m", asked or requests(len(old.scores)), old, new, **more)  # type: ignore[arg-type]  # keywords of the function
