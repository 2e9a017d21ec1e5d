"""In the child: a small gradient boosting that learns how far a regression's answers are off on its held-out rows."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from flyball.adapters.trees.flat import to_bytes
from flyball.adapters.trees.flatten import flatten
from flyball.adapters.trees.losses import inputs, numbers_of
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.monitoring.estimation import CROSSED
from flyball.serving.losses import FILES

Numbers = NDArray[np.float64]

_FOLDS = 3
_LEAST = 100
_MOST = 20_000


def learn(held_out: Table, schema: Schema, answer: Numbers, actual: Numbers, folder: Path) -> Mapping[str, bytes]:
    """Bundle file → content, and in the folder what each row's loss looked like to models that had not seen it. Nothing for few rows.

    Rows are left out in three runs of neighbours, because neighbours in time are alike.
    """
    if len(answer) < _LEAST or answer.ndim != 1:
        return {}
    with threadpool_limits(limits=1, user_api="openmp"):  # so few rows are not worth the waiting of threads for each other
        return _learn(inputs(held_out, answer, schema), actual - answer, schema, folder)


def _learn(inputs_of_all: Numbers, off_of_all: Numbers, schema: Schema, folder: Path) -> Mapping[str, bytes]:
    kept = slice(None, None, max(1, -(-len(off_of_all) // _MOST)))
    off, matrix = off_of_all[kept], inputs_of_all[kept]
    fold = np.arange(len(off)) * _FOLDS // len(off)
    files, crossed = {}, {}
    for loss, values in {"absolute_error": np.abs(off), "squared_error": np.square(off)}.items():
        files[FILES[loss]] = to_bytes(flatten(_fit(matrix, values), numbers_of(schema), "regression"))
        crossed[loss] = np.empty(len(off))
        for held in range(_FOLDS):
            crossed[loss][fold == held] = np.maximum(_fit(matrix[fold != held], values[fold != held]).predict(matrix[fold == held]), 0.0)
    np.savez(folder / CROSSED, **{"rows": np.arange(len(off_of_all))[kept], **crossed}, allow_pickle=False)
    return files


def _fit(matrix: Numbers, values: Numbers) -> HistGradientBoostingRegressor:
    model = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=8, min_samples_leaf=20, learning_rate=0.1, random_state=0)
    return model.fit(matrix, values)
