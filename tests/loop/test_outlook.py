"""What a rollout will take is said from the log, or from the data, and one that cannot decide in time is refused with the way out."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arms import START, log_rows, rollout
from flyball.core.table import Table
from flyball.journal.state import empty
from flyball.loop.memory import Memory
from flyball.loop.outlook import Basis, data_basis, logged_basis, outlook
from flyball.spec.records import Spec
from flyball.words.sentences import sentence
from watched import MODEL, SPEC, Watched, reference

DAY = timedelta(days=1)


def spec(strategy: Any = "shadow", *, time: str | None = None, **changes: Any) -> Spec:
    return replace(SPEC, data=replace(SPEC.data, matures=DAY, time=time), rollout=replace(SPEC.rollout, strategy=strategy, **changes))


def basis(**changes: Any) -> Basis:
    given: dict[str, Any] = {
        "rows": 1000.0, "units": 900.0, "days": 28, "logged": True, "loss": 0.15, "spread": 0.2, "daily": 0.004, "daily_days": 20,
    }  # fmt: skip
    return Basis(**{**given, **changes})


def test_the_log_says_how_many_rows_come_and_how_losses_vary(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.register(1, reference()).promote(1)
    assert logged_basis(watched.world.predictions, watched.world.bundles, spec(), watched.state, Memory(), START) is None
    _, champion = rollout(5, days=10, rows=200)
    log_rows(watched.world, MODEL, [(1, champion)])
    found = logged_basis(watched.world.predictions, watched.world.bundles, spec(), watched.state, Memory(), START + 12 * DAY)
    assert found is not None and found.loss is not None
    assert found.rows == pytest.approx(len(champion.at) / 10)
    assert 0.05 < found.loss < 0.25 and (found.daily, found.daily_days) == (None, 0)


def test_before_anything_is_logged_the_data_say_how_many_rows_come() -> None:
    at = np.datetime64("2026-01-01T00:00", "us") + np.arange(3000) * np.timedelta64(30, "m")
    found = data_basis(Table({"t": at, "y": np.zeros(3000)}), spec(time="t"), empty("churn"))
    assert found is not None
    assert (round(found.rows), found.loss, found.logged) == (48, None, False)
    said = outlook(spec(time="t"), found)
    assert said.refusal is None and "about 619 rows" in sentence(said.sentences[-1])
    assert data_basis(Table({"y": np.zeros(3)}), spec(), empty("churn")) is None
    assert "not known yet" in sentence(outlook(spec(), None).sentences[0])


def test_a_rollout_that_decides_says_which_gain_it_finds_and_how_long_a_worthwhile_one_takes() -> None:
    for strategy in ("shadow", "experiment", "canary", "bandit"):
        said = outlook(spec(strategy), basis(rows=20_000.0, units=10_000.0))
        assert said.refusal is None, strategy
        assert said.numbers["detectable"] is not None
        words = [sentence(one) for one in said.sentences]
        assert "is found in 8 of 10 cases" in words[2] and "5%" in words[3]
    assert outlook(spec("immediate"), basis()).sentences == ()


@pytest.mark.parametrize(
    ("strategy", "found", "changes", "way"),
    [
        ("experiment", {"rows": 30.0, "units": 30.0}, {}, 'write rollout.deadline = "'),
        ("experiment", {"rows": 30.0, "units": 30.0}, {"share": 0.001}, "write a larger rollout.share"),
        ("experiment", {"rows": 0.2, "units": 0.2}, {}, 'write rollout.strategy = "immediate"'),
        ("shadow", {"daily": 0.5}, {}, "write rollout."),
    ],
)
def test_a_rollout_that_cannot_decide_is_refused_with_what_to_write_instead(
    strategy: str, found: dict[str, float], changes: dict[str, Any], way: str
) -> None:
    said = outlook(spec(strategy, **changes), basis(**found))
    assert said.refusal is not None
    assert way in sentence(said.refusal) and "cannot decide before its deadline" in sentence(said.refusal)


def test_a_deadline_that_is_asked_for_is_enough() -> None:
    few = basis(rows=30.0, units=30.0)
    said = outlook(spec("experiment"), few)
    assert said.refusal is not None
    days = said.refusal.values["days"]
    assert isinstance(days, int)
    assert outlook(spec("experiment", deadline=days * DAY), few).refusal is None


def test_a_rollout_by_accuracy_is_planned_by_the_errors_that_are_left(tmp_path: Path) -> None:
    """Of .97 right answers a gain worth having is a twentieth of the .03 wrong ones, not of the right ones."""
    at = np.datetime64("2026-01-01T00:00", "us") + np.arange(3000) * np.timedelta64(30, "m")
    watched = Watched(tmp_path)
    watched.register(1, reference()).promote(1)
    known = watched.state.versions[1]
    right = replace(known, registered=replace(known.registered, metrics={"accuracy": 0.97, "error": 0.03}))
    state = replace(watched.state, versions={1: right})
    by = {metric: data_basis(Table({"t": at}), spec("experiment", time="t", metric=metric), state) for metric in ("accuracy", "error")}
    found = by["accuracy"]
    assert found is not None and found.loss == pytest.approx(0.03)
    assert found.spread == pytest.approx(np.sqrt(0.03 * 0.97))
    plans = [outlook(spec("experiment", time="t", metric=metric), basis).numbers for metric, basis in by.items()]
    assert plans[0] == pytest.approx(plans[1])
