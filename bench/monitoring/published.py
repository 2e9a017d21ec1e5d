"""NannyML's published numbers of its synthetic car loan, computed by us from the data in its wheel."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench.monitoring.results import Published
from bench.serving.environments import python_of
from numpy.typing import NDArray

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.cells import alone
from flyball.data.profile import build_reference
from flyball.monitoring.counts import Counter
from flyball.stats.distances import ks_exact, ks_interval
from flyball.stats.scores import METRICS

CHUNK = 5_000
KS = [0.01576, 0.01272, 0.01746, 0.01282, 0.01922, 0.00824, 0.01068, 0.01002, 0.0107, 0.007]
CBPE = [0.970744, 0.971011, 0.971407, 0.971091, 0.971123, 0.96109, 0.961825, 0.961073, 0.962533, 0.961316]
_VALUES = -2  # the last two cells of a number hold what is missing and what could not be read
_COLUMN = "debt_to_income_ratio"


def published() -> tuple[list[Published], str]:
    """Each published series beside ours; and why the estimate without labels is not there, if it is not."""
    reference, analysis = _frames()
    found = [_distances(reference, analysis)]
    try:
        found.append(_estimates(reference, analysis))
    except ImportError as error:
        return found, f"performance without labels is not part of this Flyball: {error}"
    return found, ""


def _frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    data = next(python_of("nannyml").parents[1].glob("lib/python*/site-packages/nannyml/datasets/data"))
    return _read(data / "synthetic_car_loan_reference.csv"), _read(data / "synthetic_car_loan_analysis.csv")


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)


def _chunks(analysis: pd.DataFrame) -> list[pd.DataFrame]:
    return [analysis.iloc[at : at + CHUNK] for at in range(0, len(analysis), CHUNK)]


def _distances(reference: pd.DataFrame, analysis: pd.DataFrame) -> Published:
    """The exact distance of each chunk to the whole reference, and whether the interval from counts holds it."""
    before = reference[_COLUMN].to_numpy()
    profile = build_reference(Table({"x": before}), Schema(columns=(Column(name="x", kind="number", nullable=False),)), {})
    counter, column = Counter(profile), profile.columns["x"]
    known, single = np.array(column.counts, dtype=np.int64)[:_VALUES], alone(np.array(column.edges))
    exact, inside = [], True
    for chunk in _chunks(analysis):
        values = chunk[_COLUMN].to_numpy()
        exact.append(ks_exact(before, values)[0])
        counts = counter.count(Table({"x": values}), {}).columns["x"][:_VALUES]
        lower, upper = ks_interval(known, counts, single)
        inside = inside and lower - 1e-12 <= exact[-1] <= upper + 1e-12
    return Published(f"KS of `{_COLUMN}` by chunk of {CHUNK:,}".replace(",", " "), KS, exact, inside)


def _estimates(reference: pd.DataFrame, analysis: pd.DataFrame) -> Published:
    """ROC AUC of each chunk of the analysis, without its labels: they are not in the file."""
    learned: Any = importlib.import_module("flyball.monitoring.estimation")
    stats: Any = importlib.import_module("flyball.stats.estimation")
    score, truth = _scores(reference), reference["repaid"].to_numpy().astype(np.intp)
    block = (np.arange(len(reference)) // CHUNK).astype(np.intp)
    estimation = learned.learn_classes("binary", truth, score, 0.5, block, by_day=False)
    found = []
    for chunk in _chunks(analysis):
        probability = stats.probabilities(estimation.maps, _scores(chunk))
        found.append(float(stats.expected(METRICS["roc_auc"], probability, _scores(chunk), 0.5)))
    return Published(f"ROC AUC without labels (CBPE) by chunk of {CHUNK:,}".replace(",", " "), CBPE, found)


def _scores(frame: pd.DataFrame) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = frame["y_pred_proba"].to_numpy(dtype=np.float64)
    return scores
