"""Published numbers are reproduced: NannyML's synthetic car loan, estimated AUC and distances by chunk.

The data stand in its wheel, which `make unit` downloads and nobody installs; the folder it is in is named by FLYBALL_CARLOAN.
"""

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.profile import build_reference
from flyball.monitoring.counts import count
from flyball.monitoring.drift import drift
from flyball.monitoring.estimation import learn_classes
from flyball.stats.distances import ks_exact
from flyball.stats.estimation import expected, probabilities
from flyball.stats.scores import METRICS

CHUNK = 5_000
AUC = [0.970744, 0.971011, 0.971407, 0.971091, 0.971123, 0.96109, 0.961825, 0.961073, 0.962533, 0.961316]
KS = [0.01576, 0.01272, 0.01746, 0.01282, 0.01922, 0.00824, 0.01068, 0.01002, 0.0107, 0.007]

Frames = Mapping[str, pd.DataFrame]


@pytest.fixture(scope="module")
def car_loan() -> Frames:
    folder = Path(os.environ.get("FLYBALL_CARLOAN", "."))
    wheels = sorted(folder.glob("nannyml-*.whl"))
    if not wheels:
        pytest.skip(f"no nannyml wheel in {folder.resolve()}: `make unit` downloads it and sets FLYBALL_CARLOAN to its folder")
    with zipfile.ZipFile(wheels[0]) as wheel:

        def read(name: str) -> pd.DataFrame:
            return pd.read_csv(io.BytesIO(wheel.read(f"nannyml/datasets/data/synthetic_car_loan_{name}.csv")))

        return {name: read(name) for name in ("reference", "analysis", "analysis_target")}


def chunks(frame: pd.DataFrame, column: str) -> list[Any]:
    return [frame[column].to_numpy()[start : start + CHUNK] for start in range(0, len(frame), CHUNK)]


def test_the_auc_estimated_without_labels_is_the_published_one_in_every_chunk(car_loan: Frames) -> None:
    reference = car_loan["reference"]
    score, truth = reference["y_pred_proba"].to_numpy(), reference["repaid"].to_numpy(dtype=np.int64)
    learnt = learn_classes("binary", truth, score, 0.5, np.arange(len(score)), by_day=False)
    assert learnt.calibrated
    found = [
        expected(METRICS["roc_auc"], probabilities(learnt.maps, chunk), chunk, 0.5)
        for chunk in chunks(car_loan["analysis"], "y_pred_proba")
    ]
    assert found == pytest.approx(AUC, abs=2e-3)
    uncalibrated = [
        expected(METRICS["roc_auc"], np.stack((1 - chunk, chunk), axis=1), chunk, 0.5)
        for chunk in chunks(car_loan["analysis"], "y_pred_proba")
    ]
    assert not any(value == pytest.approx(published, abs=2e-3) for value, published in zip(uncalibrated, AUC, strict=True))


def test_the_estimate_is_near_what_the_labels_showed_later(car_loan: Frames) -> None:
    reference, analysis, target = (car_loan[name] for name in ("reference", "analysis", "analysis_target"))
    learnt = learn_classes(
        "binary",
        reference["repaid"].to_numpy(dtype=np.int64),
        reference["y_pred_proba"].to_numpy(),
        0.5,
        np.arange(len(reference)),
        by_day=False,
    )
    for score, truth in zip(chunks(analysis, "y_pred_proba"), chunks(target, "repaid"), strict=True):
        for name in ("roc_auc", "brier", "f1", "accuracy"):
            estimate = expected(METRICS[name], probabilities(learnt.maps, score), score, 0.5)
            assert estimate == pytest.approx(METRICS[name].function(truth.astype(np.int64), score, 0.5), abs=0.01)


def test_the_distance_of_a_column_is_the_published_one_in_every_chunk(car_loan: Frames) -> None:
    column = "debt_to_income_ratio"
    schema = Schema(columns=(Column(name=column, kind="number", nullable=False),))
    before = car_loan["reference"][column].to_numpy()
    reference = build_reference(Table({column: before}), schema, {}, bins=1024)
    for chunk, published in zip(chunks(car_loan["analysis"], column), KS, strict=True):
        found = drift(reference, count(reference, Table({column: chunk}), {}))[column]
        assert found.distance == pytest.approx(published, abs=5e-4)
        assert ks_exact(before, chunk)[0] == pytest.approx(published, abs=5e-6)
