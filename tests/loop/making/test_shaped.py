"""Labels that the model's own action shaped: left out, and stood for by the holdback."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from flyball.core.table import Table
from flyball.data.snapshot import WEIGHT, assemble
from flyball.data.source import Prepared
from flyball.evaluation.compare import compare
from flyball.evaluation.score import evaluate
from flyball.loop.making.gather import logged_table
from flyball.loop.making.shaped import honest, weights
from flyball.serving.records import LoggedRows
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from projects import SPEC

NOW = datetime(2024, 6, 1, tzinfo=UTC)
DAY = 86_400_000_000
START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
FEATURES = 'features = ["x0", "x1"]\n[train]'


def spec(source: str = "source+log", *, holdback: float = 0.1) -> Spec:
    text = SPEC.replace("prepare = ", "# ").replace("[train]", FEATURES)
    text = text.replace('task = "binary"', 'task = "binary"\ninfluences_outcome = true')
    text = text.replace('slices = ["plan"]\n', "")
    return parse_spec(text + f'[rollout]\nstrategy = "experiment"\nholdback = {holdback}\n[retrain]\nfrom = "{source}"\n', folder=Path("a"))


def logged(
    label: Sequence[int],
    variant: Sequence[str],
    score: Sequence[float],
    actual: Sequence[int | None],
    *,
    x: NDArray[np.float64] | None = None,
    propensity: float = 0.1,
    names: Sequence[str] | None = None,
    version: Sequence[int] | None = None,
) -> LoggedRows:
    count = len(label)
    held = np.array([name == "holdback" for name in variant], dtype=np.bool_)
    at = START + np.arange(count, dtype=np.int64) * (60 * DAY // max(count, 1))
    x = np.zeros((count, 2)) if x is None else x
    return LoggedRows(
        prediction_id=np.array([f"p{n}" for n in range(count)], dtype=object),
        at=at,
        day=at // DAY,
        unit=np.full(count, None, dtype=object),
        entity=np.array(names if names is not None else [f"e{n}" for n in range(count)], dtype=object),
        label=np.array(label, dtype=object),
        score=np.array(score, dtype=np.float64),
        actual=np.array(actual, dtype=object),
        outcome_at=at + DAY,
        features=Table({"x0": x[:, 0], "x1": x[:, 1]}),
        variant=np.array(variant, dtype=object),
        propensity=np.where(np.array(score) >= 0.5, np.where(held, propensity, 1 - propensity), 1.0),
        version=np.array(version if version is not None else [1] * count, dtype=np.int64),
    )


def prepared(names: Sequence[str] = ("s0", "s1"), churned: Sequence[int] = (0, 1)) -> Prepared:
    seen = np.full(len(names), START, dtype=np.int64).astype("datetime64[us]")
    table = Table(
        {
            "customer": np.array(names, dtype=object),
            "seen_at": seen,
            "known_at": seen + np.timedelta64(1, "D"),
            "x0": np.zeros(len(names)),
            "x1": np.zeros(len(names)),
            "churned": np.array(churned, dtype=np.int64),
        }
    )
    return Prepared(table=table, booleans=frozenset(), files=(), steps=(), warnings=())


def learnt(rows: LoggedRows, asked: Spec, source: Prepared | None = None) -> tuple[Table, int, list[str]]:
    """The rows of a training, how many were hidden, and what was told."""
    table = logged_table(rows, asked.data)
    assert table is not None
    found = honest(asked, source or prepared(), rows, table, cuts={1: 0.5, 2: 0.8}, now=NOW)
    made = assemble(found.prepared, found.logged, asked.data, task="binary", mode=asked.retrain.source, now=NOW)
    return made.table, found.hidden, [reason.code for reason in found.told]


def test_rows_that_were_acted_on_are_hidden_and_the_holdback_stands_for_them() -> None:
    variants = ["champion", "champion", "holdback", "holdback", "challenger"]
    rows = logged([1, 0, 0, 0, 1], variants, [0.9, 0.2, 0.7, 0.3, 0.6], [0, 0, 1, 0, 0])
    table, hidden, told = learnt(rows, spec())
    assert hidden == 2
    assert dict(zip(table["customer"].tolist(), table[WEIGHT].tolist(), strict=True)) == {"s0": 1, "s1": 1, "e1": 1, "e2": 10, "e3": 1}
    assert told == ["train.hidden", "train.weighed", "train.source_taken_as_is"]


def test_the_threshold_is_that_of_the_version_that_would_have_acted() -> None:
    rows = logged([0, 0, 0], ["holdback"] * 3, [0.7, 0.7, 0.7], [1, 1, 1], version=[1, 2, 3])
    table, _, _ = learnt(replace(rows, propensity=None), spec("log"))
    assert dict(zip(table["customer"].tolist(), table[WEIGHT].tolist(), strict=True)) == {"e0": 10, "e1": 1, "e2": 10}


def test_the_chance_that_was_logged_decides_and_not_what_threshold_and_share_are_now() -> None:
    rows = logged([0, 0, 0], ["holdback"] * 3, [0.7, 0.7, 0.3], [1, 1, 1], version=[1, 2, 1])
    then = replace(rows, propensity=np.array([1.0, 0.25, 0.25]))  # thresholds of .8, .6 and .2, a quarter held back
    weight, _, unknown = weights(then, positive=1, cuts={1: 0.5, 2: 0.8}, cut=0.5, share=0.1)
    assert weight.tolist() == [1, 4, 4]
    assert not unknown.any()


def test_where_nothing_is_weighed_there_is_no_such_column() -> None:
    table, hidden, told = learnt(logged([0, 1], ["champion"] * 2, [0.2, 0.9], [0, 0]), spec())
    assert WEIGHT not in table
    assert hidden == 1
    assert told == ["train.hidden", "train.hidden_without_holdback", "train.source_taken_as_is"]


def test_what_the_source_says_of_a_row_that_was_acted_on_is_left_out_too() -> None:
    table, hidden, _ = learnt(logged([1], ["champion"], [0.9], [0], names=["s1"]), spec(), prepared(["s0", "s1", "s2"], [0, 0, 1]))
    assert table["customer"].tolist() == ["s0", "s2"]
    assert hidden == 1


def test_of_several_rows_of_one_id_the_last_decides() -> None:
    rows = logged([1, 0, 0, 1], ["champion"] * 4, [0.9, 0.1, 0.1, 0.9], [0, 0, 1, 1], names=["a", "a", "b", "b"])
    table, hidden, _ = learnt(rows, spec("log"))
    assert table["customer"].tolist() == ["a"]
    assert hidden == 1


def test_a_row_without_outcome_that_was_acted_on_is_no_negative() -> None:
    asked = spec("log")
    asked = replace(asked, data=replace(asked.data, no_outcome="negative"))
    table, hidden, _ = learnt(logged([1, 0], ["champion"] * 2, [0.9, 0.1], [None, None]), asked)
    assert (table["customer"].tolist(), hidden) == (["e1"], 1)


def test_a_holdback_without_the_chance_it_had_is_weighed_by_the_spec_or_left_out() -> None:
    rows = replace(logged([0], ["holdback"], [0.9], [1]), propensity=np.array([np.nan]))
    table, _, _ = learnt(rows, spec("log", holdback=0.05))
    assert table[WEIGHT].tolist() == [20]
    _, hidden, unknown = weights(rows, positive=1, cuts={}, cut=0.5, share=0.0)
    assert (hidden.tolist(), unknown.tolist()) == ([False], [True])


def test_a_task_without_an_answer_that_is_acted_on_counts_every_answer_as_acted_on() -> None:
    rows = logged([3, 4], ["champion", "holdback"], [3.0, 4.0], [3, 4])
    rows = replace(rows, propensity=np.array([0.9, 0.1]))
    weight, hidden, _ = weights(rows, positive=None, cuts={}, cut=0.5, share=0.1)
    assert (weight.tolist(), hidden.tolist()) == ([1, 10], [True, False])


@given(
    share=st.floats(0.01, 0.5),
    drawn=st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 1)), min_size=1, max_size=40),
)
def test_hidden_rows_are_never_of_the_holdback_and_weights_are_never_below_one(share: float, drawn: list[tuple[bool, bool, float]]) -> None:
    variant = ["holdback" if held else "champion" for held, _, _ in drawn]
    rows = logged([int(one) for _, one, _ in drawn], variant, [score for *_, score in drawn], [0] * len(drawn), propensity=share)
    weight, hidden, unknown = weights(rows, positive=1, cuts={}, cut=0.5, share=share)
    for (held, label, score), heavy, gone in zip(drawn, weight.tolist(), hidden.tolist(), strict=True):
        assert gone == (label and not held)
        assert heavy == pytest.approx(1 / share if held and score >= 0.5 else 1.0)
    assert not unknown.any()


def test_the_sentences_say_how_many_and_how_heavy() -> None:
    rows = logged([1, 0, 0], ["champion", "holdback", "champion"], [0.9, 0.7, 0.1], [0, 1, 0])
    table = logged_table(rows, spec().data)
    assert table is not None
    told = [sentence(reason) for reason in honest(spec(), prepared(), rows, table, cuts={}, now=NOW).told]
    assert told[0].startswith("1 row of the log cannot be learnt from")
    assert "weigh up to 10 each; the 2 rows of the log tell as much as about 1 of equal weight" in told[1]


# a world in which actions change outcomes: who would leave is kept by an offer in four of five cases


def world(rows: int = 60_000, *, share: float = 0.1, seed: int = 0) -> tuple[LoggedRows, NDArray[np.float64], NDArray[np.float64]]:
    """What a model that knows the truth leaves in its log; the features, and the chance of leaving if nobody did anything."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(rows, 2))
    leaves = 1 / (1 + np.exp(1 - 2 * x[:, 0]))
    held = chance.uniform(size=rows) < share
    acted = (leaves >= 0.5) & ~held
    outcome = chance.uniform(size=rows) < np.where(acted, 0.2 * leaves, leaves)
    variant = np.where(held, "holdback", "champion").tolist()
    made = logged(acted.astype(int).tolist(), variant, leaves.tolist(), outcome.astype(int).tolist(), x=x, propensity=share)
    return made, x, leaves


def test_retraining_on_everything_learns_that_who_leaves_stays_and_weighing_the_holdback_learns_the_truth() -> None:
    rows, x, leaves = world()
    table, _, _ = learnt(rows, spec("log"))
    naive = LogisticRegression().fit(x, rows.actual.astype(int))
    inputs = np.column_stack([table["x0"], table["x1"]])
    weighed = LogisticRegression().fit(inputs, table["churned"], sample_weight=table[WEIGHT])
    certain = np.array([[2.0, 0.0]])  # leaves with a probability of .95
    assert naive.predict_proba(certain)[0, 1] < 0.5
    assert weighed.predict_proba(certain)[0, 1] == pytest.approx(0.95, abs=0.03)
    assert np.abs(weighed.predict_proba(x)[:, 1] - leaves).mean() < 0.02 < 0.1 < np.abs(naive.predict_proba(x)[:, 1] - leaves).mean()


def test_the_weighed_log_says_how_often_and_how_well_as_if_nobody_had_acted() -> None:
    rows, _, leaves = world(seed=1)
    table, _, _ = learnt(rows, spec("log"))
    weight = np.asarray(table[WEIGHT], dtype=np.float64)
    assert np.average(table["churned"], weights=weight) == pytest.approx(leaves.mean(), abs=0.015)
    assert abs(float(table["churned"].mean()) - float(leaves.mean())) > 0.1
    score = 1 / (1 + np.exp(1 - 2 * table["x0"]))
    truth = float((leaves * (1 - leaves)).mean())
    days = table["seen_at"].astype("datetime64[D]").astype(np.int64)
    found = evaluate("binary", ["brier", "roc_auc"], table["churned"], score, (0, 1), 0.5, days, weight=weight)
    assert found.metrics["brier"] == pytest.approx(truth, abs=0.006)
    assert found.lower["brier"] < truth < found.upper["brier"]


def test_the_gate_compares_on_weighed_rows() -> None:
    """A candidate that is right where nothing is done beats one that learnt the effect of the action, and only by weight is that so."""
    rows, _, _ = world(seed=2)
    table, _, _ = learnt(rows, spec("log"))
    weight = np.asarray(table[WEIGHT], dtype=np.float64)
    right = 1 / (1 + np.exp(1 - 2 * table["x0"]))
    fooled = np.where(right >= 0.5, 0.35, right)
    slightly_off = np.where(right >= 0.5, right, np.minimum(right + 0.14, 0.49))
    days = table["seen_at"].astype("datetime64[D]").astype(np.int64)
    even = compare("brier", table["churned"], fooled, slightly_off, (0, 1), 0.5, days)
    fair = compare("brier", table["churned"], fooled, slightly_off, (0, 1), 0.5, days, weight=weight)
    assert even is not None
    assert fair is not None
    assert even.gain > 0 > fair.upper
