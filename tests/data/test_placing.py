"""Where a value stands among those of training."""

import numpy as np
import pytest

from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.data.placing import place
from flyball.data.profile import ColumnReference, build_reference


def column(values: Array, kind: str = "number") -> ColumnReference:
    schema = Schema(columns=(Column(name="x", kind=kind, nullable=True),))  # type: ignore[arg-type]  # both kinds are kinds
    return build_reference(Table({"x": values}), schema, {}).columns["x"]


EVEN = column(np.linspace(0.0, 1000.0, 10_001))
CITIES = column(np.array(["Rome"] * 900 + ["Oslo"] * 90 + ["Bonn"] * 9 + [None], dtype=object), "category")


@pytest.mark.parametrize(("value", "below", "tail"), [(500.0, 0.5, 1.0), (990.0, 0.99, 0.02), (10.0, 0.01, 0.02)])
def test_a_number_is_placed_by_what_is_lower_and_what_is_further_out(value: float, below: float, tail: float) -> None:
    found = place(EVEN, value)
    assert found.stands == "inside"
    assert found.below == pytest.approx(below, abs=0.01) and found.tail == pytest.approx(tail, abs=0.02)


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        (-1.0, "below"),
        (1001.0, "above"),
        (10**400, "infinite"),
        (float("inf"), "infinite"),
        (None, "missing"),
        (float("nan"), "missing"),
        ("abc", "unparsable"),
        ("500", "inside"),
        (True, "inside"),
    ],
)
def test_a_number_outside_training_says_how(value: object, stands: str) -> None:
    assert place(EVEN, value).stands == stands


def test_a_number_of_few_values_is_placed_by_the_value_itself() -> None:
    found = place(column(np.array([0.0] * 98 + [1.0] * 2)), 1.0)
    assert found.share == pytest.approx(0.02) and found.tail == pytest.approx(0.04)


@pytest.mark.parametrize(("value", "share", "tail"), [("Rome", 0.9009, 1.0), ("Bonn", 0.009, 0.009)])
def test_a_category_is_placed_by_how_frequent_it_was(value: str, share: float, tail: float) -> None:
    found = place(CITIES, value)
    assert found.stands == "inside"
    assert found.share == pytest.approx(share, abs=1e-3) and found.tail == pytest.approx(tail, abs=1e-3)


def test_a_category_that_was_never_seen_is_told_from_one_that_is_missing() -> None:
    assert place(CITIES, "Bern").stands == "unseen"
    assert place(CITIES, None).stands == "missing" and place(CITIES, None).share == pytest.approx(0.001)


def test_a_column_without_values_compares_with_nothing() -> None:
    assert place(column(np.array([np.nan, np.nan])), 1.0).stands == "nothing"
    assert place(column(np.array([None], dtype=object), "category"), "Rome").stands == "nothing"


@pytest.mark.parametrize("value", [0.0, 250.0, 999.9, 1000.0])
def test_a_share_is_a_share(value: float) -> None:
    found = place(EVEN, value)
    assert 0.0 <= found.below <= 1.0 and 0.0 <= found.tail <= 1.0
