"""Who trains and who is held out."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import DataError
from flyball.core.table import Table
from flyball.core.window import to_micros
from flyball.data.snapshot import known_at, micros
from flyball.data.split import blocks_of, held_out, split_rows
from flyball.spec.records import DataSpec, SplitSpec

TIMED = DataSpec(source="x.csv", target="y", time="at", outcome_time="known", matures=timedelta(hours=6))


def timed(hours: list[int], delays: list[int]) -> Table:
    start = np.datetime64("2024-01-01T00:00:00", "us")
    at = start + np.array(hours).astype("timedelta64[h]")
    known = at + np.array(delays).astype("timedelta64[h]")
    return Table({"at": at, "known": known, "y": np.arange(len(hours)) % 2})


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 100)), min_size=40, max_size=120),
    share=st.sampled_from([0.1, 0.2, 0.4]),
)
def test_no_training_row_was_known_after_the_test_began(rows: list[tuple[int, int]], share: float) -> None:
    table = timed([row[0] for row in rows], [row[1] for row in rows])
    try:
        split = split_rows(table, TIMED, SplitSpec(by="time", test=share))
    except DataError:
        return
    assert split.cut_at is not None
    cut, times, known = to_micros(split.cut_at), micros(table["at"]), known_at(table, TIMED)
    assert known is not None
    assert (known[split.train] < cut).all()
    assert (micros(table["known"])[split.train] < cut).all()
    assert (times[split.test] >= cut).all()
    assert len(split.test) == (times >= cut).sum() >= round(share * len(rows))
    assert not set(split.train.tolist()) & set(split.test.tolist())


def test_rows_of_one_instant_stay_together() -> None:
    split = split_rows(timed([0] * 30 + [50] * 30 + [100] * 5, [1] * 65), TIMED, SplitSpec(by="time", test=0.2))
    assert split.test.tolist() == list(range(30, 65))
    assert split.train.tolist() == list(range(30))


def test_a_span_holds_out_the_newest_time_not_a_share() -> None:
    split = split_rows(timed(list(range(200)), [0] * 200), TIMED, SplitSpec(by="time", test_span=timedelta(hours=24)))
    assert split.test.tolist() == list(range(176, 200))


def test_an_early_outcome_counts_only_from_the_fixed_age_on() -> None:
    table = timed([0, 0], [1, 30])
    known = known_at(table, TIMED)
    assert known is not None
    assert ((known - micros(table["at"])) / 3.6e9).tolist() == [6, 30]


def test_too_few_rows_is_an_error_that_says_how_many() -> None:
    with pytest.raises(DataError, match="of 20 labelled rows 0 would train"):
        split_rows(timed([5] * 20, [1] * 20), TIMED, SplitSpec(by="time"))
    with pytest.raises(DataError, match="40 earlier rows had no known outcome by then"):
        split_rows(timed(list(range(50)), [200] * 50), TIMED, SplitSpec(by="time"))


@settings(max_examples=60, deadline=None)
@given(
    units=st.lists(st.integers(0, 60), min_size=60, max_size=200), more=st.lists(st.integers(0, 200), max_size=100), seed=st.integers(0, 5)
)
def test_a_unit_is_never_on_both_sides_and_stays_on_its_side_as_data_grow(units: list[int], more: list[int], seed: int) -> None:
    data, rule = DataSpec(source="x.csv", target="y", unit="u"), SplitSpec(by="unit", test=0.3, seed=seed)

    def sides(values: list[int]) -> tuple[set[str], set[str]] | None:
        names = np.array([f"u{value}" for value in values], dtype=object)
        try:
            split = split_rows(Table({"u": names, "y": np.zeros(len(values))}), data, rule)
        except DataError:
            return None
        return set(names[split.train]), set(names[split.test])

    before, after = sides(units), sides(units + more)
    if before is None or after is None or len(set(units)) < 20:
        return
    assert not before[0] & before[1]
    assert before[0] <= after[0]
    assert before[1] <= after[1]


def test_a_handful_of_units_still_gives_both_sides() -> None:
    data = DataSpec(source="x.csv", target="y", unit="u")
    for seed in range(20):
        names = np.array(["a", "b", "c"] * 20, dtype=object)
        split = split_rows(Table({"u": names, "y": np.zeros(60)}), data, SplitSpec(by="unit", test=0.2, seed=seed))
        assert len(split.test) in (20, 40)


def test_rows_are_held_out_in_about_the_share_asked_for() -> None:
    data = DataSpec(source="x.csv", target="y", id="i")
    ids = np.array([f"row {number}" for number in range(5000)], dtype=object)
    split = split_rows(Table({"i": ids, "y": np.zeros(5000)}), data, SplitSpec(by="rows", test=0.2))
    assert 900 < len(split.test) < 1100
    assert len(split.train) + len(split.test) == 5000


def test_rows_without_an_id_are_not_lumped_together() -> None:
    data = DataSpec(source="x.csv", target="y", id="i")
    ids = np.array([None] * 400, dtype=object)
    split = split_rows(Table({"i": ids, "y": np.zeros(400)}), data, SplitSpec(by="rows", test=0.25))
    assert 50 < len(split.test) < 150


def test_only_a_rule_that_repeats_itself_has_a_name() -> None:
    plain, keyed = DataSpec(source="x.csv", target="y"), DataSpec(source="x.csv", target="y", id="i", unit="u")
    assert held_out(SplitSpec(by="time"), TIMED) == ""
    assert held_out(SplitSpec(by="rows"), plain) == ""
    assert held_out(SplitSpec(by="rows"), keyed) != held_out(SplitSpec(by="rows", seed=1), keyed)
    assert held_out(SplitSpec(by="unit"), keyed) == "unit u test 0.2 seed 0"


def test_the_block_is_the_day_else_the_repeating_unit_else_the_row() -> None:
    assert len(set(blocks_of(timed([0, 5, 23, 24, 47], [0] * 5), TIMED).tolist())) == 2
    unit = DataSpec(source="x.csv", target="y", unit="u")
    assert blocks_of(Table({"u": np.array(["a", "b", "a"], dtype=object)}), unit).tolist() == [0, 1, 0]
    assert blocks_of(Table({"u": np.array(["a", "b"], dtype=object)}), unit).tolist() == [0, 1]
