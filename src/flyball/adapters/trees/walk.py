"""The walk in numpy: for machines where the kernel was not built, and what the kernel is tested against.

The same three methods and the same order of additions as the kernel; a row costs a numpy call for each level of each tree.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.adapters.trees.flat import CATEGORICAL, EXPONENTIAL, INVERTED, SIGMOID, SIGMOIDS, SLOT_MASK, SOFTMAX, FlatTrees
from flyball.core.errors import DataError

Numbers = NDArray[np.float64]

_ROOM = 1 << 20  # slots of rows that are walked together, so that many rows of a wide model take no more room than a few megabytes
_LONGEST_ERROR = 200  # characters of what a value said of itself


class NumpyForest:
    """Walks a forest; ValueError if the arrays are not one. `tie_*`: see `flyball.serving.engine.settle`."""

    def __init__(self, trees: FlatTrees, *, tie_at: float, tie_to: float, tie: float) -> None:
        _check(trees)
        self._trees = trees
        self._tie = (tie_at, tie_to, tie)
        self._slots = [np.flatnonzero(trees.slot_column[1:] == column) + 1 for column in range(trees.columns)]
        self._leaf = trees.slot == 0
        self._set = (trees.slot & CATEGORICAL) != 0
        self._place = _places(trees.threshold)
        self._words = {column: {word: line for line, word in enumerate(words)} for column, words in trees.texts.items()}
        self._tables: dict[int, Numbers] = {}
        at = 0
        for column, words in sorted(trees.texts.items()):
            lines, width = len(words) + 1, len(self._slots[column])
            self._tables[column] = trees.tables[at : at + lines * width].reshape(lines, width)
            at += lines * width

    def score_one(self, row: Sequence[Any]) -> float:
        """The score of one row of values, settled."""
        if self._trees.outputs != 1:
            raise DataError("this model gives several numbers for a row")
        found = np.empty((1, 1))
        self.score_rows([row], found)
        score, (tie_at, tie_to, tie) = found.item(0), self._tie
        return tie_to if abs(score - tie_at) <= tie else score

    def score_rows(self, rows: Sequence[Sequence[Any]], out: Numbers) -> None:
        """Write the scores of rows of values into an array."""
        cells = np.empty((len(rows), self._trees.columns))
        for at, row in enumerate(rows):
            if len(row) != self._trees.columns:
                raise DataError(f"a row does not fit the schema: it has {len(row)} values, the model reads {self._trees.columns}")
            for column, value in enumerate(row):
                cells[at, column] = self._cell(column, value)
        self.score_matrix(cells, out)

    def score_matrix(self, matrix: Numbers, out: Numbers) -> None:
        """Write the scores of a matrix into an array; a text column holds the numbers of lines."""
        most = max(1, _ROOM // len(self._trees.fill))
        parts = [self._scored(matrix[at : at + most]) for at in range(0, len(matrix), most)]
        if parts:
            out[...] = np.concatenate(parts).reshape(out.shape)

    def _scored(self, matrix: Numbers) -> Numbers:
        trees = self._trees
        x = self._spread(matrix)
        rows = np.arange(len(matrix))
        sums = np.zeros((len(matrix), trees.outputs))
        for root, output in zip(trees.root.tolist(), trees.output.tolist(), strict=True):
            at = self._leaves(np.full(len(matrix), root), x, rows)
            if len(trees.leaf):
                sums += trees.leaf.reshape(-1, trees.outputs)[trees.threshold[at].astype(np.int64)]
            else:
                sums[:, output] += trees.threshold[at]
        if len(trees.weights):
            sums += x[:, 1:] @ trees.weights.reshape(trees.outputs, -1)[:, 1:].T
        return _linked(trees.base + sums / trees.divisor, trees.link)

    def _cell(self, column: int, value: Any) -> float:
        words = self._words.get(column)
        try:
            if words is None:
                return math.nan if value is None else float(_number(value))
            if value is not None and not isinstance(value, str):
                raise TypeError(f"a text is expected, not a value of type {type(value).__name__}")
        except (TypeError, ValueError, ArithmeticError, IndexError) as error:
            raise DataError(f"a row does not fit the schema: {str(error)[:_LONGEST_ERROR]}") from error
        return float(words.get("" if value is None else value, len(words)))

    def _spread(self, matrix: Numbers) -> Numbers:
        trees = self._trees
        x = np.empty((len(matrix), len(trees.fill)))
        x[:, 0] = -np.inf
        for column, slots in enumerate(self._slots):
            values = matrix[:, column]
            if column in self._tables:
                last = len(self._tables[column]) - 1
                known = (values >= 0) & (values <= last)
                x[:, slots] = self._tables[column][np.where(known, values, last).astype(np.int64)]
                continue
            given = values[:, None]
            x[:, slots] = np.where(np.isnan(given) | (np.abs(given) <= trees.zero[slots]), trees.fill[slots], given)
        return x

    def _leaves(self, at: NDArray[np.int64], x: Numbers, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        trees = self._trees
        moving = rows[~self._leaf[at]]
        while len(moving):
            node = at[moving]
            value = x[moving, trees.slot[node] & SLOT_MASK]
            left = value <= trees.threshold[node]
            if self._set[node].any():
                left = np.where(self._set[node], self._in_set(node, value), left)
            at[moving] = trees.left[node] + ~left
            moving = moving[~self._leaf[at[moving]]]
        return at

    def _in_set(self, node: NDArray[np.int64], value: Numbers) -> NDArray[np.bool_]:
        place = self._place[node]
        first, words = (place & 0xFFFFFFFF).astype(np.int64), (place >> 32).astype(np.int64)
        inside = (value > -1) & (value < 32.0 * words) & (words > 0) & self._set[node]
        code = np.where(inside, value, 0).astype(np.int64)
        word = self._trees.bits[np.where(inside, first + (code >> 5), 0)] if len(self._trees.bits) else np.zeros(len(node), np.uint32)
        held = inside & ((word >> (code & 31).astype(np.uint32)) & 1).astype(bool)
        return np.asarray(np.where((self._trees.slot[node] & INVERTED) != 0, ~held, held))


def _number(value: Any) -> Any:
    """What the kernel takes for a number: `float` alone would also read texts and buffers of digits."""
    kind = type(value)
    if isinstance(value, str | bytes) or not (hasattr(kind, "__float__") or hasattr(kind, "__index__")):
        raise TypeError(f"a number is expected, not a value of type {kind.__name__}")
    return value


def _places(threshold: Numbers) -> NDArray[np.uint64]:
    """Thresholds as places of sets, in any order of bytes: the first word in the low half, the number of words in the high."""
    return threshold.view(np.dtype(np.uint64).newbyteorder(threshold.dtype.byteorder))


def _linked(raw: Numbers, link: int) -> Numbers:
    with np.errstate(all="ignore"):  # exp of what is very large or not a number says so itself
        if link in (SIGMOID, SIGMOIDS):
            raw = 1.0 / (1.0 + np.exp(-raw))
            return np.asarray(raw / raw.sum(axis=1, keepdims=True)) if link == SIGMOIDS else raw
        if link == SOFTMAX:
            raw = np.exp(raw - raw.max(axis=1, keepdims=True))
            return np.asarray(raw / raw.sum(axis=1, keepdims=True))
        return np.exp(raw) if link == EXPONENTIAL else raw


def _check(trees: FlatTrees) -> None:
    """The kernel's own checks, in numpy: whatever passes cannot send the walk astray or keep it walking for ever."""
    if not (_lengths_fit(trees) and _columns_fit(trees) and _nodes_fit(trees)):
        raise ValueError("the arrays are not a forest")


def _lengths_fit(trees: FlatTrees) -> bool:
    nodes, slots, outputs = len(trees.threshold), len(trees.fill), trees.outputs
    return (
        slots > 0
        and outputs > 0
        and len(trees.slot_column) == len(trees.zero) == slots
        and len(trees.output) == len(trees.root)
        and len(trees.left) == len(trees.slot) == nodes
        and len(trees.leaf) % outputs == 0
        and len(trees.weights) in (0, slots * outputs)
        and 0 <= trees.link <= SIGMOIDS
    )


def _columns_fit(trees: FlatTrees) -> bool:
    columns = trees.slot_column[1:].astype(np.int64)
    if (np.diff(columns) < 0).any() or (columns >= trees.columns).any():
        return False
    cells = sum((len(words) + 1) * int((columns == column).sum()) for column, words in trees.texts.items())
    return cells == len(trees.tables)


def _nodes_fit(trees: FlatTrees) -> bool:
    nodes = len(trees.threshold)
    at, left, slot = np.arange(nodes), trees.left.astype(np.int64), trees.slot & SLOT_MASK
    leaf, sets = trees.slot == 0, (trees.slot & CATEGORICAL) != 0
    number, lines = trees.threshold[leaf], len(trees.leaf) // trees.outputs
    place = _places(trees.threshold)[sets]
    return bool(
        (left[leaf] == at[leaf]).all()
        and not np.isnan(trees.threshold[~sets]).any()
        and not (trees.slot[~sets & ~leaf] & INVERTED).any()
        and (lines == 0 or ((number >= 0) & (number < lines)).all())
        and ((slot[~leaf] > 0) & (slot[~leaf] < len(trees.fill))).all()
        and ((left > at) & (left + 1 < nodes))[~leaf].all()
        and ((place & 0xFFFFFFFF) + (place >> 32) <= len(trees.bits)).all()
        and (place >> 32 <= 0x3FFFFFFF // 32).all()
        and (trees.root < nodes).all()
        and (trees.output < trees.outputs).all()
        and np.bincount(np.concatenate([left[~leaf], left[~leaf] + 1, trees.root.astype(np.int64)])).max(initial=0) <= 1
        and (lines == 0 or len(trees.root) <= lines)
    )
