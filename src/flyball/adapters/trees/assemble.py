"""From the trees of any library to flat arrays: slots for what nodes read, cuts moved so that every row goes where it went.

Each library compares in its own way: scikit-learn's forests round a value to float32 first, XGBoost also and asks for `<`, the others
compare float64 with `<=`; a scaler before the trees calculates first. All of these are monotone: there is one largest float64 that goes
left. That number is the threshold here, found by bisection over the floats with the library's own arithmetic, so nothing is approximate.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flyball.adapters.trees.flat import CATEGORICAL, INVERTED, FlatTrees
from flyball.core.errors import UnsupportedError
from flyball.core.record import record

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]

GO_LEFT, STAY_MISSING = -np.inf, np.nan  # what a slot holds for a missing value that goes left or right
_SIGN = np.int64(0x7FFFFFFFFFFFFFFF)


Function = Callable[[Numbers], Numbers]


@record
class Operation:
    """One calculation with a number, as numpy does it; "float32" rounds and takes none."""

    kind: Literal["minus", "plus", "times", "over", "at least", "at most", "float32"]
    number: float = 0.0

    def __call__(self, x: Numbers) -> Numbers:
        """The result, value by value."""
        return np.asarray(_ARITHMETIC[self.kind](x, self.number))


_ARITHMETIC: dict[str, Callable[[Numbers, float], Numbers]] = {
    "minus": np.subtract,
    "plus": np.add,
    "times": np.multiply,
    "over": np.divide,
    "at least": np.maximum,
    "at most": np.minimum,
    "float32": lambda x, _: to_float32(x),
}


@record
class NumberFeature:
    """What a tree reads: a number column, `fill` where it is missing (NaN: it stays missing), then monotone increasing operations."""

    column: int
    fill: float = float("nan")
    operations: tuple[Operation, ...] = ()


@record
class TextFeature:
    """What a tree reads: a text column looked up in a table, `other` for every text that is not in it. "" is the missing text."""

    column: int
    table: Mapping[str, float]
    other: float


Feature = NumberFeature | TextFeature


@record
class Nodes:
    """The nodes of one tree in its library's own order; node 0 is the root. Entries of leaves are only read in `leaf` and `values`.

    `values` (nodes, k): what a leaf gives, k = 1 for trees that add to one `output`. `fill`: what takes the place of a missing value at
    this node, `GO_LEFT` or `STAY_MISSING` (goes right), or a category. `zero`: at most this far from 0 counts as missing (-1: nothing
    does). `sets`: node → (categories, inverted): the categories that go left, or with `inverted` that go right while the rest goes left.
    """

    feature: Indices
    threshold: Numbers
    left: Indices
    right: Indices
    leaf: NDArray[np.bool_]
    values: Numbers
    fill: Numbers
    zero: Numbers
    output: int = 0
    sets: Mapping[int, tuple[Indices, bool]] | None = None


def assemble(
    trees: Sequence[Nodes],
    features: Sequence[Feature],
    *,
    texts: Sequence[int],
    columns: int,
    base: Numbers,
    divisor: float = 1.0,
    link: int,
    last: Function | None = None,
) -> FlatTrees:
    """The flat forest. `last` is what the library does with a number right before it compares `<=`; `texts` are the text columns."""
    order = [_layout(tree) for tree in trees]
    starts = np.cumsum([0, *(len(nodes) for nodes, _ in order)])
    nodes = [nodes for nodes, _ in order]
    leaf = _joined([tree.leaf[at] for tree, at in zip(trees, nodes, strict=True)], bool)
    feature = _joined([tree.feature[at] for tree, at in zip(trees, nodes, strict=True)], np.int64)
    threshold = _joined([tree.threshold[at] for tree, at in zip(trees, nodes, strict=True)], np.float64)
    fill = _joined([tree.fill[at] for tree, at in zip(trees, nodes, strict=True)], np.float64)
    zero = _joined([tree.zero[at] for tree, at in zip(trees, nodes, strict=True)], np.float64)
    left = _joined([start + first for start, (_, first) in zip(starts, order, strict=False)], np.int64)
    inner = ~leaf
    sets, bits = _sets(trees, nodes, starts)
    slots = _Slots(features, texts, columns)
    slot = np.zeros(len(leaf), np.uint32)
    slot[inner] = slots.of(feature[inner], fill[inner], zero[inner])
    cut = np.zeros(len(leaf))
    plain = inner.copy()
    plain[list(sets)] = False
    cut[plain] = _cuts(threshold[plain], feature[plain], features, last)
    for node, (place, inverted) in sets.items():
        slot[node] |= CATEGORICAL | (INVERTED if inverted else 0)
        cut[node] = place
    left[leaf] = np.flatnonzero(leaf)
    width = trees[0].values.shape[1]
    values = _joined([tree.values[at][tree.leaf[at]] for tree, at in zip(trees, nodes, strict=True)], np.float64, width=width)
    wide = values.shape[1] > 1
    cut[leaf] = np.arange(len(values)) if wide else values[:, 0]
    return FlatTrees(
        columns=columns,
        texts=slots.texts,
        link=link,
        divisor=divisor,
        slot_column=slots.column,
        fill=slots.fill,
        zero=slots.zero,
        tables=slots.tables,
        root=starts[:-1].astype(np.uint32),
        output=np.array([tree.output for tree in trees], dtype=np.uint32),
        threshold=cut,
        left=left.astype(np.uint32),
        slot=slot,
        bits=bits,
        leaf=values.reshape(-1) if wide else np.empty(0),
        base=np.asarray(base, dtype=np.float64),
        weights=np.empty(0),
    )


def largest_below(threshold: Numbers, function: Function) -> Numbers:
    """For each threshold the largest float64 x with `function(x) <= threshold`; the function must never decrease.

    >>> import numpy as np
    >>> largest_below(np.array([0.5]), lambda x: x.astype(np.float32).astype(np.float64)).item()
    0.5000000298023224
    """
    low = np.full(len(threshold), _ordered(np.array([-np.inf]))[0])
    high = np.full(len(threshold), _ordered(np.array([np.inf]))[0])
    with np.errstate(all="ignore"):  # the way leads over numbers that overflow
        while (low < high).any():
            middle = (low & high) + ((low ^ high) >> 1)
            middle = np.where(low < high, middle + ((low ^ high) & 1), low)  # rounded up, so that low can take it
            below = function(_float(middle)) <= threshold
            low, high = np.where(below, middle, low), np.where(below, high, np.maximum(middle - 1, low))
    return _float(low)


def to_float32(values: Numbers) -> Numbers:
    """The value a float32 can hold, beyond its range infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32).astype(np.float64)


def _ordered(values: Numbers) -> Indices:
    """Integers in the order of the floats: neighbours differ by one."""
    bits = np.ascontiguousarray(values).view(np.int64)
    return bits ^ ((bits >> 63) & _SIGN)


def _float(ordered: Indices) -> Numbers:
    return np.asarray(ordered ^ ((ordered >> 63) & _SIGN)).view(np.float64)


def _layout(tree: Nodes) -> tuple[Indices, Indices]:
    """Nodes level by level, siblings side by side: the old numbers in the new order, and the new number of each left child."""
    order, level, first, size = [np.zeros(1, np.int64)], np.zeros(1, np.int64), [], 1
    while len(level):
        inner = level[~tree.leaf[level]]
        place = np.zeros(len(level), np.int64)
        place[~tree.leaf[level]] = size + 2 * np.arange(len(inner))
        first.append(place)
        level = np.stack([tree.left[inner], tree.right[inner]], axis=1).reshape(-1).astype(np.int64)
        order.append(level)
        size += len(level)
    return np.concatenate(order), np.concatenate(first)


def _joined(parts: list[NDArray[Any]], kind: Any, width: int = 0) -> NDArray[Any]:
    if not parts:
        return np.empty((0, width) if width else 0, dtype=kind)
    return np.concatenate(parts).astype(kind)


def _cuts(threshold: Numbers, feature: Indices, features: Sequence[Feature], last: Function | None) -> Numbers:
    found = threshold.copy()
    for number in np.unique(feature).tolist():
        one = features[number]
        operations = (*(one.operations if isinstance(one, NumberFeature) else ()), *((last,) if last else ()))
        if operations:
            at = feature == number
            distinct, back = np.unique(threshold[at], return_inverse=True)
            found[at] = largest_below(distinct, partial(_applied, operations))[back]
    return found


def _applied(operations: tuple[Function, ...], values: Numbers) -> Numbers:
    for operation in operations:
        values = operation(values)
    return values


def _sets(trees: Sequence[Nodes], nodes: list[Indices], starts: Indices) -> tuple[dict[int, tuple[float, bool]], NDArray[np.uint32]]:
    """New number of each node with a set → where its set is, as a threshold's bytes; and all sets as bits. Equal sets are kept once."""
    found: dict[int, tuple[float, bool]] = {}
    words: list[NDArray[np.uint32]] = []
    places: dict[bytes, int] = {}
    size = 0
    for tree, at, start in zip(trees, nodes, starts, strict=False):
        if not tree.sets:
            continue
        where = np.empty(len(at), np.int64)
        where[at] = np.arange(len(at))
        for node, (categories, inverted) in tree.sets.items():
            flags = np.zeros((int(categories.max(initial=-1)) // 32 + 1) * 32, np.uint8)
            flags[categories] = 1
            packed = np.packbits(flags, bitorder="little").view("<u4").astype(np.uint32)
            key = packed.tobytes()
            if key not in places:
                places[key] = size
                words.append(packed)
                size += len(packed)
            place = np.array([places[key] | len(packed) << 32], dtype=np.uint64).view(np.float64)
            found[int(start + where[node])] = (place[0], inverted)
    return found, _joined(list(words), np.uint32)


class _Slots:
    """What nodes read: one slot for each feature and way of treating its missing values, in order of column."""

    def __init__(self, features: Sequence[Feature], texts: Sequence[int], columns: int) -> None:
        self._features = features
        self._columns = columns
        self.texts = {column: self._words(column) for column in texts}
        self.column = np.empty(0, np.uint32)
        self.fill = self.zero = self.tables = np.empty(0)

    def of(self, feature: Indices, fill: Numbers, zero: Numbers) -> NDArray[np.uint32]:
        """The slot of each node."""
        own = np.array([one.fill if isinstance(one, NumberFeature) else np.nan for one in self._features], dtype=np.float64)
        fill = np.where(np.isnan(own[feature]), fill, own[feature])
        fill = np.where(np.isnan(fill), np.nan, fill)  # one NaN: bits are compared
        calculated = np.array([isinstance(one, NumberFeature) and bool(one.operations) for one in self._features], dtype=bool)
        if (calculated[feature] & (zero >= 0)).any():
            raise UnsupportedError("a model that takes zero for missing, behind a scaler, cannot be compiled")
        column = np.array([one.column for one in self._features], dtype=np.int64)[feature]
        rows = np.stack([column, feature, np.ascontiguousarray(fill).view(np.int64), np.ascontiguousarray(zero).view(np.int64)], axis=1)
        kinds, back = np.unique(rows, axis=0, return_inverse=True)
        self.column = np.concatenate([[0], kinds[:, 0]]).astype(np.uint32)
        self.fill = np.concatenate([[0.0], np.ascontiguousarray(kinds[:, 2]).view(np.float64)])
        self.zero = np.concatenate([[-1.0], np.ascontiguousarray(kinds[:, 3]).view(np.float64)])
        self.tables = self._tables(kinds[:, 0], kinds[:, 1])
        return (back.reshape(-1) + 1).astype(np.uint32)

    def _words(self, column: int) -> tuple[str, ...]:
        known = [one.table for one in self._features if isinstance(one, TextFeature) and one.column == column]
        return tuple(dict.fromkeys(word for table in known for word in table))

    def _tables(self, column: Indices, feature: Indices) -> Numbers:
        parts = [np.empty(0)]
        for text in sorted(self.texts):
            at = np.flatnonzero(column == text)
            table = np.empty((len(self.texts[text]) + 1, len(at)))
            for place, slot in enumerate(at.tolist()):
                one = self._features[int(feature[slot])]
                assert isinstance(one, TextFeature)
                values = np.array([*(one.table.get(word, one.other) for word in self.texts[text]), one.other], dtype=np.float64)
                missing = np.isnan(values) | (np.abs(values) <= self.zero[slot + 1])
                table[:, place] = np.where(missing, self.fill[slot + 1], values)
            parts.append(table.reshape(-1))
        return np.concatenate(parts)
