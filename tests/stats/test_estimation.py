"""What scores expect of a metric is what labels drawn from them show, and the maps to probabilities are isotonic regressions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from flyball.core.codec import from_json, to_json
from flyball.stats.estimation import (
    IDENTITY,
    CalibrationMap,
    cells_of,
    expected,
    label_variance,
    labels_like,
    probabilities,
    scatter_beyond,
    strided,
)
from flyball.stats.intervals import delong
from flyball.stats.losses import Floats
from flyball.stats.scores import METRICS

BINARY = sorted(name for name, metric in METRICS.items() if "binary" in metric.tasks)
MULTICLASS = sorted(name for name, metric in METRICS.items() if "multiclass" in metric.tasks)
seeds = st.integers(0, 10**6)


def certainty(score: Floats) -> Floats:
    return np.stack((1.0 - score, score), axis=1)


@pytest.mark.parametrize("name", BINARY)
def test_what_is_expected_is_the_mean_over_labels_drawn_from_the_probabilities(name: str) -> None:
    chance = np.random.default_rng(1)
    score = chance.beta(1, 2, 4000)
    probability = certainty(score**1.3)  # calibrated otherwise than the scores say
    drawn = np.array([METRICS[name].function(labels_like(probability, chance), score, 0.4) for _ in range(200)])
    value = expected(METRICS[name], probability, score, 0.4)
    assert value == pytest.approx(drawn.mean(), abs=5 * drawn.std() / 200**0.5 + 1e-4)


@pytest.mark.parametrize("name", MULTICLASS)
def test_it_is_so_for_three_classes_too(name: str) -> None:
    chance = np.random.default_rng(2)
    score = chance.dirichlet((1.0, 2.0, 0.7), 3000)
    probability = score**0.8 / (score**0.8).sum(axis=1, keepdims=True)
    drawn = np.array([METRICS[name].function(labels_like(probability, chance), score, 0.5) for _ in range(200)])
    value = expected(METRICS[name], probability, score, 0.5)
    assert value == pytest.approx(drawn.mean(), abs=5 * drawn.std() / 200**0.5 + 2e-4)


@given(seeds, st.sampled_from(["brier", "log_loss", "error"]))
@settings(max_examples=30, deadline=None)
def test_a_mean_loss_is_expected_exactly_summed_row_by_row(seed: int, name: str) -> None:
    chance = np.random.default_rng(seed)
    score, second = chance.random(40), chance.random(40)
    metric = METRICS[name]
    by_hand = 0.0
    for one, probability in zip(score.tolist(), second.tolist(), strict=True):
        for label, weight in ((0, 1 - probability), (1, probability)):
            by_hand += weight * (metric.function(np.array([label]), np.array([one]), 0.5) or 0.0) / 40
    assert expected(metric, certainty(second), score, 0.5) == pytest.approx(by_hand)


@given(seeds, st.sampled_from(BINARY))
@settings(max_examples=60, deadline=None)
def test_a_row_that_weighs_three_is_three_rows(seed: int, name: str) -> None:
    chance = np.random.default_rng(seed)
    truth, score = chance.integers(0, 2, 30), np.round(chance.random(30), 1)
    weight = chance.integers(0, 4, 30)
    nothing = np.zeros(30, dtype=np.int64)
    weighed = METRICS[name].prepare(truth, score, 0.5, nothing, 1, weight.astype(np.float64))(np.ones((1, 1)))
    repeated = METRICS[name].function(np.repeat(truth, weight), np.repeat(score, weight), 0.5)
    assert weighed[0] == pytest.approx(np.nan if repeated is None else repeated, nan_ok=True)


@pytest.mark.parametrize("name", BINARY)
def test_the_chance_of_labels_is_as_large_as_it_is_said(name: str) -> None:
    chance = np.random.default_rng(3)
    score = chance.beta(2, 3, 3000)
    drawn = np.array([METRICS[name].function(labels_like(certainty(score), chance), score, 0.5) for _ in range(400)])
    told = np.mean([label_variance(METRICS[name], certainty(score), score, 0.5, np.random.default_rng(seed)) or 0.0 for seed in range(20)])
    assert np.sqrt(told) == pytest.approx(drawn.std(), rel=0.15)


def test_the_map_is_the_isotonic_regression_of_scikit_learn() -> None:
    chance = np.random.default_rng(4)
    score = np.round(chance.random(6000), 2)
    hit = (chance.random(6000) < score**2).astype(np.float64)
    found = cells_of(score, hit, np.zeros(6000, dtype=np.int64), 1).map(np.ones(1))
    assert found is not None
    theirs = IsotonicRegression(out_of_bounds="clip").fit(score, hit)
    everywhere = np.linspace(-0.2, 1.2, 400)
    assert found(everywhere) == pytest.approx(theirs.predict(everywhere), abs=1e-5)


@given(seeds, st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_a_map_never_falls_and_stays_a_probability(seed: int, rows: int) -> None:
    chance = np.random.default_rng(seed)
    score = chance.choice([0.0, 1.0, 0.5, 1e-9, chance.random()], rows)
    cells = cells_of(score, chance.integers(0, 2, rows).astype(np.float64), np.arange(rows) % 3, 3)
    found = cells.map(np.ones(3))
    assert found is not None
    values = found(np.linspace(0, 1, 101))
    assert (np.diff(values) >= 0).all() and (values >= 0).all() and (values <= 1).all()
    assert from_json(to_json(found), CalibrationMap) == found
    assert cells.map(np.zeros(3)) is None


def test_a_redrawn_block_counts_as_often_as_it_was_drawn() -> None:
    score = np.array([0.2, 0.2, 0.8, 0.8])
    cells = cells_of(np.repeat(score, 30), np.repeat([0.0, 1.0, 1.0, 1.0], 30), np.repeat([0, 1, 0, 1], 30), 2)
    only_second = cells.map(np.array([0.0, 2.0]))
    assert only_second is not None
    assert only_second(score) == pytest.approx(1.0)


def test_the_probabilities_of_a_row_add_up_to_one() -> None:
    score = np.random.default_rng(5).dirichlet(np.ones(4), 100)
    halved = CalibrationMap(score=(0.0, 1.0), probability=(0.0, 0.5))
    found = probabilities([IDENTITY, halved, IDENTITY, halved], score)
    assert found.sum(axis=1) == pytest.approx(1.0)
    nothing = CalibrationMap(score=(0.0,), probability=(0.0,))
    assert probabilities([nothing] * 4, score) == pytest.approx(score)


def test_nothing_is_expected_of_no_rows_and_no_auc_of_one_class() -> None:
    assert expected(METRICS["brier"], np.empty((0, 2)), np.empty(0), 0.5) is None
    assert label_variance(METRICS["brier"], np.empty((0, 2)), np.empty(0), 0.5, np.random.default_rng(0)) is None
    assert expected(METRICS["roc_auc"], certainty(np.zeros(5)), np.zeros(5), 0.5) is None


def test_blocks_that_miss_by_chance_alone_have_no_scatter_beyond_it() -> None:
    chance = np.random.default_rng(6)
    missed = chance.normal(0, 0.1, 500)
    assert scatter_beyond(missed, np.full(500, 0.02)) == 0.0
    both = missed + chance.normal(0, 0.2, 500)
    assert scatter_beyond(both, np.full(500, 0.01)) == pytest.approx(0.2, rel=0.1)
    assert scatter_beyond(np.empty(0), np.empty(0)) == 0.0


def test_at_most_so_many_rows_are_kept_evenly_spaced() -> None:
    assert len(range(1000)[strided(1000, 300)]) == 250
    assert len(range(5)[strided(5, 300)]) == 5


def test_the_standard_error_of_delong_is_that_of_redrawn_rows() -> None:
    chance = np.random.default_rng(7)
    truth = chance.integers(0, 2, 800)
    score = np.round(chance.normal(truth, 1.2), 1)
    found = delong(truth == 1, score)
    assert found is not None
    redrawn = [roc_auc_score(truth[rows], score[rows]) for rows in chance.integers(0, 800, (400, 800))]
    assert found[0] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert found[1] ** 0.5 == pytest.approx(np.std(redrawn), rel=0.12)
