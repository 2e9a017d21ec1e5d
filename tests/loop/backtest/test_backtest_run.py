"""A whole backtest of a small town, and every request that cannot be met."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from flyball.adapters.memory.outcomes import MemoryOutcomeLog
from flyball.adapters.memory.predictions import MemoryPredictionLog
from flyball.adapters.replay.source import history_text
from flyball.core.errors import DataError, SpecError, UsageError
from flyball.loop.backtest.records import BacktestReport, ByHand, Request
from flyball.serving.records import Outcome
from flyball.spec.load import load_spec, parse_spec
from flyball.testing.samples import predictions
from flyball.words.sentences import sentence
from quarter import DAY, FIRST, SPEC
from replayed import history, replayed, town

START = Request(start=FIRST)
DAYS, CHANGE = 48, 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("backtest") / "town"
    town(made, history(days=DAYS, changes_on=CHANGE))
    return made


@pytest.fixture(scope="module")
def report(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> BacktestReport:
    """The five usual policies, looked at every other day, and a colleague who trains by hand."""
    by_hand = (ByHand(at=FIRST + 6 * DAY, actor="colleague", window=timedelta(days=10)),)
    asked = replace(START, end=FIRST + DAYS * DAY, step=2 * DAY, by_hand=by_hand)
    return replayed(folder, tmp_path_factory.mktemp("scratch"), asked)


def test_the_five_usual_policies_are_compared_with_the_spec(report: BacktestReport) -> None:
    assert {one.name for one in report.policies} == {"never", "evenly", "drift", "performance", "spec"}
    assert report.reference == "spec"
    assert report.metric == "brier"
    assert [one.mean["brier"] for one in report.policies] == sorted(one.mean["brier"] for one in report.policies)


def test_after_a_change_who_retrains_beats_who_does_not(report: BacktestReport) -> None:
    found = {one.name: one for one in report.policies}
    never = found["never"]
    assert never.retrains == 0
    assert found["performance"].retrains >= 1
    assert found["performance"].mean["brier"] < never.mean["brier"]
    assert never.against["brier"].upper < 0
    assert never.under_floor > found["spec"].under_floor


def test_as_many_even_retrainings_as_the_spec_made_are_the_baseline(report: BacktestReport) -> None:
    found = {one.name: one for one in report.policies}
    assert found["evenly"].retrains == found["spec"].retrains
    assert found["evenly"].cost.cpu_seconds > 0


def test_the_loss_after_the_change_is_found_and_alarmed_about(report: BacktestReport) -> None:
    assert report.unjudged == ""
    assert report.losses
    assert CHANGE < (report.losses[0].start - FIRST) // DAY < CHANGE + 14
    spec = next(one for one in report.policies if one.name == "spec")
    assert spec.missed == 0
    assert any(alarm.false is False for alarm in spec.alarms)


def test_every_decision_has_its_time_reason_and_actor(report: BacktestReport) -> None:
    for one in report.policies:
        assert [made.at for made in one.decisions] == sorted(made.at for made in one.decisions)
        assert one.decisions[0].action == "registered"
        for made in one.decisions:
            assert sentence(made.reason)
        assert any(made.actor == "colleague" and made.action == "registered" for made in one.decisions)


@pytest.mark.parametrize(
    ("request_", "error", "told"),
    [
        (Request(policies=("nevr",)), UsageError, "did you mean 'never'"),
        (Request(policies=("evenly",), start=FIRST), UsageError, "as often as the policy 'spec'"),
        (Request(start=FIRST - 90 * DAY), DataError, "there is no row before it"),
        (Request(start=FIRST, end=FIRST - DAY), UsageError, "starts on 2026-01-01 and ends on 2025-12-31"),
        (Request(start=FIRST + 300 * DAY), UsageError, "the history is from"),
        (Request(start=FIRST, train_until=FIRST + DAY), UsageError, "it answers from 2026-01-01 on"),
        (Request(start=FIRST, step=timedelta(0)), UsageError, "--step"),
        (Request(start=FIRST, metric="brir"), SpecError, "did you mean 'brier'"),
        (Request(start=FIRST, metric="rmse"), SpecError, "does not fit task"),
        (Request(start=FIRST, seed=3), UsageError, "none of random_state"),
    ],
)
def test_what_cannot_be_replayed_is_refused_before_anything_is(
    folder: Path, tmp_path: Path, request_: Request, error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as refused:
        replayed(folder, tmp_path / "scratch", request_)
    assert told in str(refused.value)


def test_without_a_floor_the_usual_policies_leave_out_the_one_that_needs_it(tmp_path: Path) -> None:
    town(
        tmp_path / "town",
        history(days=3),
        text=SPEC.replace('floor = { metric = "brier", drop = 0.02 }\n', "").replace('"performance", ', ""),
    )
    found = replayed(tmp_path / "town", tmp_path / "scratch", replace(START, end=FIRST + 3 * DAY))
    assert "performance" not in {one.name for one in found.policies}
    assert [one.code for one in found.warnings] == ["backtest.no_floor"]
    assert found.unjudged == "no_floor"


def test_a_file_is_the_history_if_it_is_named_and_there(folder: Path, tmp_path: Path) -> None:
    spec, text = load_spec(folder), (folder / "flyball.toml").read_text()
    other = tmp_path / "other.parquet"
    with pytest.raises(UsageError, match="does not exist"):
        history_text(text, spec, tmp_path, data=other, log=None, now=FIRST)
    other.write_bytes((folder / "data" / "history.parquet").read_bytes())
    changed = history_text(text, spec, tmp_path, data=other, log=None, now=FIRST)
    assert parse_spec(changed, folder=folder).data.source == str(other)
    with pytest.raises(UsageError, match="exclude each other"):
        history_text(text, spec, tmp_path, data=other, log=MemoryPredictionLog(), now=FIRST)


def test_a_log_without_outcomes_cannot_be_replayed(folder: Path, tmp_path: Path) -> None:
    log = MemoryPredictionLog()
    MemoryOutcomeLog(log)
    with pytest.raises(DataError, match="no predictions of town whose outcome is known"):
        history_text((folder / "flyball.toml").read_text(), load_spec(folder), tmp_path, data=None, log=log, now=FIRST)


def test_what_outcomes_in_the_log_were_worth_comes_along_and_is_no_feature(folder: Path, tmp_path: Path) -> None:
    log = MemoryPredictionLog()
    outcomes = MemoryOutcomeLog(log)
    ids = ["a", "b", "c"]
    batch = replace(predictions(ids, at=FIRST), model="town", entity=list(ids), feature_names=["price", "calls"], features=[[1.0, 2.0]] * 3)
    log.add(batch)
    told = [Outcome(actual=1, at=FIRST + DAY, prediction_id=name, value=value) for name, value in (("a", 2.5), ("b", None))]
    assert outcomes.take("town", told, within=timedelta(0)).accepted == 2
    text = (folder / "flyball.toml").read_text().replace('features = ["price", "calls"]\n', "")
    changed = history_text(text, parse_spec(text, folder=folder), tmp_path, data=None, log=log, now=FIRST + 9 * DAY)
    spec = parse_spec(changed, folder=folder)
    assert spec.data.features == ("price", "calls")
    rows = pd.read_parquet(spec.data.source).set_index("customer")
    assert rows["value"].fillna(0.0).to_dict() == {"a": 2.5, "b": 0.0, "c": 0.0}
