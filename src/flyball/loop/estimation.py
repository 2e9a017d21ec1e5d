"""What a training puts into the bundle so that performance can be estimated before labels come."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyball.data.split import blocks_of
from flyball.loop.making.gather import Gathered
from flyball.monitoring.estimation import CROSSED, FILE, MOST_CLASSES, estimation_to_json, learn_classes, learn_losses
from flyball.ports.training import Fitted
from flyball.spec.records import Spec
from flyball.stats.intervals import blocks_of as numbered
from flyball.stats.losses import absolute_error_loss, positions, squared_error_loss


def estimation_files(spec: Spec, gathered: Gathered, fitted: Fitted, scores: NDArray[np.float64], folder: Path) -> Mapping[str, bytes]:
    """Bundle file → content; nothing where too little was held out to learn from. `folder`: what the fit left."""
    test = gathered.rows.table.take(gathered.split.test)
    block, by_day = numbered(blocks_of(test, spec.data)), spec.data.time is not None
    actual = test[spec.data.target]
    if spec.model.task == "regression":
        if not (folder / CROSSED).is_file() or scores.ndim != 1:
            return {}
        with np.load(folder / CROSSED) as crossed:
            rows = crossed["rows"]
            truth, answer = actual.astype(np.float64)[rows], scores[rows]
            losses = {"absolute_error": absolute_error_loss(truth, answer, 0.0), "squared_error": squared_error_loss(truth, answer, 0.0)}
            estimation = learn_losses(losses, {loss: crossed[loss] for loss in losses}, numbered(block[rows]), by_day=by_day)
        return {FILE: estimation_to_json(estimation)}
    truth = positions(actual, fitted.classes)
    known = (truth >= 0) & np.isfinite(scores if scores.ndim == 1 else scores.sum(axis=1))
    if not known.any() or len(fitted.classes) > MOST_CLASSES:
        return {}
    estimation = learn_classes(
        spec.model.task, truth[known], scores[known], spec.model.cut, numbered(block[known]), by_day=by_day, seed=spec.evaluate.split.seed
    )
    return {FILE: estimation_to_json(estimation)}
