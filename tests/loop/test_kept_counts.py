"""What a column looked like at some time, of kept counts alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from dashboarded import asked
from drifted import MODEL, NOW, drifted
from flyball.core.errors import StoreError
from flyball.core.window import Window
from flyball.dashboard.records import Ask
from flyball.data.profile import ColumnReference
from flyball.loop.kept_counts import YEAR, column_then, expected, features_read, on_cells
from flyball.loop.memory import Memory
from flyball.render.report.bins import Pairs, Steps, drawn

DAY = timedelta(days=1)
NAMES = ("price", "calls", "plan", "age")
LAST = Window(start=NOW - DAY, end=NOW)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """A project with seasons, two versions and 400 days."""
    return asked(drifted(tmp_path_factory.mktemp("kept") / "wide", NAMES, season="week"), "drift", now=NOW)


def test_a_day_that_was_counted_is_the_rows_of_that_day(ask: Ask) -> None:
    then = column_then(ask.world, ask.state(), 2, "price", LAST, Memory())
    assert then is not None
    assert then.rows == 600 == sum(then.hours.values())
    assert then.window == LAST
    assert then.reference.size == len(then.counts)


def test_a_window_inside_a_longer_slot_is_told_as_the_whole_slot(ask: Ask) -> None:
    noon = NOW - 10 * DAY + timedelta(hours=12)
    then = column_then(ask.world, ask.state(), 2, "price", Window(start=noon - timedelta(hours=1), end=noon), Memory())
    assert then is not None
    assert (then.window, then.rows) == (Window(start=NOW - 10 * DAY, end=NOW - 9 * DAY), 600)


@pytest.mark.parametrize(("version", "name"), [(7, "price"), (2, "other")])
def test_of_what_is_not_known_nothing_is_told(ask: Ask, version: int, name: str) -> None:
    assert column_then(ask.world, ask.state(), version, name, LAST, Memory()) is None


def test_where_nothing_was_counted_nothing_is_told(ask: Ask) -> None:
    long_ago = Window(start=NOW - 900 * DAY, end=NOW - 899 * DAY)
    assert column_then(ask.world, ask.state(), 1, "price", long_ago, Memory()) is None


def test_no_prediction_is_read_for_it(ask: Ask) -> None:
    class Closed:
        def __getattr__(self, name: str) -> Any:
            raise StoreError("the log is not to be read")

    world = replace(ask.world, predictions=Closed())
    assert column_then(world, ask.state(), 2, "price", LAST, Memory()) is not None


def test_the_hours_of_a_window_are_what_is_expected_of_it(ask: Ask) -> None:
    then = column_then(ask.world, ask.state(), 2, "price", LAST, Memory())
    assert then is not None
    found = expected(then)
    assert found is not None and len(found.counts) == then.reference.size
    total = sum(found.counts)
    assert total == pytest.approx(10_000_000, rel=0.01)
    assert np.abs(np.cumsum(found.counts) / total - np.cumsum(then.reference.counts) / then.reference.rows).max() < 0.1
    assert isinstance(drawn(found, then.counts), Steps)


def test_without_seasons_nothing_is_expected(ask: Ask) -> None:
    then = column_then(ask.world, ask.state(), 2, "price", LAST, Memory())
    assert then is not None
    assert expected(replace(then, season="none")) is None
    assert expected(replace(then, reference=replace(then.reference, season=None))) is None


def test_a_year_before_stands_on_the_cells_of_now(ask: Ask) -> None:
    now = column_then(ask.world, ask.state(), 2, "price", LAST, Memory())
    before = column_then(ask.world, ask.state(), 1, "price", Window(start=LAST.start - YEAR, end=LAST.end - YEAR), Memory())
    assert now is not None and before is not None
    found = on_cells(before, now.reference)
    assert found is not None and len(found.counts) == now.reference.size
    assert sum(found.counts) == pytest.approx(before.rows, abs=len(found.counts))
    assert min(found.counts) >= 0
    same, own = drawn(found, now.counts), drawn(now.reference, now.counts)
    assert isinstance(same, Steps) and isinstance(own, Steps)
    assert abs(mean(same) - mean(own)) < 2.0, "a year before is as in training, whose rows were drawn alike"


def test_categories_are_found_again_by_their_names(ask: Ask) -> None:
    now = column_then(ask.world, ask.state(), 2, "plan", LAST, Memory())
    before = column_then(ask.world, ask.state(), 1, "plan", Window(start=LAST.start - YEAR, end=LAST.end - YEAR), Memory())
    assert now is not None and before is not None
    only: ColumnReference = replace(now.reference, categories=("pro", "new"), counts=(0, 0, 0, 0))
    found = on_cells(before, only)
    assert found is not None
    pro = int(before.counts[before.reference.categories.index("pro")])
    assert found.counts == (pro, 0, before.rows - pro, 0)
    assert isinstance(drawn(now.reference, now.counts), Pairs)
    assert on_cells(replace(before, reference=replace(before.reference, kind="number")), only) is None


def test_the_features_of_a_version_are_those_of_its_bundle(ask: Ask) -> None:
    assert features_read(ask.world, ask.state(), 2) == NAMES
    assert features_read(ask.world, ask.state(), 9) is None
    assert ask.model == MODEL


def mean(found: Steps) -> float:
    middles = [(low + high) / 2 for low, high in zip(found.edges, found.edges[1:], strict=False)]
    return float(np.average(middles, weights=found.before))
