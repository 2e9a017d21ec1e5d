"""What is drawn of a column adds up to what was counted, whatever the values are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.data.profile import ColumnReference, build_reference
from flyball.monitoring.counts import count
from flyball.render.report.bins import BINS, NAMES, Pairs, Steps, drawn
from flyball.render.report.shapes import distribution
from flyball.render.report.text import Words
from reports import column

Values = NDArray[np.float64] | NDArray[np.object_]


def seen(before: Values, now: Values, kind: str = "number") -> Steps | Pairs | None:
    reference, counts = counted(before, now, kind)
    return drawn(reference, counts)


def counted(before: Values, now: Values, kind: str) -> tuple[ColumnReference, NDArray[np.int64]]:
    reference = build_reference(Table(columns={"x": before}), Schema(columns=(column("x", kind),)), {})
    return reference.columns["x"], count(reference, Table(columns={"x": now}), {}).columns["x"]


def test_a_number_is_drawn_in_few_bins_that_hold_all_of_it() -> None:
    chance = np.random.default_rng(1)
    found = seen(chance.normal(size=5000), chance.normal(1, 1, 5000))
    assert isinstance(found, Steps)
    assert len(found.before) == len(found.now) == BINS and len(found.edges) == BINS + 1
    assert sum(found.before) == pytest.approx(1)
    assert sum(found.now) + found.below + found.above == pytest.approx(1)
    middle = sum(edge * share for edge, share in zip(found.edges, found.now, strict=False))
    assert middle == pytest.approx(0.95, abs=0.1)


def test_few_values_are_bars_of_their_own() -> None:
    found = seen(np.repeat([0.0, 1.0, 5.0], [70, 20, 10]), np.repeat([0.0, 1.0, 5.0], [10, 20, 70]))
    assert isinstance(found, Steps)
    assert [share for share in found.before if share] == pytest.approx([0.7, 0.2, 0.1])
    assert [share for share in found.now if share] == pytest.approx([0.1, 0.2, 0.7])


def test_whole_numbers_make_no_comb() -> None:
    numbers = np.arange(60, dtype=float)
    found = seen(np.repeat(numbers, 50), np.repeat(numbers, 50))
    assert isinstance(found, Steps)
    inner = found.before[1:-1]
    assert max(inner) == pytest.approx(min(inner)), "an even column is drawn even"


def test_numbers_over_many_magnitudes_are_drawn_by_factors() -> None:
    found = seen(np.random.default_rng(0).lognormal(0, 3, 5000), np.random.default_rng(1).lognormal(1, 3, 5000))
    assert isinstance(found, Steps) and found.log
    assert found.edges[1] / found.edges[0] == pytest.approx(found.edges[-1] / found.edges[-2])


def test_one_huge_value_does_not_squeeze_the_others() -> None:
    values = np.append(np.random.default_rng(0).normal(size=5000), 1e300)
    found = seen(values, values)
    assert isinstance(found, Steps)
    assert found.edges[-1] < 10


def test_what_was_never_seen_in_training_stands_outside() -> None:
    found = seen(np.random.default_rng(0).uniform(0, 1, 1000), np.repeat([-5.0, 0.5, 7.0], [100, 700, 200]))
    assert isinstance(found, Steps)
    assert (found.below, found.above) == pytest.approx((0.1, 0.2))


def test_the_most_frequent_categories_are_drawn_and_the_rest_is_added_up() -> None:
    names = np.array([f"c{number:02}" for number in range(30) for _ in range(40 - number)], dtype=object)
    found = seen(names, np.array(["new", *names], dtype=object), "category")
    assert isinstance(found, Pairs)
    assert len(found.names) == NAMES + 1 and found.names[0] == "c00"
    assert found.rest == 20
    assert sum(found.before) == pytest.approx(1) and sum(found.now) == pytest.approx(1)


def test_a_category_that_is_new_now_is_drawn_among_the_rest() -> None:
    found = seen(np.array(["a"] * 50, dtype=object), np.array(["a"] * 25 + ["b"] * 25, dtype=object), "category")
    assert isinstance(found, Pairs)
    assert found.names == ("a", "") and found.now == (0.5, 0.5)


@pytest.mark.parametrize("values", [[], [np.nan] * 5, [np.inf, -np.inf]])
def test_nothing_there_is_nothing_drawn(values: list[float]) -> None:
    there = np.random.default_rng(0).normal(size=300)
    assert seen(np.array(values, dtype=np.float64), there) is None
    assert seen(there, np.array(values, dtype=np.float64)) is None


NUMBERS = st.lists(st.one_of(st.floats(), st.integers(-5, 5).map(float), st.just(0.0)), min_size=0, max_size=300)


@settings(max_examples=200, deadline=None)
@given(NUMBERS, NUMBERS)
def test_whatever_the_numbers_are_the_shares_are_shares_and_the_chart_is_finite(before: list[float], now: list[float]) -> None:
    found = seen(np.array(before, dtype=np.float64), np.array(now, dtype=np.float64))
    if found is None:
        return
    assert isinstance(found, Steps)
    assert all(0 <= share <= 1 + 1e-9 for share in (*found.before, *found.now, found.below, found.above))
    assert all(low < high for low, high in zip(found.edges, found.edges[1:], strict=False))
    chart = distribution(found, "x", Words("en"), "k")
    assert "nan" not in chart and "inf" not in chart
