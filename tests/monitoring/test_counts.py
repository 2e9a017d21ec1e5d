"""Counting, adding, storing."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.errors import DataError
from flyball.core.schema import Column, Schema
from flyball.core.table import Table
from flyball.data.profile import Reference, build_reference
from flyball.monitoring.counts import Counter, Counts, count, merge

SCHEMA = Schema(columns=(Column(name="x", kind="number", nullable=True), Column(name="c", kind="category", nullable=True)))
NUMBERS = st.one_of(st.floats(width=64), st.sampled_from([0.0, 1.0, np.nan, np.inf, -np.inf]))
TEXTS = st.one_of(st.sampled_from(["a", "b", "", None]), st.text(max_size=3))


def _reference() -> Reference:
    rng = np.random.default_rng(0)
    table = Table({"x": rng.normal(size=1000), "c": rng.choice(np.array(["a", "b"], dtype=object), 1000)})
    return build_reference(table, SCHEMA, {"score": rng.random(1000)})


def _table(rows: list[tuple[float, str | None, float]]) -> tuple[Table, dict[str, np.ndarray]]:
    x, c, s = (np.array([row[at] for row in rows], dtype=kind) for at, kind in ((0, float), (1, object), (2, float)))
    return Table({"x": x, "c": c}), {"score": s}


def _same(one: Counts, other: Counts) -> bool:
    return (one.reference, one.rows) == (other.reference, other.rows) and all(
        one.columns[name].tolist() == other.columns[name].tolist() for name in one.columns
    )


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(NUMBERS, TEXTS, NUMBERS), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_merging_any_split_is_counting_the_whole(rows: list[tuple[float, str | None, float]], cuts: list[int]) -> None:
    counter = Counter(_reference())
    ends = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [counter.count(*_table(rows[a:b])) for a, b in itertools.pairwise(ends)]
    assert _same(merge(parts), counter.count(*_table(rows)))
    assert all(counts.sum() == len(rows) for counts in merge(parts).columns.values())


@settings(deadline=None)
@given(rows=st.lists(st.tuples(NUMBERS, TEXTS, NUMBERS), max_size=60), groups=st.lists(st.integers(0, 3), min_size=60, max_size=60))
def test_tallies_of_groups_of_rows_are_their_counts(rows: list[tuple[float, str | None, float]], groups: list[int]) -> None:
    counter = Counter(_reference())
    table, scores = _table(rows)
    at, group = np.arange(len(rows), dtype=np.int64), np.array(groups[: len(rows)], dtype=np.intp)
    tallies = counter.tallies(counter.places(table, scores, len(rows)), None, group, at)
    assert len(tallies) == max(groups[: len(rows)], default=-1) + 1
    for number, tally in enumerate(tallies):
        mine = [row for row, one in zip(rows, groups, strict=False) if one == number]
        assert _same(counter.counts(tally), counter.count(*_table(mine)))


def test_values_that_are_not_known_are_not_counted() -> None:
    counter = Counter(_reference())
    table, scores = _table([(0.5, "a", 0.1), (1.5, "b", 0.2)])
    said = np.array([[True, True, True], [False, False, True]])
    (tally,) = counter.tallies(counter.places(table, scores, 2), said, np.zeros(2, dtype=np.intp), np.zeros(2, dtype=np.int64))
    counts = counter.counts(tally)
    assert (counts.rows, {name: int(cells.sum()) for name, cells in counts.columns.items()}) == (2, {"x": 1, "c": 1, "score": 2})


def test_only_some_columns_are_counted_if_asked() -> None:
    counter = Counter(_reference(), columns={"c", "unheard of"})
    assert counter.columns == ("c",)
    assert set(counter.count(*_table([(0.5, "a", 0.1)])).columns) == {"c"}
    assert counter.reference == Counter(_reference()).reference


@pytest.mark.parametrize("values", [[1, 2], [1.0, 2.0], [True, "2"], ["1", 2.0]])
def test_a_number_is_a_category_however_it_is_written(values: list[object]) -> None:
    schema = Schema(columns=(Column(name="c", kind="category", nullable=True),))
    known = build_reference(Table({"c": np.array(["1", "1", "2"], dtype=object)}), schema, {})
    kind = float if all(type(value) is float for value in values) else object
    counts = count(known, Table({"c": np.array(values, dtype=kind)}), {})
    assert counts.columns["c"].tolist() == [1, 1, 0, 0]


def test_what_training_wrote_in_another_way_is_found_too() -> None:
    schema = Schema(columns=(Column(name="c", kind="category", nullable=True),))
    for texts, values in ((["1.0", "0.5"], [1.0, 0.5]), (["True", "False"], [True, False]), (["nan", "7"], [float("nan"), 7])):
        known = build_reference(Table({"c": np.array(texts, dtype=object)}), schema, {})
        counts = count(known, Table({"c": np.array(values, dtype=object)}), {})
        assert counts.columns["c"][2] == 0, "nothing is new"


def test_a_column_that_is_not_there_counts_as_missing() -> None:
    counts = count(_reference(), Table({"c": np.array(["a", "new"], dtype=object)}), {})
    assert counts.columns["x"][-2] == counts.columns["score"][-2] == counts.rows == 2


def test_counts_of_different_references_are_never_added() -> None:
    one = count(_reference(), *_table([(0.5, "a", 0.1)]))
    with pytest.raises(DataError, match="different references"):
        merge([one, Counts(reference="another", rows=1, columns=one.columns)])
    with pytest.raises(DataError, match="no counts"):
        merge([])
