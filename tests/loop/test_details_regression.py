"""A regression's loss is forecast before the outcome is known, by flat trees out of the bundle."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from flyball.core.window import Window
from flyball.journal.state import fold
from flyball.loop.evidence.monitor import monitor
from flyball.loop.memory import Memory
from flyball.monitoring.records import Estimated, PerformanceDetails
from flyball.serving.losses import FILES
from flyball.serving.records import Outcome
from quarter import DAY, MODEL, SPEC, Town, people

PIPELINE = """
from sklearn.ensemble import HistGradientBoostingRegressor


def train(frame, target):
    return HistGradientBoostingRegressor(max_iter=40, random_state=0).fit(frame, target)
"""
TEXT = (
    SPEC.replace('task = "binary"', 'task = "regression"')
    .replace("params = { flip = false }", "")
    .replace('metrics = ["roc_auc", "brier"]', 'metrics = ["rmse", "r2"]\nsplit = { by = "time", test = "10d" }')
    .replace(
        '{ metric = "roc_auc", at_least = 0.6 }, { metric = "brier", not_worse = "champion", margin = 0.005 }',
        '{ metric = "mae", at_most = 9 }',
    )
    .replace('metric = "brier"', 'metric = "mae"')
)


def bills(day: int, seed: int, *, harder: bool = False) -> pd.DataFrame:
    """What the customers of a day spend: the more they call, the less it can be told. On harder days all call more."""
    found = people(day, seed, changed=False)
    found["calls"] += 2.0 * harder
    noise = np.random.default_rng([seed, day + 5_000]).normal(size=len(found)) * np.exp(0.5 * found["calls"])
    found["left"] = 3 * found["price"] + found["calls"] + noise
    return found


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Nine days, the last of them a hard one whose outcomes are not known yet."""
    lived = Town(tmp_path_factory.mktemp("regression") / "town", text=TEXT)
    (lived.folder / "quarter_pipeline.py").write_text(PIPELINE)
    before = pd.concat([bills(day, lived.seed) for day in range(-30, 0)])
    before.to_parquet(lived.folder / "data" / "history.parquet", index=False)
    lived.begin()
    for day in range(9):
        rows = bills(day, lived.seed, harder=day == 8)
        lived._predict(rows)
        lived.day += 1
        outcomes = [
            Outcome(actual=float(spent), at=known.to_pydatetime(), entity=name)
            for name, spent, known in zip(rows["customer"], rows["left"], rows["known_at"], strict=True)
        ]
        lived.world.outcomes.take(MODEL, outcomes, within=timedelta(days=1))
    yield lived
    lived.close()


def look(town: Town) -> PerformanceDetails:
    state = fold(MODEL, town.world.journal.read(MODEL))
    found = monitor(town.world, town.spec, state, 1, Memory(), now=town.now).details
    assert found is not None
    return found


def estimates(found: PerformanceDetails, metric: str) -> list[Estimated]:
    return [one for one in found.estimated if one.metric == metric]


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_the_forecast_holds_what_was_realised_and_sees_a_hard_day_before_its_outcomes(town: Town, metric: str) -> None:
    found = look(town)
    (real,) = (one for one in found.metrics if one.metric == metric)
    past, newest = estimates(found, metric)
    assert past.lower is not None and past.upper is not None and real.value is not None
    assert past.lower <= real.value <= past.upper
    assert newest.window == Window(start=town.now - DAY, end=town.now)
    assert newest.lower is not None and newest.lower > past.upper
    assert newest.method == "dle"


def test_r2_and_calibration_are_not_for_it(town: Town) -> None:
    found = look(town)
    assert {one.reason.code for one in estimates(found, "r2")} == {"estimated.no_method"}
    assert found.calibration == () and found.calibration_error is None


def test_the_bundle_holds_the_loss_as_numbers(town: Town) -> None:
    registered = fold(MODEL, town.world.journal.read(MODEL)).versions[1].registered
    folder = town.world.bundles.path(registered.bundle)
    for name in FILES.values():
        assert (folder / name).read_bytes().startswith(b"FLYTREES")
