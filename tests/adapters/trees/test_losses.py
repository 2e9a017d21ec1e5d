"""The model of the loss in a bundle forecasts what scikit-learn's did, and bears whatever was logged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from flyball.adapters.sklearn.losses import learn
from flyball.adapters.trees.flat import from_bytes
from flyball.adapters.trees.losses import forecast_of, inputs
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.monitoring.estimation import CROSSED
from flyball.serving.losses import FILES

SCHEMA = Schema(
    columns=(
        Column(name="size", kind="number", nullable=True),
        Column(name="town", kind="category", nullable=True, categories=("A", "B", "C")),
        Column(name="new", kind="boolean", nullable=False),
    )
)


def homes(seed: int, rows: int) -> tuple[Table, Any, Any]:
    """Homes, what a model says of them, and what they really cost: town B is hard to tell, and so are large homes."""
    chance = np.random.default_rng(seed)
    size = chance.uniform(20, 200, rows)
    town = chance.choice(np.array(["A", "B", "C"], dtype=object), rows)
    answer = 3 * size
    actual = answer + chance.normal(0, 1, rows) * size / 20 * np.where(town == "B", 5, 1)
    size[::17] = np.nan
    town[::19] = None
    return Table({"size": size, "town": town, "new": chance.random(rows) < 0.5}), answer, actual


def test_the_forecast_is_that_of_the_model_it_was_made_from(tmp_path: Path) -> None:
    table, answer, actual = homes(0, 3000)
    files = learn(table, SCHEMA, answer, actual, tmp_path)
    assert set(files) == set(FILES.values())
    forecast = forecast_of({loss: from_bytes(files[name]) for loss, name in FILES.items()}, SCHEMA)
    model = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=8, min_samples_leaf=20, learning_rate=0.1, random_state=0)
    matrix = inputs(table, answer, SCHEMA)
    theirs = model.fit(matrix, np.abs(actual - answer)).predict(matrix)
    assert forecast(table, answer)["absolute_error"] == pytest.approx(np.maximum(theirs, 0), rel=1e-6, abs=1e-9)


def test_rows_it_has_not_seen_are_off_by_what_it_says(tmp_path: Path) -> None:
    table, answer, actual = homes(0, 4000)
    files = learn(table, SCHEMA, answer, actual, tmp_path)
    forecast = forecast_of({loss: from_bytes(files[name]) for loss, name in FILES.items()}, SCHEMA)
    table, answer, actual = homes(1, 4000)
    told = forecast(table, answer)
    hard = np.array([town == "B" for town in table["town"].tolist()])
    for rows in (hard, ~hard):
        assert told["absolute_error"][rows].mean() == pytest.approx(np.abs(actual - answer)[rows].mean(), rel=0.1)
        assert told["squared_error"][rows].mean() == pytest.approx(np.square(actual - answer)[rows].mean(), rel=0.2)
    with np.load(tmp_path / CROSSED) as crossed:
        assert len(crossed["rows"]) == len(crossed["absolute_error"]) == 4000
        assert (crossed["squared_error"] >= 0).all()


def test_what_was_logged_badly_is_missing_and_not_an_error(tmp_path: Path) -> None:
    table, answer, actual = homes(0, 1000)
    files = learn(table, SCHEMA, answer, actual, tmp_path)
    forecast = forecast_of({loss: from_bytes(files[name]) for loss, name in FILES.items()}, SCHEMA)
    odd = np.array(["large", None, 40.0], dtype=object)
    town = np.array(["D", None, "B"], dtype=object)
    for logged in (Table({"size": odd, "town": town}), Table({"new": np.array([np.nan, 1.0, 0.0])}), Table({})):
        told = forecast(logged, np.array([100.0, 200.0, 300.0]))
        assert all(np.isfinite(values).all() and len(values) == 3 for values in told.values())


def test_few_rows_teach_nothing(tmp_path: Path) -> None:
    table, answer, actual = homes(0, 99)
    assert learn(table, SCHEMA, answer, actual, tmp_path) == {}
    table, answer, actual = homes(0, 200)
    assert learn(table, SCHEMA, np.stack((answer, answer), axis=1), actual, tmp_path) == {}
