"""The converted model against the trained one, row by row."""

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.registry.records import Parity
from flyball.serving.engine import TIE, positions
from flyball.spec.records import Task

Scores = NDArray[np.float64]


def parity(engine: Scores, native: Scores, *, task: Task, threshold: float, tolerance: float = 1e-5) -> Parity:
    """Compare the scores of both models over the same rows; `native` are the trained model's own float64 scores, unrounded.

    `largest_difference` is absolute for probabilities; for regression it is relative to the value, or to the mean size of all values
    where that is larger (a price in cents and one in millions are judged alike). `differing_labels` counts rows whose label differs,
    and rows only one of the two could score. A row whose trained score lies within twice `TIE` of where labels change (the threshold;
    the two largest probabilities being equal) is not counted as differing: there the label is the last bit of a sum, not of the
    model, and no two machines agree on it. Such a row still counts towards the largest difference, as do ties an engine settled.
    """
    if engine.shape != native.shape:
        raise DataError(f"scores of the converted model have the shape {engine.shape}, of the trained one {native.shape}")
    rows = len(native)
    by_row = (rows, -1)
    both = np.isfinite(engine).reshape(by_row).all(axis=1) & np.isfinite(native).reshape(by_row).all(axis=1) if rows else np.ones(0, bool)
    neither = np.isnan(engine).reshape(by_row).any(axis=1) & np.isnan(native).reshape(by_row).any(axis=1) if rows else np.ones(0, bool)
    lost = int((~both & ~neither).sum())
    left, right = engine[both], native[both]
    difference = np.abs(left - right)
    if task == "regression":
        if len(right):
            difference = difference / np.maximum(np.abs(right), max(float(np.abs(right).mean()), np.finfo(np.float64).tiny))
        differing = 0
    else:
        answers = positions(left, task=task, threshold=threshold)
        differs = answers != positions(right, task=task, threshold=threshold)
        differing = int((differs & ~_on_the_edge(right, answers, task, threshold)).sum())
    largest = float(difference.max(initial=0.0))
    return Parity(rows=rows, differing_labels=differing + lost, largest_difference=largest, tolerance=tolerance)


def acceptable(found: Parity) -> bool:
    """Whether the converted model may serve: every label agrees and no score is farther off than the tolerance."""
    return found.rows > 0 and found.differing_labels == 0 and found.largest_difference <= found.tolerance


def why_not(found: Parity) -> str:
    """Why a converted model may not serve, for the manifest."""
    if found.rows == 0:
        return "there was no row to compare the converted model with the trained one on"
    if found.differing_labels:
        return f"the converted model answers {found.differing_labels} of {found.rows} rows differently from the trained one"
    return (
        f"scores of the converted model differ from the trained one by up to {found.largest_difference:.2g} over {found.rows} rows,"
        f" more than {found.tolerance:.2g}"
    )


def _on_the_edge(native: Scores, answers: NDArray[np.int64], task: Task, threshold: float) -> NDArray[np.bool_]:
    """Rows whose other answer is as good as the trained model's own, up to the last bit."""
    if task == "binary":
        return np.abs(native - threshold) <= 2 * TIE
    if not len(native):
        return np.ones(0, dtype=np.bool_)
    return np.asarray(native[np.arange(len(native)), answers] >= native.max(axis=1) - 2 * TIE)
