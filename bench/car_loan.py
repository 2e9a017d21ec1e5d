"""NannyML's synthetic car loan: what they published, what we estimate without labels, and what the labels showed.

    python bench/car_loan.py [--wheel FOLDER]

The data stand in NannyML's wheel, which `make unit` downloads into `.venv/carloan` and nobody installs. Chunks have 5 000 rows.
"""

import argparse
import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.profile import BINS, build_reference
from flyball.monitoring.counts import count
from flyball.monitoring.drift import drift
from flyball.monitoring.estimation import Estimation, learn_classes
from flyball.stats.estimation import expected, probabilities
from flyball.stats.scores import METRICS

CHUNK = 5_000
FINE = 1024
PUBLISHED_AUC = (0.970744, 0.971011, 0.971407, 0.971091, 0.971123, 0.96109, 0.961825, 0.961073, 0.962533, 0.961316)
PUBLISHED_KS = (0.01576, 0.01272, 0.01746, 0.01282, 0.01922, 0.00824, 0.01068, 0.01002, 0.0107, 0.007)
COLUMN = "debt_to_income_ratio"

Frames = Mapping[str, pd.DataFrame]


def frames(folder: Path) -> Frames | None:
    """The data in the wheel in a folder; None if there is no wheel."""
    wheels = sorted(folder.glob("nannyml-*.whl"))
    if not wheels:
        return None
    with zipfile.ZipFile(wheels[0]) as wheel:

        def read(name: str) -> pd.DataFrame:
            return pd.read_csv(io.BytesIO(wheel.read(f"nannyml/datasets/data/synthetic_car_loan_{name}.csv")))

        return {name: read(name) for name in ("reference", "analysis", "analysis_target")}


def chunks(frame: pd.DataFrame, column: str) -> list[Any]:
    """The values of a column, chunk by chunk."""
    return [frame[column].to_numpy()[start : start + CHUNK] for start in range(0, len(frame), CHUNK)]


def learnt(found: Frames) -> Estimation:
    """What the reference period teaches."""
    score, truth = found["reference"]["y_pred_proba"].to_numpy(), found["reference"]["repaid"].to_numpy(dtype=np.int64)
    return learn_classes("binary", truth, score, 0.5, np.arange(len(score)), by_day=False)


def estimates(estimation: Estimation, found: Frames, metric: str) -> list[float]:
    """The metric of each chunk, estimated without its labels."""
    scores = chunks(found["analysis"], "y_pred_proba")
    told = [expected(METRICS[metric], probabilities(estimation.maps, score), score, 0.5) for score in scores]
    return [value for value in told if value is not None]


def realised(found: Frames, metric: str) -> list[float]:
    """The metric of each chunk by its labels."""
    both = zip(chunks(found["analysis"], "y_pred_proba"), chunks(found["analysis_target"], "repaid"), strict=True)
    told = [METRICS[metric].function(truth.astype(np.int64), score, 0.5) for score, truth in both]
    return [value for value in told if value is not None]


def distances(found: Frames, bins: int) -> list[float]:
    """The distance of the column from the reference period, counted in so many cells, chunk by chunk."""
    schema = Schema(columns=(Column(name=COLUMN, kind="number", nullable=False),))
    reference = build_reference(Table({COLUMN: found["reference"][COLUMN].to_numpy()}), schema, {}, bins=bins)
    return [drift(reference, count(reference, Table({COLUMN: chunk}), {}))[COLUMN].distance for chunk in chunks(found["analysis"], COLUMN)]


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--wheel", type=Path, default=Path(".venv/carloan"))
    options = arguments.parse_args()
    found = frames(options.wheel)
    if found is None:
        sys.exit(f"there is no wheel of nannyml in {options.wheel}: `make .venv/carloan/.done` downloads it")
    auc, real = estimates(learnt(found), found, "roc_auc"), realised(found, "roc_auc")
    usual, fine = distances(found, BINS), distances(found, FINE)
    print(f"| rows | AUC published | estimated | realised | KS published | {BINS} cells | {FINE} cells |")
    print("|---|---|---|---|---|---|---|")
    for at, row in enumerate(zip(PUBLISHED_AUC, auc, real, PUBLISHED_KS, usual, fine, strict=True)):
        cells = [*(f"{area:.6f}" for area in row[:3]), *(f"{distance:.5f}" for distance in row[3:])]
        print(f"| {at * CHUNK} to {(at + 1) * CHUNK} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
