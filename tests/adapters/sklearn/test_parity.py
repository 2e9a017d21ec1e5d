"""The converted model against the trained one."""

import numpy as np
import pytest

from flyball.adapters.sklearn.parity import acceptable, parity, why_not
from flyball.core.errors import DataError
from flyball.registry.records import Parity


def binary(engine: list[float], native: list[float], threshold: float = 0.5) -> Parity:
    return parity(np.array(engine), np.array(native), task="binary", threshold=threshold)


def test_the_last_bit_does_not_matter() -> None:
    found = binary([0.30000001, 0.7], [0.3, 0.7])
    assert acceptable(found) and found.rows == 2 and found.largest_difference == pytest.approx(1e-8)


def test_one_row_with_another_label_is_too_many() -> None:
    found = binary([0.49, 0.7], [0.51, 0.7])
    assert found.differing_labels == 1 and not acceptable(found)
    assert "answers 1 of 2 rows differently" in why_not(found)


def test_a_probability_beyond_the_tolerance_is_too_far() -> None:
    found = binary([0.3001, 0.7], [0.3, 0.7])
    assert found.differing_labels == 0 and not acceptable(found)
    assert "by up to 0.0001" in why_not(found)


def test_an_even_vote_is_no_difference() -> None:
    assert acceptable(binary([0.49999997, 0.50000004], [0.5, 0.5]))
    assert acceptable(binary([0.2999999, 0.3000001], [0.3, 0.3], threshold=0.3))


def test_labels_that_differ_away_from_the_edge_count_even_within_a_generous_tolerance() -> None:
    found = parity(np.array([0.4999]), np.array([0.5001]), task="binary", threshold=0.5, tolerance=0.1)
    assert found.differing_labels == 1


def test_multiclass_compares_the_most_probable_class() -> None:
    native = np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])
    noise = np.array([-1e-7, 1e-7, 0.0])
    assert acceptable(parity(native + noise, native, task="multiclass", threshold=0.5))
    assert parity(np.roll(native, 1, axis=0), native, task="multiclass", threshold=0.5).differing_labels == 2


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_regression_is_judged_by_the_size_of_its_values(scale: float) -> None:
    native = np.array([1.0, 2.0, 0.0]) * scale
    assert acceptable(parity(native * (1 + 1e-7), native, task="regression", threshold=0.5))
    assert not acceptable(parity(native * 1.001, native, task="regression", threshold=0.5))


def test_a_row_only_one_of_the_two_can_score_is_a_difference() -> None:
    assert binary([float("nan"), 0.1], [0.3, 0.1]).differing_labels == 1
    assert acceptable(binary([float("nan"), 0.1], [float("nan"), 0.1]))


def test_without_rows_there_is_no_parity() -> None:
    for task, shape in (("binary", (0,)), ("multiclass", (0, 3)), ("regression", (0,))):
        found = parity(np.empty(shape), np.empty(shape), task=task, threshold=0.5)  # type: ignore[arg-type]
        assert not acceptable(found) and "no row" in why_not(found)


def test_scores_of_different_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="shape"):
        parity(np.zeros(2), np.zeros(3), task="binary", threshold=0.5)
