"""The compiled counting against numpy's: every float, every type, every stride, and callers who mean harm."""

import threading

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flyball.stats.bins import Lookup, quantile_edges

bins = pytest.importorskip("flyball.stats._bins", reason="the compiled counting was not built: a C compiler is missing")

FLOATS = st.floats(width=64) | st.sampled_from([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1.7976931348623157e308, 1e-310])


def searched(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The cell of each value by what numpy is trusted for: one search, and a look for what is no finite number."""
    cell = np.searchsorted(edges, values, side="left") + 1
    cell[values == -np.inf] = 0
    cell[values == np.inf] = len(edges) + 2
    cell[np.isnan(values)] = len(edges) + 3
    return cell


@settings(max_examples=400, deadline=None)
@given(
    sample=hnp.arrays(np.float64, st.integers(0, 60), elements=FLOATS),
    more=hnp.arrays(np.float64, st.integers(0, 60), elements=FLOATS),
    bins=st.integers(1, 40),
)
@example(sample=np.array([5e-324, 0.0, -5e-324]), more=np.array([1e-323, -0.0]), bins=4)
@example(sample=np.array([1.7976931348623157e308, -1.7976931348623157e308]), more=np.array([np.inf, -np.inf]), bins=9)
def test_every_float_lands_in_the_cell_that_a_search_finds(sample: np.ndarray, more: np.ndarray, bins: int) -> None:
    edges = quantile_edges(sample, bins)
    with np.errstate(over="ignore"):
        beside = [np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)]  # one step of the floats to either side
    values = np.concatenate([sample, more, edges, *beside])
    expected = searched(edges, values)
    for lookup in (Lookup(edges), Lookup(edges, grid=False), Lookup(edges, make=None), Lookup(edges, grid=False, make=None)):
        assert lookup.cell(values).tolist() == expected.tolist()
        assert lookup.tally(values).tolist() == np.bincount(expected, minlength=len(edges) + 4).tolist()
        assert lookup.tally(values[::-1]).tolist() == lookup.tally(values).tolist()


@pytest.mark.parametrize("kind", ["?", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "e", "f", "d", "g", ">f8", ">i4", "<f4"])
@pytest.mark.parametrize("layout", ["plain", "every third", "backwards", "column of a matrix", "field of a record"])
def test_numbers_of_every_type_and_layout_count_as_their_float64(kind: str, layout: str) -> None:
    plain = np.random.default_rng(0).integers(0, 100, 5000).astype(kind)
    values = {
        "plain": plain,
        "every third": np.repeat(plain, 3)[::3],
        "backwards": plain[::-1].copy()[::-1],
        "column of a matrix": np.stack([plain, plain, plain], axis=1)[:, 1],
        "field of a record": np.zeros(len(plain), dtype=[("odd", "u1"), ("value", kind)])["value"],
    }[layout]
    values[:] = plain
    edges = np.array([0.5, 1.0, 20.0, 50.0, 90.0])
    assert Lookup(edges).tally(values).tolist() == np.bincount(searched(edges, plain.astype(float)), minlength=9).tolist()


def test_what_is_written_protected_is_counted() -> None:
    values = np.arange(10.0)
    values.flags.writeable = False
    assert Lookup(np.array([4.0])).tally(values).tolist() == [0, 5, 5, 0, 0]


@pytest.mark.parametrize(
    "edges",
    [
        np.array([2.0, 1.0, 3.0]),
        np.array([1.0, np.nan, 3.0]),
        np.array([1.0, 1.0]),
        np.array([-np.inf, 0.0]),
        np.array([0.0, np.inf]),
        np.arange(70_000.0),
    ],
    ids=["unsorted", "nan", "twice", "minus infinity", "infinity", "too many"],
)
def test_edges_that_make_no_cells_are_refused_in_c_and_left_to_numpy(edges: np.ndarray) -> None:
    with pytest.raises(ValueError, match="edges must be"):
        bins.Grid(edges, 0.0, 1.0, 10, False)
    found = Lookup(edges).tally(np.array([0.5, 2.0, 9.0, np.nan]))
    assert len(found) == len(edges) + 4
    assert found.sum() == 4


@pytest.mark.parametrize(
    ("low", "inverse", "places"),
    [(0.0, 0.0, 1), (1e308, 1e-308, 65536), (-1e308, 1e300, 7), (50.0, 1e-300, 100), (0.0, 1e308, 2), (3.0, 1.0, 0), (3.0, 1.0, -5)],
)
@pytest.mark.parametrize("trimmed", [False, True])
def test_a_grid_that_does_not_suit_its_edges_is_slow_but_right(low: float, inverse: float, places: int, trimmed: bool) -> None:
    edges = np.arange(100.0)
    values = np.concatenate([edges, edges + 0.5, [-np.inf, np.inf, np.nan, 1e308, -1e308]])
    cells = np.empty(len(values), dtype=np.int64)
    bins.Grid(edges, low, inverse, places, trimmed).find(values, cells)
    assert cells.tolist() == searched(edges, values).tolist()


@pytest.mark.parametrize(
    "arguments",
    [
        (np.arange(3.0), np.nan, 1.0, 5, False),
        (np.arange(3.0), 0.0, np.inf, 5, False),
        (np.arange(3.0), 0.0, -1.0, 5, False),
        (np.arange(3.0), 0.0, 1.0, 70_000, False),
        (np.arange(3), 0.0, 1.0, 5, False),
        (np.zeros((3, 3)), 0.0, 1.0, 5, False),
    ],
)
def test_a_grid_of_other_things_is_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"grid|edges"):
        bins.Grid(*arguments)


def test_cells_that_do_not_fit_are_refused_before_anything_is_written() -> None:
    grid = bins.Grid(np.arange(5.0), 0.0, 1.0, 8, False)
    values = np.arange(3.0)
    for cells in (np.zeros(8, np.int64), np.zeros(9, np.int32), np.zeros(18, np.int64)[::2], np.zeros(9, np.float64)):
        with pytest.raises((ValueError, BufferError)):
            grid.count(values, cells)
    with pytest.raises((ValueError, BufferError)):
        grid.find(values, np.zeros(2, np.int64))
    for other in (np.zeros((2, 2)), np.array(["a"], dtype=object), np.array(["a"]), np.zeros(3, np.complex128)):
        with pytest.raises(TypeError, match="one dimension of native numbers"):
            grid.count(other, np.zeros(9, np.int64))


def test_values_that_change_while_they_are_counted_cannot_be_lost() -> None:
    # Another thread writes; each value is read once, so every row lands in exactly one cell whatever it was.
    values, stop = np.random.default_rng(0).normal(size=300_000), threading.Event()

    def write() -> None:
        while not stop.is_set():
            values[::2] = np.nan
            values[::2] = 3.0

    writer = threading.Thread(target=write)
    writer.start()
    try:
        lookup = Lookup(quantile_edges(np.random.default_rng(1).normal(size=5000), 64))
        for _ in range(20):
            found = lookup.tally(values)
            assert found.sum() == len(values)
            assert found.min() >= 0
    finally:
        stop.set()
        writer.join()


def test_texts_are_counted_with_python_only_where_it_is_asked() -> None:
    values = np.array(["a", "b", "zz", None, 7, "", "a"], dtype=object)
    asked: list[object] = []

    def other(value: object) -> int:
        asked.append(value)
        return 3

    cells = np.zeros(4, dtype=np.int64)
    bins.count_texts(values, {"a": 0, "b": 1}, 2, other, cells)
    assert cells.tolist() == [2, 1, 1, 3]
    assert asked == [None, 7, ""]


def test_a_caller_cannot_make_texts_count_outside_their_cells() -> None:
    values = np.array(["a", None], dtype=object)
    for known, fresh, other in (({"a": 4}, 0, len), ({"a": -1}, 0, len), ({}, 4, len), ({}, -1, len), ({}, 0, lambda value: 10**30)):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            bins.count_texts(values, known, fresh, other, np.zeros(4, dtype=np.int64))
    with pytest.raises(TypeError, match="objects"):
        bins.count_texts(np.arange(3.0), {}, 0, len, np.zeros(4, dtype=np.int64))


def test_an_array_that_is_emptied_while_its_texts_are_counted_does_no_harm() -> None:
    values = np.array([object() for _ in range(1000)], dtype=object)

    def other(value: object) -> int:
        values[:] = None
        return 0 if value is None else 1

    cells = np.zeros(3, dtype=np.int64)
    bins.count_texts(values, {}, 2, other, cells)
    assert cells.tolist() == [999, 1, 0]
