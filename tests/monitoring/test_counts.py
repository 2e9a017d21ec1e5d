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
from flyball.monitoring.counts import Counter, Counts, count, counts_from_bytes, counts_to_bytes, merge

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


def test_counts_survive_storage() -> None:
    counts = count(_reference(), *_table([(0.5, "a", 0.1), (np.nan, None, 0.2)]))
    assert _same(counts_from_bytes(counts_to_bytes(counts)), counts)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80", b"\x81\xa7version\x02"])
def test_other_bytes_are_no_counts(content: bytes) -> None:
    with pytest.raises(DataError, match="no stored counts"):
        counts_from_bytes(content)


def test_a_column_that_is_not_there_counts_as_missing() -> None:
    counts = count(_reference(), Table({"c": np.array(["a", "new"], dtype=object)}), {})
    assert counts.columns["x"][-2] == counts.columns["score"][-2] == counts.rows == 2


def test_counts_of_different_references_are_never_added() -> None:
    one = count(_reference(), *_table([(0.5, "a", 0.1)]))
    with pytest.raises(DataError, match="different references"):
        merge([one, Counts(reference="another", rows=1, columns=one.columns)])
    with pytest.raises(DataError, match="no counts"):
        merge([])
