"""Metrics agree with scikit-learn, and say None where there is nothing to say."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from flyball.core.errors import SpecError
from flyball.stats.losses import Floats, Truth, positions
from flyball.stats.scores import METRICS, Task, loss_for, metric_for

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(2, 120)
grids = st.sampled_from([2, 5, 1000])  # few distinct scores: many ties


def binary(seed: int, size: int, grid: int) -> tuple[Truth, Floats]:
    chance = np.random.default_rng(seed)
    return chance.integers(0, 2, size), np.round(chance.random(size) * grid) / grid


def multiclass(seed: int, size: int, grid: int) -> tuple[Truth, Floats]:
    chance = np.random.default_rng(seed)
    score = np.round(chance.random((size, 3)) * grid) / grid + 0.01
    return chance.integers(0, 3, size), score / score.sum(axis=1, keepdims=True)


def regression(seed: int, size: int, grid: int) -> tuple[Truth, Floats]:
    chance = np.random.default_rng(seed)
    actual = chance.normal(1e6, 3, size)
    return actual, actual + np.round(chance.normal(0, 2, size) * grid) / grid


def agree(name: str, actual: Truth, score: Floats, expected: float) -> None:
    found = METRICS[name].function(actual, score, 0.5)
    assert found is not None
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(seeds, sizes, grids)
@settings(max_examples=150, deadline=None)
def test_binary_metrics_are_those_of_scikit_learn(seed: int, size: int, grid: int) -> None:
    actual, score = binary(seed, size, grid)
    said = (score >= 0.5).astype(int)
    agree("brier", actual, score, theirs.brier_score_loss(actual, score))
    agree("log_loss", actual, score, theirs.log_loss(actual, score, labels=[0, 1]))
    agree("accuracy", actual, score, theirs.accuracy_score(actual, said))
    agree("error", actual, score, 1 - theirs.accuracy_score(actual, said))
    if said.any():
        agree("precision", actual, score, theirs.precision_score(actual, said))
    if actual.any():
        agree("recall", actual, score, theirs.recall_score(actual, said))
        agree("f1", actual, score, theirs.f1_score(actual, said))
        agree("average_precision", actual, score, theirs.average_precision_score(actual, score))
    if 0 < actual.sum() < size:
        agree("roc_auc", actual, score, theirs.roc_auc_score(actual, score))


@given(seeds, sizes, grids)
@settings(max_examples=100, deadline=None)
def test_multiclass_metrics_are_the_macro_means_of_scikit_learn(seed: int, size: int, grid: int) -> None:
    actual, score = multiclass(seed, size, grid)
    said = score.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns where a class is never predicted
        agree("accuracy", actual, score, theirs.accuracy_score(actual, said))
        agree("precision", actual, score, theirs.precision_score(actual, said, average="macro"))
        agree("recall", actual, score, theirs.recall_score(actual, said, average="macro"))
        agree("f1", actual, score, theirs.f1_score(actual, said, average="macro"))
        agree("log_loss", actual, score, theirs.log_loss(actual, score, labels=[0, 1, 2]))
        agree("brier", actual, score, np.square(score - np.eye(3)[actual]).sum(axis=1).mean())
        if len(set(actual.tolist())) == 3:
            agree("roc_auc", actual, score, theirs.roc_auc_score(actual, score, multi_class="ovr", labels=[0, 1, 2]))
            agree("average_precision", actual, score, theirs.average_precision_score(np.eye(3)[actual], score))


@given(seeds, sizes, grids)
@settings(max_examples=100, deadline=None)
def test_regression_metrics_are_those_of_scikit_learn(seed: int, size: int, grid: int) -> None:
    actual, score = regression(seed, size, grid)
    agree("mse", actual, score, theirs.mean_squared_error(actual, score))
    agree("rmse", actual, score, theirs.root_mean_squared_error(actual, score))
    agree("mae", actual, score, theirs.mean_absolute_error(actual, score))
    expected = theirs.r2_score(actual, score)
    found = METRICS["r2"].function(actual, score)
    assert found == pytest.approx(expected, rel=1e-6)


@given(seeds, sizes, st.sampled_from(sorted(METRICS)), st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_weighting_blocks_is_the_same_as_repeating_their_rows(seed: int, size: int, name: str, blocks: int) -> None:
    metric = METRICS[name]
    kinds = {"binary": binary, "multiclass": multiclass, "regression": regression}
    chance = np.random.default_rng(seed)
    for task in metric.tasks:
        actual, score = kinds[task](seed, size, 5)
        group = chance.integers(0, blocks, size)
        weight = chance.integers(0, 3, blocks)
        rows = np.repeat(np.arange(size), weight[group])
        expected = metric.function(actual[rows], score[rows], 0.5)
        found = metric.prepare(actual, score, 0.5, group, blocks)(weight[None, :].astype(float))[0]
        if expected is None:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(seeds, sizes, st.sampled_from(sorted(METRICS)))
@settings(max_examples=150, deadline=None)
def test_a_metric_does_not_depend_on_the_order_of_rows(seed: int, size: int, name: str) -> None:
    metric = METRICS[name]
    kinds = {"binary": binary, "multiclass": multiclass, "regression": regression}
    shuffled = np.random.default_rng(seed).permutation(size)
    for task in metric.tasks:
        actual, score = kinds[task](seed, size, 5)
        one, two = metric.function(actual, score), metric.function(actual[shuffled], score[shuffled])
        assert two == (None if one is None else pytest.approx(one, rel=1e-9, abs=1e-12))


@given(seeds, sizes)
@settings(max_examples=50, deadline=None)
def test_a_metric_with_a_loss_is_the_mean_of_that_loss(seed: int, size: int) -> None:
    kinds = {"binary": binary, "multiclass": multiclass, "regression": regression}
    for metric in METRICS.values():
        for task in metric.tasks:
            if metric.loss is not None:
                actual, score = kinds[task](seed, size, 100)
                mean = float(metric.loss(actual, score, 0.5).mean())
                assert metric.function(actual, score) == pytest.approx(mean if metric.mean_of == 1 else 1 - mean)
                assert (metric.mean_of == 1) == (metric.direction == "lower")


@pytest.mark.parametrize("name", sorted(METRICS))
def test_no_rows_give_none_and_never_nan(name: str) -> None:
    for task in METRICS[name].tasks:
        shape = (0, 3) if task == "multiclass" else (0,)
        assert METRICS[name].function(np.zeros(0, dtype=int), np.zeros(shape)) is None


def test_what_one_class_alone_cannot_tell_is_none() -> None:
    ones, score = np.ones(5, dtype=int), np.linspace(0, 1, 5)
    assert METRICS["roc_auc"].function(ones, score) is None
    assert METRICS["roc_auc"].function(np.array([0, 0, 1]), np.full((3, 3), 1 / 3)) is None
    assert METRICS["recall"].function(0 * ones, score) is None
    assert METRICS["average_precision"].function(0 * ones, score) is None
    assert METRICS["precision"].function(ones, 0 * score) is None
    assert METRICS["r2"].function(np.full(5, 0.1), score) is None
    assert METRICS["brier"].function(ones, score) is not None


def test_log_loss_stays_finite_where_a_certain_answer_was_wrong() -> None:
    assert METRICS["log_loss"].function(np.array([1, 0]), np.array([0.0, 1.0])) == pytest.approx(36.04, abs=0.01)


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match="did you mean 'brier'"):
        metric_for("brierr", "binary")


@pytest.mark.parametrize(("name", "task"), [("roc_auc", "regression"), ("mse", "binary"), ("r2", "multiclass")])
def test_a_metric_that_does_not_fit_the_task_is_refused_with_those_that_do(name: str, task: Task) -> None:
    with pytest.raises(SpecError, match="does not fit") as refused:
        metric_for(name, task)
    assert all(task in METRICS[fitting].tasks for fitting in refused.value.hint.removeprefix("these do: ").split(", "))


def test_a_metric_that_is_no_mean_of_rows_has_no_loss() -> None:
    with pytest.raises(SpecError, match="not a mean over rows") as refused:
        loss_for("roc_auc", "binary")
    assert "brier" in refused.value.hint
    assert loss_for("brier", "binary") is METRICS["brier"].loss


def test_a_gain_is_positive_when_the_first_is_better_whatever_the_direction() -> None:
    assert METRICS["roc_auc"].gain(0.8, 0.7) > 0
    assert METRICS["brier"].gain(0.1, 0.2) > 0


def test_labels_are_found_by_equality_and_never_coerced() -> None:
    labels = np.array([True, 1, 1.0, "1", 0, None], dtype=object)
    assert positions(labels, (0, 1)).tolist() == [1, 1, 1, -1, 0, -1]
    assert positions(np.array(["b", "a"]), ("a", "b")).tolist() == [1, 0]
