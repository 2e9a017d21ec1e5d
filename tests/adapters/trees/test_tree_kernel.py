"""The tree kernel: what it refuses, what it survives, and that numpy walks the same way."""

import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.adapters.trees.assemble import (
    GO_LEFT,
    STAY_MISSING,
    Feature,
    Nodes,
    NumberFeature,
    TextFeature,
    assemble,
    largest_below,
    to_float32,
)
from flyball.adapters.trees.engine import FlatEngine, kernel_forest
from flyball.adapters.trees.flat import FlatTrees, from_bytes, to_bytes
from flyball.adapters.trees.walk import NumpyForest
from flyball.core.errors import DataError, FlyballError, IntegrityError, UnsupportedError
from flyball.core.schema import Column, Schema

SPECIAL = [0.0, -0.0, 1.0, 1e-36, -1e-36, 3e38, -3e38, 1e300, math.inf, -math.inf, math.nan, 5.5, 31.0, 32.0, 2.0**33]
WORDS = ("ash", "", "oak")


def random_nodes(rng: np.random.Generator, features: int, outputs: int, *, sets: bool) -> Nodes:
    """A tree of any shape: nodes are split until there are enough."""
    left, right = [-1], [-1]
    for _ in range(int(rng.integers(0, 25))):
        leaves = [at for at, child in enumerate(left) if child < 0]
        at = int(rng.choice(leaves[-6:]))
        left[at], right[at] = len(left), len(left) + 1
        left += [-1, -1]
        right += [-1, -1]
    count = len(left)
    leaf = np.array(left) < 0
    chosen = {
        int(at): (np.unique(rng.integers(0, 70, int(rng.integers(0, 9)))), bool(rng.integers(2)))
        for at in np.flatnonzero(~leaf)
        if sets and rng.random() < 0.4
    }
    wide = outputs > 1 and bool(rng.integers(2)) and not sets
    return Nodes(
        feature=rng.integers(0, features, count),
        threshold=np.where(rng.random(count) < 0.2, np.inf, np.round(rng.normal(size=count), 1)),
        left=np.array(left),
        right=np.array(right),
        leaf=leaf,
        values=rng.normal(size=(count, outputs if wide else 1)),
        fill=rng.choice([GO_LEFT, STAY_MISSING, 0.0, 7.0], count),
        zero=rng.choice([-1.0, 0.0, 1e-35], count),
        output=int(rng.integers(outputs)),
        sets=chosen,
    )


def random_forest(seed: int, *, link: int = 0) -> FlatTrees:
    rng = np.random.default_rng(seed)
    outputs = int(rng.integers(1, 4))
    features: list[Feature] = [NumberFeature(column=0), NumberFeature(column=2, fill=0.5), NumberFeature(column=2)]
    features.append(TextFeature(column=1, table={word: float(at) for at, word in enumerate(WORDS)}, other=math.nan))
    features.append(TextFeature(column=1, table={"elm": 1.0}, other=0.0))
    trees = [random_nodes(rng, len(features), outputs, sets=bool(rng.integers(2))) for _ in range(int(rng.integers(1, 20)))]
    wide = [tree for tree in trees if tree.values.shape[1] > 1]
    trees = wide or trees
    found = assemble(
        trees,
        features,
        texts=[1],
        columns=3,
        base=rng.normal(size=outputs),
        divisor=float(rng.integers(1, 4)),
        link=link,
        last=to_float32 if rng.random() < 0.6 else None,  # half of the forests can be packed into float32
    )
    weights = rng.normal(size=outputs * len(found.fill)) if rng.random() < 0.3 else np.empty(0)
    return replace(found, weights=weights)


def both(trees: FlatTrees) -> tuple[Any, NumpyForest]:
    make = kernel_forest()
    assert make is not None
    return make(trees, tie_at=0.0, tie_to=-1.0, tie=1e-9), NumpyForest(trees, tie_at=0.0, tie_to=-1.0, tie=1e-9)


VALUES = st.floats() | st.sampled_from(SPECIAL) | st.none() | st.booleans() | st.integers(-(2**53), 2**53)
ROWS = st.lists(st.tuples(VALUES, st.sampled_from([*WORDS, "elm", "unseen", None]), VALUES), max_size=80)


@given(st.integers(0, 10_000), ROWS, st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_kernel_and_numpy_walk_every_forest_alike(seed: int, rows: list[Any], link: int) -> None:
    trees = random_forest(seed, link=link)
    kernel, walk = both(from_bytes(to_bytes(trees)))
    found, wanted = np.empty((len(rows), trees.outputs)), np.empty((len(rows), trees.outputs))
    kernel.score_rows(rows, found)
    with np.errstate(all="ignore"):
        walk.score_rows(rows, wanted)
    assert np.allclose(found, wanted, rtol=1e-12, atol=1e-12, equal_nan=True)
    if trees.outputs == 1:
        ones = np.array([kernel.score_one(list(row)) for row in rows])
        settled = np.where(np.abs(found[:, 0]) <= 1e-9, -1.0, found[:, 0])
        assert np.array_equal(ones, settled, equal_nan=True)


NAMES = ["slot_column", "fill", "zero", "tables", "root", "output", "threshold", "left", "slot", "bits", "leaf", "base", "weights"]
BROKEN = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(["set", "cut", "grow"]), st.integers(0, 2**20), st.integers(0, 2**32 - 1) | st.integers(0, 70)
)


@given(st.integers(0, 500), st.lists(BROKEN, min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_no_arrays_can_crash_the_kernel(seed: int, changes: list[tuple[str, str, int, int]]) -> None:
    trees = random_forest(seed)
    for name, how, at, value in changes:
        array = getattr(trees, name).copy()
        if how == "cut":
            array = array[: at % (len(array) + 1)]
        elif how == "grow":
            array = np.concatenate([array, np.array([value]).astype(array.dtype)])
        elif len(array):
            array[at % len(array)] = array.dtype.type(value) if array.dtype.kind == "u" else SPECIAL[value % len(SPECIAL)]
        trees = replace(trees, **{name: array})
    try:
        kernel, walk = both(trees)
    except ValueError:
        make = kernel_forest()
        assert make is not None
        with pytest.raises(ValueError):
            make(trees, tie_at=0.0, tie_to=0.0, tie=0.0)
        with pytest.raises(ValueError, match="the arrays are not a forest"):
            NumpyForest(trees, tie_at=0.0, tie_to=0.0, tie=0.0)
        return
    rows = [[value, word, -1.0 if value is None else value] for value in (*SPECIAL, None) for word in ("ash", None, "?")]
    found, wanted = np.empty((len(rows), trees.outputs)), np.empty((len(rows), trees.outputs))
    kernel.score_rows(rows, found)
    with np.errstate(all="ignore"):
        walk.score_rows(rows, wanted)
    assert np.array_equal(np.isnan(found), np.isnan(wanted))


@given(st.integers(0, 500), st.data())
@settings(max_examples=150, deadline=None)
def test_no_bytes_can_do_more_than_be_refused(seed: int, data: st.DataObject) -> None:
    content = bytearray(to_bytes(random_forest(seed)))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=6)):
        content[at] = byte
    end = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    try:
        kernel, _ = both(from_bytes(bytes(content[:end])))
    except (FlyballError, ValueError):
        return
    assert not isinstance(kernel.score_rows([], np.empty(0)), str)


@pytest.mark.parametrize("junk", [b"", b"FLYTREES", b"FLYTREES" + bytes(200), b"PK\x03\x04" * 100])
def test_a_file_that_is_no_flat_model_is_refused(junk: bytes) -> None:
    with pytest.raises((IntegrityError, UnsupportedError)):
        from_bytes(junk)


def test_a_file_of_a_newer_format_asks_for_an_upgrade() -> None:
    content = bytearray(to_bytes(random_forest(1)))
    content[8] = 2
    with pytest.raises(UnsupportedError, match="format 2"):
        from_bytes(bytes(content))


def three() -> FlatEngine:
    schema = Schema(
        columns=(
            Column(name="a", kind="number", nullable=True),
            Column(name="b", kind="category", nullable=True),
            Column(name="c", kind="number", nullable=True),
        )
    )
    seed = next(seed for seed in range(100) if random_forest(seed).outputs == 1)
    return FlatEngine(random_forest(seed), schema=schema, task="regression", classes=0, threshold=0.5)


@pytest.mark.parametrize(
    "row", [[1, "ash"], [1, "ash", 2, 3], ["1", "ash", 2], [1, 7, 2], [1, "ash", 10**400], [1, "ash", [2]], 5, [b"1", "ash", 1]]
)
def test_a_row_that_does_not_fit_is_a_clear_error(row: Any) -> None:
    engine = three()
    with pytest.raises(DataError, match="does not fit the schema"):
        engine.score_one(row)
    with pytest.raises(DataError, match="does not fit the schema"):
        engine.score_rows([[1, "ash", 2], row])


def test_a_value_that_changes_its_row_while_it_is_read_harms_nobody() -> None:
    class Trap:
        def __float__(self) -> float:
            row.clear()
            return 1.0

    row: list[Any] = []
    row.extend([Trap(), "ash", 2.0])
    with pytest.raises(DataError, match="does not fit the schema"):
        three().score_one(row)


def test_an_error_of_a_value_that_is_none_of_ours_passes_through() -> None:
    class Stop:
        def __float__(self) -> float:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        three().score_one([Stop(), "ash", 2.0])  # type: ignore[list-item]  # not what a row holds


def test_rows_may_be_lists_tuples_or_other_sequences() -> None:
    engine = three()
    assert engine.score_one((1.0, "ash", 2.0)) == engine.score_one([1.0, "ash", 2.0])
    assert engine.score_rows((((1.0, "ash", 2.0)),))[0] == engine.score_one([1.0, "ash", 2.0])


def test_no_rows_give_no_scores() -> None:
    assert three().score_rows([]).shape == (0,)


def test_threads_share_one_forest() -> None:
    engine = three()
    rows = [[float(at % 7), ["ash", "oak", None][at % 3], at / 100] for at in range(500)]
    wanted = engine.score_rows(rows).tolist()
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            if engine.score_rows(rows).tolist() != wanted or engine.score_one(rows[7]) != wanted[7]:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_buffer_of_the_wrong_size_is_refused() -> None:
    kernel, _ = both(random_forest(3))
    outputs = random_forest(3).outputs
    with pytest.raises(ValueError, match="no room for exactly 2 rows"):
        kernel.score_rows([[1, "ash", 2]] * 2, np.empty(outputs))
    with pytest.raises(ValueError, match="3 columns"):
        kernel.score_matrix(np.empty(4), np.empty(outputs))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20), st.floats(allow_nan=False))
def test_a_cut_sends_exactly_the_values_left_that_float32_sent_left(cuts: list[float], value: float) -> None:
    thresholds = np.array(cuts)
    moved = largest_below(thresholds, to_float32)
    for x in (value, *moved.tolist(), *np.nextafter(moved, np.inf).tolist(), *cuts):
        narrow = to_float32(np.array([x]))[0]
        assert ((x <= moved) == (narrow <= thresholds)).all()
