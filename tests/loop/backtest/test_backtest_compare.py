"""Policies judged on the same rows: months, differences with intervals, ranking, and what cannot be computed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flyball.core.errors import DataError
from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.journal.events import Entry, Thawed
from flyball.loop.backtest.compare import compare
from flyball.loop.backtest.records import NEVER, BacktestReport, Plan, Played, Stream
from flyball.loop.backtest.score import difference, truths
from flyball.spec.load import parse_spec
from flyball.stats.scores import METRICS
from quarter import DAY, FIRST, SPEC
from replayed import plan

BASE = parse_spec(SPEC, folder=Path("p"))
DAYS, PER_DAY = 60, 40
PLAN = plan(DAYS)


def stream(seed: int = 0) -> tuple[Stream, np.ndarray]:
    """Rows with a known probability each; the last day's outcomes never came."""
    chance = np.random.default_rng(seed)
    count = DAYS * PER_DAY
    at = np.array([to_micros(FIRST + (number // PER_DAY) * DAY) + number % PER_DAY * 1_000_000 for number in range(count)])
    truth_at = np.where(at >= to_micros(FIRST + (DAYS - 1) * DAY), NEVER, at + 1_000_000)
    probability = chance.uniform(0.05, 0.95, count)
    truth = (chance.uniform(size=count) < probability).astype(int).astype(object)
    truth[truth_at == NEVER] = None
    ids = np.array([f"p{number}" for number in range(count)], dtype=object)
    found = Stream(
        ids=ids,
        entity=ids,
        unit=np.full(count, None, dtype=object),
        at=at,
        actual=truth,
        outcome_at=truth_at,
        truth=truth,
        truth_at=truth_at,
        value=np.full(count, np.nan),
        features=Table({"x": probability}),
    )
    return found, probability


def played(name: str, score: np.ndarray) -> Played:
    return Played(
        name=name,
        entries=(Entry(model="town", seq=1, at=FIRST, actor="test", event=Thawed(reason="begun"), prev_hash="", hash=""),),
        score=score,
        version=np.ones(len(score), dtype=np.int64),
        classes=(0, 1),
        looks=(),
        trainings=(),
        trouble=(),
        unanswered=0,
        cpu_seconds=0.0,
    )


def report(seed: int = 0, used: Plan = PLAN) -> BacktestReport:
    rows, probability = stream(seed)
    blurred = np.clip(probability + np.random.default_rng(1).normal(0, 0.4, len(probability)), 0.01, 0.99)
    return compare(BASE, used, rows, [played("never", blurred), played("spec", probability)])


def test_the_better_policy_comes_first_and_the_other_is_certainly_worse() -> None:
    found = report()
    assert [one.name for one in found.policies] == ["spec", "never"]
    assert found.policies[0].against == {}
    for name in ("brier", "roc_auc"):
        worse = found.policies[1].against[name]
        assert worse.gain < 0
        assert worse.upper < 0


def test_months_are_values_of_the_metric_and_the_mean_is_theirs() -> None:
    one = report().policies[0]
    assert list(one.months["brier"]) == ["2026-01", "2026-02"]
    assert one.mean["brier"] == pytest.approx(np.mean(list(one.months["brier"].values())))
    assert one.whole["roc_auc"] > 0.7
    assert list(one.weeks["brier"])[:2] == ["2026-01-01", "2026-01-08"]


def test_rows_whose_outcome_never_came_are_not_judged() -> None:
    found = report()
    assert (found.rows, found.labelled) == (DAYS * PER_DAY, (DAYS - 1) * PER_DAY)


def test_a_policy_does_not_differ_from_itself() -> None:
    rows, probability = stream()
    truth = truths(rows, BASE, PLAN, (0, 1))
    found = difference(METRICS["brier"], truth, probability, probability, seed=0)
    assert found is not None
    assert (found.gain, found.lower, found.upper) == (0.0, 0.0, 0.0)


def test_the_interval_covers_no_difference_as_often_as_it_says() -> None:
    """Two equally blurred policies: the interval over days excludes zero in about one of twenty."""
    excluded = 0
    for seed in range(60):
        rows, probability = stream(seed)
        chance = np.random.default_rng(seed + 1000)
        one, two = (np.clip(probability + chance.normal(0, 0.2, len(probability)), 0, 1) for _ in range(2))
        found = difference(METRICS["brier"], truths(rows, BASE, PLAN, (0, 1)), one, two, seed=seed)
        assert found is not None
        excluded += found.lower > 0 or found.upper < 0
    assert excluded <= 9


def test_the_same_seed_gives_the_same_interval() -> None:
    assert report().policies[1].against == report().policies[1].against


def test_without_a_policy_never_or_a_floor_alarms_are_not_judged_and_it_is_said() -> None:
    rows, probability = stream()
    alone = compare(BASE, PLAN, rows, [played("spec", probability)])
    assert (alone.unjudged, alone.policies[0].false_alarms, alone.policies[0].missed) == ("no_never", None, None)
    floorless = replace(BASE, monitor=replace(BASE.monitor, floor=None))
    assert compare(floorless, PLAN, rows, [played("never", probability)]).unjudged == "no_floor"
    labelled = compare(BASE, replace(PLAN, changes=(FIRST + 5 * DAY,)), rows, [played("spec", probability)])
    assert (labelled.unjudged, labelled.policies[0].missed) == ("", 1)


def test_a_metric_that_the_outcomes_do_not_define_is_refused() -> None:
    rows, probability = stream()
    ones = np.full(len(rows), 1, dtype=object)
    ones[rows.truth_at == NEVER] = None
    same = replace(rows, truth=ones)
    auc = replace(PLAN, metric="roc_auc", metrics=("roc_auc", "brier"))
    with pytest.raises(DataError, match="roc_auc cannot be computed: all 2360 outcomes"):
        compare(BASE, auc, same, [played("spec", probability)])
    assert compare(BASE, PLAN, same, [played("spec", probability)]).policies[0].mean.keys() >= {"brier"}


def test_no_outcome_at_all_is_refused() -> None:
    rows, probability = stream()
    silent = replace(rows, truth_at=np.full(len(rows), NEVER))
    with pytest.raises(DataError, match="has an outcome that was known by then"):
        compare(BASE, PLAN, silent, [played("spec", probability)])
