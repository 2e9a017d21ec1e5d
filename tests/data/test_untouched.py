"""Some rows are kept out of every training, always the same ones."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.data.split import split_rows
from flyball.data.untouched import LEAST_ROWS, spare, untouched_rows, untouched_rule
from flyball.spec.records import DataSpec, EvaluateSpec, SplitSpec

DATA = DataSpec(source="d", target="y", id="i", time="t")
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def evaluate(by: str = "time", untouched: float = 0.02) -> EvaluateSpec:
    return EvaluateSpec(metrics=("brier",), split=SplitSpec(by=by), untouched=untouched)  # type: ignore[arg-type]  # one of three


def table(rows: int, first: int = 0) -> Table:
    times = [to_micros(BEGIN + timedelta(minutes=number)) for number in range(first, first + rows)]
    ids = np.array([f"C{number:06d}" for number in range(first, first + rows)], dtype=object)
    return Table({"i": ids, "t": np.array(times, dtype="datetime64[us]"), "u": ids, "y": np.zeros(rows)})


def test_about_the_share_is_chosen_and_no_training_has_any_of_it() -> None:
    rows = table(20_000)
    chosen = untouched_rows(rows, DATA, evaluate())
    assert chosen.mean() == pytest.approx(0.02, abs=0.004)
    before = split_rows(rows, DATA, evaluate().split)
    after = spare(before, rows, DATA, evaluate())
    assert not chosen[after.train].any()
    assert set(before.train.tolist()) - set(after.train.tolist()) == set(np.flatnonzero(chosen).tolist()) & set(before.train.tolist())
    assert after.test.tolist() == before.test.tolist()


def test_the_same_rows_are_chosen_whatever_else_is_in_the_table() -> None:
    early, late = table(5_000), table(5_000, first=2_500)
    one = set(early["i"][untouched_rows(early, DATA, evaluate())].tolist())
    two = set(late["i"][untouched_rows(late, DATA, evaluate())].tolist())
    shared = set(early["i"].tolist()) & set(late["i"].tolist())
    assert one & shared == two & shared != set()


def test_a_larger_share_keeps_every_row_of_a_smaller_one() -> None:
    rows = table(5_000)
    small, large = (untouched_rows(rows, DATA, evaluate(untouched=share)) for share in (0.02, 0.1))
    assert (large | ~small).all() and large.sum() > small.sum()


def test_without_an_id_unit_and_time_name_a_row_else_time_alone() -> None:
    rows = table(5_000)
    for data in (DataSpec(source="d", target="y", time="t", unit="u"), DataSpec(source="d", target="y", time="t")):
        assert untouched_rows(rows, data, evaluate()).mean() == pytest.approx(0.02, abs=0.008)
        assert untouched_rule(evaluate(), data, 5_000)
    nameless = DataSpec(source="d", target="y")
    assert not untouched_rows(rows, nameless, evaluate()).any()


def test_a_row_without_id_is_not_chosen() -> None:
    rows = table(2_000).with_columns({"i": np.full(2_000, None, dtype=object)})
    assert not untouched_rows(rows, DATA, evaluate(untouched=0.5)).any()


def test_a_small_table_and_a_share_of_nothing_spare_no_rows() -> None:
    rows = table(LEAST_ROWS - 1)
    split = split_rows(rows, DATA, evaluate().split)
    assert spare(split, rows, DATA, evaluate()) is split and not untouched_rule(evaluate(), DATA, rows.rows)
    assert not untouched_rule(evaluate(untouched=0.0), DATA, 10_000)


def test_where_held_out_rows_are_chosen_by_a_hash_they_are_the_untouched_ones() -> None:
    rows = table(5_000)
    split = split_rows(rows, DATA, evaluate("rows").split)
    assert spare(split, rows, DATA, evaluate("rows")) is split
    assert untouched_rule(evaluate("rows", untouched=0.0), DATA, 10) == "rows i test 0.2 seed 0"
