"""Published numbers are reproduced: NannyML's synthetic car loan, AUC estimated without labels and distances, by chunk.

The data stand in its wheel, which `make unit` downloads and nobody installs; the folder it is in is named by FLYBALL_CARLOAN.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from bench.car_loan import COLUMN, FINE, PUBLISHED_AUC, PUBLISHED_KS, Frames, chunks, distances, estimates, frames, learnt, realised

from flyball.data.profile import BINS
from flyball.stats.distances import ks_exact
from flyball.stats.estimation import expected
from flyball.stats.scores import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "live-performance.md"


@pytest.fixture(scope="module")
def car_loan() -> Frames:
    folder = Path(os.environ.get("FLYBALL_CARLOAN", "."))
    found = frames(folder)
    if found is None:
        pytest.skip(f"no nannyml wheel in {folder.resolve()}: `make unit` downloads it and sets FLYBALL_CARLOAN to its folder")
    return found


def test_the_auc_estimated_without_labels_is_the_published_one_in_every_chunk(car_loan: Frames) -> None:
    estimation = learnt(car_loan)
    assert estimation.calibrated
    assert estimates(estimation, car_loan, "roc_auc") == pytest.approx(PUBLISHED_AUC, abs=2e-3)
    as_they_are = [
        expected(METRICS["roc_auc"], np.stack((1 - score, score), axis=1), score, 0.5)
        for score in chunks(car_loan["analysis"], "y_pred_proba")
    ]
    assert not any(value == pytest.approx(published, abs=2e-3) for value, published in zip(as_they_are, PUBLISHED_AUC, strict=True))


@pytest.mark.parametrize("metric", ["roc_auc", "brier", "f1", "accuracy"])
def test_estimates_are_near_what_the_labels_showed_later(car_loan: Frames, metric: str) -> None:
    assert estimates(learnt(car_loan), car_loan, metric) == pytest.approx(realised(car_loan, metric), abs=0.01, rel=0.05)


def test_the_distance_of_a_column_is_the_published_one_in_every_chunk(car_loan: Frames) -> None:
    assert distances(car_loan, FINE) == pytest.approx(PUBLISHED_KS, abs=5e-4)
    before = car_loan["reference"][COLUMN].to_numpy()
    exact = [ks_exact(before, chunk)[0] for chunk in chunks(car_loan["analysis"], COLUMN)]
    assert exact == pytest.approx(PUBLISHED_KS, abs=5e-6)


def test_the_table_in_the_docs_is_what_the_bench_prints(car_loan: Frames) -> None:
    told = [
        [float(cell) for cell in re.findall(r"\d\.\d+", line)]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if re.match(r"\| \d+ to \d+ \|", line)
    ]
    measured = zip(PUBLISHED_AUC, estimates(learnt(car_loan), car_loan, "roc_auc"), realised(car_loan, "roc_auc"), strict=True)
    distance = zip(PUBLISHED_KS, distances(car_loan, BINS), distances(car_loan, FINE), strict=True)
    found = [pytest.approx([*first, *second], abs=1e-5) for first, second in zip(measured, distance, strict=True)]
    assert told == found
