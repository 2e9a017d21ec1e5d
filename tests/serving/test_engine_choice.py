"""What a score says, and which engine may be loaded."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flyball.core.errors import UnsupportedError
from flyball.registry.bundle import verify_bundle, write_bundle
from flyball.registry.signing import key_of
from flyball.serving.engine import TIE, confidence, labels, load_engine, settle
from served import linear, manifest

KEY = key_of(b"k" * 32)
THRESHOLDS = st.sampled_from([0.5, 0.25, 1 / 3, 0.9])
PROBABILITIES = hnp.arrays(np.float64, st.integers(0, 20), elements=st.floats(0, 1))


def test_a_bundle_names_its_engine(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", manifest(), {"model.onnx": linear([0, 0.5, 1], 0)}, KEY)
    engine = load_engine(tmp_path / "b", verify_bundle(tmp_path / "b", KEY))
    assert engine.name == "onnx"
    assert engine.score_rows([[1, 2.0, True], [1, None, False]]).round(4).tolist() == [0.8808, 0.5]


def test_a_model_that_runs_code_is_refused_unless_trusted_and_says_why(tmp_path: Path) -> None:
    found = manifest(engine="native", engine_reason="step 'odd' (FunctionTransformer) cannot be converted")
    with pytest.raises(UnsupportedError, match="step 'odd'") as refused:
        load_engine(tmp_path, found)
    assert "--trusted-code" in refused.value.hint


def test_an_engine_nobody_knows_is_refused_even_when_trusted(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="'magic'"):
        load_engine(tmp_path, manifest(engine="magic"), trusted=True)


@given(PROBABILITIES, THRESHOLDS)
def test_settling_moves_nothing_farther_than_a_tie_and_keeps_the_order(score: np.ndarray, threshold: float) -> None:
    settled = settle(score, task="binary", threshold=threshold)
    assert np.all(np.abs(settled - score) <= TIE)
    order = np.argsort(score, kind="stable")
    assert np.all(np.diff(settled[order]) >= 0)
    assert np.array_equal(settle(settled, task="binary", threshold=threshold), settled), "settling twice is settling once"


@given(st.integers(0, 100), THRESHOLDS, st.floats(-1e-6, 1e-6))
def test_votes_give_the_same_label_however_they_were_summed(votes: int, threshold: float, noise: float) -> None:
    exact, noisy = np.array([votes / 100]), np.array([votes / 100 + noise])
    first, second = (labels(score, task="binary", threshold=threshold, classes=("no", "yes")) for score in (exact, noisy))
    assert first.tolist() == second.tolist()


def test_one_row_settles_as_many_do() -> None:
    for threshold in (0.5, 0.3):
        for score in (0.5, 0.49999997, 0.5000004, 0.3, 0.3000001, 0.1, 0.9):
            alone = settle(np.array([score]), task="binary", threshold=threshold)
            among = settle(np.array([score, 0.7]), task="binary", threshold=threshold)
            assert alone[0] == among[0]


def test_what_is_not_a_number_stays_so() -> None:
    for threshold in (0.5, 0.3):
        assert np.isnan(settle(np.array([np.nan]), task="binary", threshold=threshold)).all()
        assert np.isnan(settle(np.array([np.nan, 0.5]), task="binary", threshold=threshold)).tolist() == [True, False]
    assert np.isnan(settle(np.full((1, 3), np.nan), task="multiclass", threshold=0.5)).all()


def test_an_even_vote_goes_to_the_first_class_and_another_threshold_counts_from_itself_on() -> None:
    assert labels(np.array([0.5, 0.500003]), task="binary", threshold=0.5, classes=(0, 1)).tolist() == [0, 1]
    assert labels(np.array([0.2, 0.19]), task="binary", threshold=0.2, classes=(0, 1)).tolist() == [1, 0]


def test_the_first_of_the_most_probable_classes_wins() -> None:
    score = np.array([[0.4, 0.4 + 1e-7, 0.2], [0.1, 0.2, 0.7]])
    assert labels(score, task="multiclass", threshold=0.5, classes=("a", "b", "c")).tolist() == ["a", "c"]


def test_confidence_is_the_probability_of_the_answer() -> None:
    found = confidence(np.array([0.9, 0.2]), task="binary", threshold=0.5)
    assert found is not None and found.tolist() == [0.9, 0.8]
    found = confidence(np.array([[0.1, 0.9]]), task="multiclass", threshold=0.5)
    assert found is not None and found.tolist() == [0.9]
    assert confidence(np.array([3.0]), task="regression", threshold=0.5) is None


def test_a_regression_answers_its_value_unsettled() -> None:
    score = np.array([0.5, 123.25])
    assert labels(score, task="regression", threshold=0.5, classes=()).tolist() == [0.5, 123.25]
    assert settle(score, task="regression", threshold=0.5) is score
