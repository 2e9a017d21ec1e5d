"""What is found in a table before it is trained on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flyball.core.table import Array, Table
from flyball.data.checks import check
from flyball.data.findings import Finding
from flyball.spec.records import (
    DataSpec,
    EvaluateSpec,
    Expectation,
    ModelSpec,
    MonitorSpec,
    QualitySpec,
    RetrainSpec,
    RolloutSpec,
    ServeSpec,
    Spec,
    SplitSpec,
    Task,
    TrainSpec,
)
from flyball.words.data import SENTENCES

ROWS = 200


def _spec(task: Task = "binary", **data: Any) -> Spec:
    return Spec(
        model=ModelSpec(name="churn", task=task),
        data=DataSpec(source="data.csv", target="left", id="who", time="at", outcome_time="known", matures=timedelta(days=1), **data),
        train=TrainSpec(run="pipeline:train", params={}),
        evaluate=EvaluateSpec(metrics=("brier",), split=SplitSpec(by="time")),
        serve=ServeSpec(),
        rollout=RolloutSpec(),
        monitor=MonitorSpec(),
        retrain=RetrainSpec(),
        folder=Path(),
        digest="",
    )


def _table(**columns: Array) -> Table:
    at = np.datetime64("2024-01-01T00:00", "us") + np.arange(ROWS) * np.timedelta64(1, "h")
    good: dict[str, Array] = {
        "who": np.array([f"c{i}" for i in range(ROWS)], dtype=object),
        "at": at,
        "known": at + np.timedelta64(1, "D"),
        "age": np.arange(ROWS) % 50 + 20.0,
        "plan": np.array(["basic", "pro"] * (ROWS // 2), dtype=object),
        "left": np.arange(ROWS) % 3 == 0,
    }
    return Table({**good, **columns})


def _codes(findings: list[Finding]) -> list[tuple[str, str, str]]:
    for finding in findings:  # every finding can be said in both languages
        for sentence in SENTENCES[finding.reason.code]:
            assert sentence.format(**finding.reason.values)
    return [(finding.severity, finding.column, finding.reason.code) for finding in findings]


def _but(**columns: Array) -> list[tuple[str, str, str]]:
    return _codes(check(_table(**columns), _spec()))


def test_a_good_table_has_no_findings() -> None:
    assert _but() == []


def test_an_empty_table_is_an_error() -> None:
    assert _codes(check(_table().take(slice(0, 0)), _spec())) == [("error", "", "data.empty")]
    assert ("error", "", "data.empty") in _codes(check(Table({}), _spec()))


def test_a_column_that_is_not_there_is_named_with_the_nearest_one() -> None:
    table = _table()
    table = Table({("lefft" if name == "left" else name): values for name, values in table.columns.items()})
    found = check(table, _spec(features=("age", "plann")))
    assert _codes(found) == [("error", "left", "data.column_absent"), ("error", "plann", "data.column_absent")]
    assert (
        SENTENCES["data.column_absent"][0]
        .format(**found[0].reason.values)
        .startswith("the data has no column 'left'; did you mean 'lefft'?")
    )


def test_a_table_without_features_is_an_error() -> None:
    table = _table().select(["who", "at", "known", "left"])
    assert _codes(check(table, _spec())) == [("error", "", "data.no_features")]


@pytest.mark.parametrize(
    ("task", "target", "code"),
    [
        ("binary", np.ones(ROWS), "data.target_constant"),
        ("binary", np.arange(ROWS) % 3, "data.target_not_binary"),
        ("multiclass", np.linspace(0, 1, ROWS), "data.target_not_classes"),
        ("binary", np.array([None] * ROWS, dtype=object), "data.target_all_missing"),
        ("regression", np.array(["1.5", "much"] * (ROWS // 2), dtype=object), "data.target_not_number"),
        ("regression", np.append(np.arange(ROWS - 1.0), np.inf), "data.infinite"),
        ("regression", np.full(ROWS, 3.0), "data.target_constant"),
    ],
)
def test_a_target_that_does_not_fit_the_task_is_an_error(task: Task, target: Array, code: str) -> None:
    assert _codes(check(_table(left=target), _spec(task))) == [("error", "left", code)]


@pytest.mark.parametrize(
    ("task", "target"),
    [
        ("binary", np.where(np.arange(ROWS) % 4 == 0, np.nan, np.arange(ROWS) % 2)),
        ("binary", np.array(["yes", "no", None, "no"] * (ROWS // 4), dtype=object)),
        ("multiclass", np.arange(ROWS) % 5),
        ("regression", np.arange(ROWS) * 0.5),
    ],
)
def test_labels_that_are_still_unknown_are_no_finding(task: Task, target: Array) -> None:
    assert _codes(check(_table(left=target), _spec(task))) == []


def test_a_class_of_three_rows_is_a_warning_that_shows_them() -> None:
    found = check(_table(left=np.arange(ROWS) < 3), _spec())
    assert _codes(found) == [("warning", "left", "data.rare_class")]
    assert (found[0].rows, found[0].examples) == (3, ("c0", "c1", "c2"))


def test_features_that_teach_nothing_or_cannot_be_read_are_found() -> None:
    age = np.arange(ROWS) + 20.0
    age[7] = np.inf
    assert _but(age=age) == [("error", "age", "data.infinite")]
    assert _but(age=np.full(ROWS, np.nan)) == [("error", "age", "data.all_missing")]
    assert _but(plan=np.array([None, ""] * (ROWS // 2), dtype=object)) == [("error", "plan", "data.all_missing")]
    assert _but(age=np.full(ROWS, 3.0)) == [("warning", "age", "data.constant")]
    assert _but(plan=np.array([7, "pro", "pro", "pro"] * (ROWS // 4), dtype=object)) == [("warning", "plan", "data.mixed_types")]
    assert _but(since=_table()["at"]) == [("error", "since", "data.time_as_feature")]


def test_times_that_cannot_be_read_or_have_no_zone_are_errors() -> None:
    texts = np.array(["2024-01-01T00:00:00Z"] * ROWS, dtype=object)
    assert _but(at=texts) == []
    texts[3] = "first of May"
    assert _but(at=texts) == [("error", "at", "data.time_unreadable")]
    texts[3] = "2024-05-01 00:00"
    assert _but(at=texts) == [("error", "at", "data.time_naive")]
    at = _table()["at"].copy()
    at[5] = np.datetime64("NaT")
    assert _but(at=at) == [("error", "at", "data.time_missing")]


def test_an_outcome_known_before_its_time_is_shown() -> None:
    known = _table()["known"].copy()
    known[9] -= np.timedelta64(2, "D")
    found = check(_table(known=known), _spec())
    assert _codes(found) == [("warning", "known", "data.outcome_before_time")]
    assert found[0].examples == ("c9",)


def test_ids_that_repeat_are_a_warning_with_examples() -> None:
    who = _table()["who"].copy()
    who[4] = "c3"
    who[5] = None
    found = check(_table(who=who), _spec())
    assert _codes(found) == [("warning", "who", "data.id_missing"), ("warning", "who", "data.id_twice")]
    assert (found[1].rows, found[1].examples) == (2, ("c3", "c3"))


def test_errors_come_before_warnings_and_examples_are_row_numbers_without_an_id() -> None:
    age = np.full(ROWS, 3.0)
    spec = _spec()
    spec = replace(spec, data=replace(spec.data, id=None))
    found = check(_table(age=age, rich=np.where(np.arange(ROWS) == 8, np.inf, np.arange(ROWS) * 1.0)), spec)
    assert [finding.severity for finding in found] == ["error", "warning"]
    assert found[0].examples == ("8",)


def test_rows_loaded_twice_are_told() -> None:
    table = _table()
    doubled = Table({name: np.concatenate([values, values[:5]]) for name, values in table.columns.items()})
    found = check(doubled, _spec())
    assert _codes(found) == [("warning", "who", "data.id_twice"), ("warning", "", "data.row_twice")]
    assert (found[1].rows, found[1].examples) == (5, ("c0", "c1", "c2", "c3", "c4"))


def test_equal_rows_are_no_copies_where_nothing_tells_events_apart() -> None:
    spec = _spec()
    nameless = replace(spec, data=replace(spec.data, id=None, time=None, outcome_time=None))
    table = Table({"plan": np.array(["a", "b"] * 100, dtype=object), "left": np.arange(ROWS) % 2 == 0})
    assert _codes(check(table, nameless)) == []


def test_a_column_that_a_few_words_made_text_is_told_with_them() -> None:
    ages = np.array([str(number) for number in range(ROWS)], dtype=object)
    assert _but(age=ages) == []  # postal codes are text and read as numbers
    ages[7] = "unknown"
    (one,) = check(_table(age=ages), _spec())
    assert (one.reason.code, one.rows, one.examples, one.reason.values["found"]) == ("data.mostly_numbers", 1, ("c7",), "unknown")


def test_data_that_is_no_longer_written_stops_a_training() -> None:
    spec = replace(_spec(), quality=QualitySpec(fresh=timedelta(days=2)))
    newest = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=ROWS - 1)
    assert _codes(check(_table(), spec, now=newest + timedelta(days=2))) == []
    assert _codes(check(_table(), spec, now=newest + timedelta(days=3))) == [("error", "at", "data.stale")]


def test_rows_without_an_outcome_and_none_of_the_future_tell_how_fresh_the_data_is() -> None:
    spec = replace(_spec(), quality=QualitySpec(fresh=timedelta(days=2)))
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=ROWS - 1)
    old, whole = _table().take(slice(0, 50)), _table()
    assert _codes(check(old, spec, now=now)) == [("error", "at", "data.stale")]
    assert _codes(check(old, spec, prepared=whole, now=now)) == []
    assert _codes(check(whole, spec, now=now - timedelta(hours=ROWS * 2))) == []


def test_rules_of_the_spec_stop_a_training_with_counts_and_ids() -> None:
    rules = {"age": Expectation(min=21), "plan": Expectation(values=("basic",))}
    found = check(_table(), replace(_spec(), quality=QualitySpec(expect=rules)))
    assert _codes(found) == [("error", "age", "data.expect_below"), ("error", "plan", "data.expect_not_allowed")]
    assert (found[0].rows, found[0].examples[:2]) == (4, ("c0", "c50"))
