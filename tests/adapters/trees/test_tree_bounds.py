"""What a flat model may cost: a small file is a short walk in little memory, or it is refused; and a bad value is a short error."""

import tracemalloc
from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flyball.adapters.trees.engine import FlatEngine, Walker, kernel_forest
from flyball.adapters.trees.flat import CATEGORICAL, INVERTED, FlatTrees, from_bytes, to_bytes
from flyball.adapters.trees.walk import NumpyForest
from flyball.core.errors import DataError, IntegrityError
from flyball.core.schema import Column, Schema
from flyball.core.table import Array, Table
from flyball.spec.records import Task

SETTLED = {"tie_at": 0.0, "tie_to": 0.0, "tie": -1.0}
NUMBER = Schema(columns=(Column(name="a", kind="number", nullable=True),))


def whole(*numbers: int) -> Array:
    return np.array(numbers, dtype=np.uint32)


def real(*numbers: float) -> Array:
    return np.array(numbers, dtype=np.float64)


def chain(depth: int, trees: int = 1) -> FlatTrees:
    """Trees of that depth in a row, each of which only ever goes on to the left; depth 0 is a leaf."""
    nodes = 2 * depth + 1
    left, slot, threshold = np.arange(nodes), np.zeros(nodes, np.uint32), np.ones(nodes)
    inner = np.concatenate([[0], np.arange(1, nodes - 1, 2)])[:depth]
    left[inner], slot[inner], threshold[inner] = 2 * np.arange(depth) + 1, 1, np.inf
    return FlatTrees(
        columns=1,
        texts={},
        link=0,
        divisor=1.0,
        slot_column=whole(0, 0),
        fill=real(0, 0),
        zero=real(-1, -1),
        tables=real(),
        root=(np.arange(trees) * nodes).astype(np.uint32),
        output=np.zeros(trees, np.uint32),
        threshold=np.tile(threshold, trees),
        left=np.concatenate([left + tree * nodes for tree in range(trees)]).astype(np.uint32),
        slot=np.tile(slot, trees),
        bits=whole(),
        leaf=real(),
        base=real(0),
        weights=real(),
    )


def spread(trees: FlatTrees, slots: int) -> FlatTrees:
    """The same trees beside that many slots of the one column."""
    return replace(trees, slot_column=np.zeros(slots, np.uint32), fill=np.zeros(slots), zero=-np.ones(slots))


def split_by_set(first: int, words: int, *flags: int, bits: Array) -> FlatTrees:
    """One node with a set: 1 for what it sends left, 2 for the rest."""
    place = np.array([first | words << 32], dtype=np.uint64).view(np.float64)[0]
    return replace(chain(1), threshold=real(place, 1, 2), slot=whole(1 | CATEGORICAL | sum(flags), 0, 0), bits=bits)


def compiled(trees: FlatTrees) -> Any:
    make = kernel_forest()
    assert make is not None
    return make(trees, **SETTLED)


def in_numpy(trees: FlatTrees) -> NumpyForest:
    return NumpyForest(trees, **SETTLED)


def engine(trees: FlatTrees) -> FlatEngine:
    several = trees.outputs if trees.outputs > 1 else 0
    task: Task = "multiclass" if several else "regression"
    return FlatEngine(from_bytes(to_bytes(trees)), schema=NUMBER, task=task, classes=several, threshold=0.5)


EITHER = pytest.mark.parametrize("walker", [compiled, in_numpy])
Make = Callable[[FlatTrees], Walker]


@EITHER
@pytest.mark.parametrize("value", [-0.5, 0.0, 1.0, None])
def test_a_set_of_no_words_holds_nothing(walker: Make, value: float | None) -> None:
    for first in (0, 1):  # the second begins at the end of the words: nothing of it may be read
        assert walker(split_by_set(first, 0, bits=whole(0xFFFFFFFF))).score_one([value]) == 2
        assert walker(split_by_set(first, 0, INVERTED, bits=whole(0xFFFFFFFF))).score_one([value]) == 1


@EITHER
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_set_is_found_whatever_the_order_of_bytes(walker: Make, order: Any) -> None:
    trees = split_by_set(1, 1, bits=whole(0, 0b100, 0))
    trees = replace(
        trees, threshold=trees.threshold.astype(trees.threshold.dtype.newbyteorder(order)), bits=trees.bits.astype(order + "u4")
    )
    assert [walker(trees).score_one([value]) for value in (1, 2, 3, 34)] == [2, 1, 2, 2]


SHARED = {
    "two trees with one root": replace(chain(3), root=whole(0, 0), output=whole(0, 0)),
    "a tree that begins within another": replace(chain(3), root=whole(0, 1), output=whole(0, 0)),
    "a child of two parents": replace(chain(3), left=whole(1, 3, 3, 5, 4, 5, 6), slot=whole(1, 1, 1, 1, 0, 0, 0)),
    "children that overlap": replace(chain(2), left=whole(1, 2, 3, 3, 4), slot=whole(1, 1, 1, 0, 0)),
}


@EITHER
@pytest.mark.parametrize("name", SHARED)
def test_nodes_that_are_shared_are_refused(walker: Make, name: str) -> None:
    with pytest.raises(ValueError, match="trees share nodes" if walker is compiled else "not a forest"):
        walker(SHARED[name])
    with pytest.raises(IntegrityError, match="the flat model is none"):
        engine(SHARED[name])


@EITHER
def test_trees_that_share_a_line_of_leaves_are_refused(walker: Make) -> None:
    wide = replace(chain(0, trees=3), threshold=real(0, 0, 0), base=real(0, 0))
    with pytest.raises(ValueError, match="trees share leaves" if walker is compiled else "not a forest"):
        walker(replace(wide, leaf=real(1, 2, 3, 4)))
    found = np.empty((1, 2))
    walker(replace(wide, leaf=real(1, 2, 3, 4, 5, 6), threshold=real(0, 1, 2))).score_rows([[1.0]], found)
    assert found.tolist() == [[9, 12]]


@pytest.mark.parametrize(("walker", "most"), [(compiled, 8 << 20), (in_numpy, 64 << 20)])
def test_many_rows_of_a_wide_model_take_little_room(walker: Make, most: int) -> None:
    trees = replace(spread(chain(1), 300_000), threshold=real(0, 1, 2))  # 64 rows of these slots are 150 megabytes as numbers
    made, rows, found = walker(trees), [[float(at % 3 - 1)] for at in range(64)], np.empty(64)
    ways: list[tuple[Any, Any]] = [(made.score_rows, rows), (made.score_matrix, np.array(rows))]
    for score, given in ways:
        found[:] = 0
        tracemalloc.start()
        try:
            score(given, found)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert found.tolist() == [1.0 if row[0] <= 0 else 2.0 for row in rows]
        assert peak < most


@EITHER
@pytest.mark.parametrize("link", [5, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_link_of_any_size_that_is_none_is_refused(walker: Make, link: int) -> None:
    with pytest.raises(ValueError, match="link" if walker is compiled else "not a forest"):
        walker(replace(chain(1), link=link))
    with pytest.raises(IntegrityError, match="the flat model is none"):
        engine(replace(chain(1), link=link))


def test_steps_count_what_a_row_passes() -> None:
    lanes = 12  # as many trees go side by side, as far as the deepest
    assert compiled(chain(0)).steps == 1 + 2 + 1  # a leaf, two slots, an output
    assert compiled(chain(5)).steps == 5 * lanes + 1 + 2 + 1
    assert compiled(chain(5, trees=13)).steps == 2 * 5 * lanes + 13 + 2 + 1
    assert compiled(replace(chain(0), weights=real(0, 1))).steps == 1 + 2 * 2 + 1
    assert compiled(replace(chain(0), threshold=real(0), base=np.zeros(7), leaf=np.zeros(7))).steps == 7 + 2 + 7


SLOTS = 15_000


LONG = {
    "deep": (chain(5_000), [1.0]),
    "many": (chain(3, trees=8_000), [8_000.0]),
    "wide": (spread(chain(0), 2 * SLOTS), [1.0]),
    "weighted": (replace(spread(chain(0), SLOTS), weights=np.ones(SLOTS)), [1.0 + 2.0 * (SLOTS - 1)]),
    "several": (replace(chain(0, trees=150), threshold=np.arange(150.0), base=np.zeros(150), leaf=np.ones(150 * 150)), [150.0] * 150),
}


@pytest.mark.parametrize("name", LONG)
def test_a_model_that_takes_long_does_not_answer_between_others(name: str) -> None:
    trees, wanted = LONG[name]
    made = engine(trees)
    assert not made.inline
    assert made.score_rows([[2.0]]).reshape(-1).tolist() == wanted
    if len(wanted) == 1:
        assert made.score_one([2.0]) == wanted[0]


def test_usual_models_answer_between_others() -> None:
    assert engine(chain(10, trees=100)).inline
    assert engine(chain(20, trees=500)).inline
    assert not engine(chain(20, trees=1000)).inline


@EITHER
@pytest.mark.parametrize(
    "value", ["1", b"1", bytearray(b"1"), memoryview(b"1"), array("b", b"1"), np.str_("1"), np.bytes_(b"1"), 1j, [], object(), 10**400]
)
def test_what_is_no_number_is_refused_by_both_walks(walker: Make, value: Any) -> None:
    with pytest.raises(DataError, match="does not fit the schema"):
        walker(chain(1)).score_one([value])


class Loud:
    """A value that says much of itself."""

    def __float__(self) -> float:
        raise ValueError("x" * 100_000)


@EITHER
def test_an_error_is_short_however_large_the_value(walker: Make) -> None:
    words = replace(chain(1), texts={0: ("ash",)}, tables=real(0, 1))
    for trees, value in ((words, ["x" * 100_000]), (words, list(range(100_000))), (chain(1), Loud()), (chain(1), "1" * 100_000)):
        with pytest.raises(DataError, match="does not fit the schema") as caught:
            walker(trees).score_one([value])
        assert len(str(caught.value)) < 300


def test_an_error_about_a_column_is_short_however_large_its_values() -> None:
    with pytest.raises(DataError, match="holds something that is not a number") as caught:
        engine(chain(1)).score(Table({"a": np.array(["x" * 100_000], dtype=object)}))
    assert len(str(caught.value)) < 400
