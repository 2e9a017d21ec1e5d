"""An evaluation says how good, how sure, and where."""

import numpy as np
import pytest

from flyball.core.codec import from_json, to_json
from flyball.core.errors import DataError, SpecError
from flyball.evaluation.records import Evaluation
from flyball.evaluation.score import evaluate

METRICS = ["roc_auc", "brier", "accuracy", "f1"]


def flights(rows: int = 4000, days: int = 40) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    chance = np.random.default_rng(0)
    score = chance.beta(2, 5, rows)
    late = chance.random(rows) < score
    carrier = np.array(["AA", "UA", None], dtype=object)[chance.integers(0, 3, rows)]
    carrier[:20] = "OO"
    return {
        "score": score,
        "actual": np.where(late, "late", "on time").astype(object),
        "day": np.sort(chance.integers(0, days, rows)),
        "carrier": carrier,
        "gate": chance.integers(0, 60, rows).astype(float),
    }


def score_flights(**changes: object) -> Evaluation:
    data = flights()
    arguments = {
        "task": "binary",
        "metrics": METRICS,
        "actual": data["actual"],
        "score": data["score"],
        "classes": ("on time", "late"),
        "threshold": 0.5,
        "blocks": data["day"],
        "slices": {"carrier": data["carrier"]},
        "seed": 1,
    }
    return evaluate(**{**arguments, **changes})  # type: ignore[arg-type]  # each test changes one argument


def test_every_metric_has_a_value_between_its_bounds() -> None:
    found = score_flights()
    assert (found.rows, found.blocks) == (4000, 40)
    assert list(found.metrics) == list(found.lower) == list(found.upper) == METRICS
    for name in METRICS:
        assert found.lower[name] < found.metrics[name] < found.upper[name]


def test_the_second_class_is_the_positive_one() -> None:
    found = score_flights()
    assert found.metrics["roc_auc"] > 0.6
    assert score_flights(classes=("late", "on time")).metrics["roc_auc"] == pytest.approx(1 - found.metrics["roc_auc"])


def test_slices_are_named_by_value_and_small_ones_left_out() -> None:
    found = score_flights()
    assert sorted(found.slices) == ["carrier=AA", "carrier=UA", "carrier=missing"]
    data = flights()
    rows = data["carrier"] == "AA"
    alone = score_flights(actual=data["actual"][rows], score=data["score"][rows], blocks=data["day"][rows], slices={})
    assert found.slices["carrier=AA"] == pytest.approx(alone.metrics)


def test_at_most_fifty_slices_of_a_column_are_kept_the_largest() -> None:
    chance = np.random.default_rng(2)
    gate = chance.choice(60, 20_000, p=np.arange(1, 61) / np.arange(1, 61).sum()).astype(float)
    score = chance.random(20_000)
    found = evaluate("binary", ["brier"], (score > 0.5).astype(int), score, (0, 1), 0.5, None, {"gate": gate}, 0)
    sizes = np.bincount(gate.astype(int), minlength=60)
    assert len(found.slices) == 50
    kept = {int(name.removeprefix("gate=")) for name in found.slices}
    assert min(sizes[value] for value in kept) >= max(sizes[value] for value in range(60) if value not in kept)


def test_the_same_arguments_give_the_same_numbers() -> None:
    assert score_flights() == score_flights()


def test_one_more_metric_does_not_move_the_bounds_of_the_others() -> None:
    one, two = score_flights(metrics=["f1"]), score_flights(metrics=["roc_auc", "f1"])
    assert one.lower["f1"] == two.lower["f1"]


def test_the_order_of_rows_does_not_matter() -> None:
    data, shuffled = flights(), np.random.default_rng(1).permutation(4000)
    found = score_flights(
        actual=data["actual"][shuffled],
        score=data["score"][shuffled],
        blocks=data["day"][shuffled],
        slices={"carrier": data["carrier"][shuffled]},
    )
    expected = score_flights()
    for ours, theirs in ((found.metrics, expected.metrics), (found.lower, expected.lower), (found.upper, expected.upper)):
        assert ours == pytest.approx(theirs)


def test_a_metric_the_rows_do_not_define_is_left_out() -> None:
    found = score_flights(actual=np.full(4000, "late", dtype=object))
    assert "roc_auc" not in found.metrics
    assert "brier" in found.metrics


def test_a_single_block_gives_values_without_bounds() -> None:
    found = score_flights(blocks=np.zeros(4000))
    assert list(found.metrics) == METRICS
    assert not found.lower and not found.upper


def test_no_rows_give_an_empty_evaluation() -> None:
    found = evaluate("binary", METRICS, np.zeros(0), np.zeros(0), (0, 1), 0.5)
    assert (found.rows, found.blocks, dict(found.metrics)) == (0, 0, {})


def test_multiclass_and_regression_are_evaluated_too() -> None:
    chance = np.random.default_rng(3)
    score = chance.dirichlet(np.ones(3), 600)
    kinds = np.array(["a", "b", "c"])[[chance.choice(3, p=row) for row in score]]
    found = evaluate("multiclass", [*METRICS, "log_loss"], kinds, score, ("a", "b", "c"), 0.5, np.arange(600) // 20)
    assert found.metrics["roc_auc"] > 0.6
    values = chance.normal(size=600)
    fitted = evaluate(
        "regression", ["mse", "r2", "rmse", "mae"], values, values + chance.normal(0, 0.5, 600), (), 0.5, np.arange(600) // 20
    )
    assert fitted.lower["r2"] < 0.75 < fitted.upper["r2"]


def test_an_evaluation_survives_json() -> None:
    found = score_flights(actual=np.full(4000, "late", dtype=object))
    assert from_json(to_json(found), Evaluation) == found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"actual": np.full(4000, "perhaps", dtype=object)}, "labels the model does not know: 'perhaps'"),
        ({"score": np.full(4000, np.nan)}, "4000 of 4000 scores are not finite"),
        ({"score": np.zeros(3)}, "4000 actual values but 3 scores"),
        ({"score": np.full((4000, 3), 1 / 3), "task": "multiclass"}, "3 scores a row but 2 classes"),
        ({"blocks": np.zeros(3)}, "4000 rows but 3 blocks"),
        ({"slices": {"carrier": np.zeros(3)}}, "3 values of slice column 'carrier'"),
        ({"classes": (), "task": "regression", "metrics": ["mse"]}, "must be numbers"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_and_where(changes: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        score_flights(**changes)


def test_an_unknown_metric_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(SpecError, match="did you mean 'roc_auc'"):
        score_flights(metrics=["rocauc"], score=np.full(4000, np.nan))


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "brier", "log_loss", "accuracy", "precision", "recall", "f1"])
def test_a_row_that_weighs_three_counts_as_three_rows(metric: str) -> None:
    chance = np.random.default_rng(3)
    score = np.round(chance.uniform(size=400), 2)
    actual = (chance.uniform(size=400) < score).astype(np.int64)
    weight = chance.integers(1, 4, 400)
    block, column = np.arange(400) % 20, np.arange(400) % 2
    often = np.repeat(np.arange(400), weight)
    one = evaluate("binary", [metric], actual, score, (0, 1), 0.5, block, {"c": column}, weight=weight.astype(np.float64))
    three = evaluate("binary", [metric], actual[often], score[often], (0, 1), 0.5, block[often], {"c": column[often]})
    assert one.metrics[metric] == pytest.approx(three.metrics[metric])
    assert one.lower[metric] == pytest.approx(three.lower[metric])
    assert one.upper[metric] == pytest.approx(three.upper[metric])
    assert one.slices["c=1"][metric] == pytest.approx(three.slices["c=1"][metric])
