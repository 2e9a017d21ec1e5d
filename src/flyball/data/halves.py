"""One half of the rows chooses, the other half measures: names picked because they were frequent look more frequent than they are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.stats.assignment import fnv1a32

Bools = NDArray[np.bool_]

_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def choosing_half(texts: Sequence[str | None], order: NDArray[np.intp] | None) -> Bools:
    """About half of the rows, as if by a coin for each: those that choose the names. `order`: the rows in the order of time, if known.

    The coin is a hash of the value and of which of its rows it is, so the same data gives the same halves, in whatever order its rows
    stand: rows of one value and one time are all alike. Coins, and not every other row of a name, because then the one half would be as
    lucky as the other.
    """
    number: dict[str | None, int] = {}
    value = np.fromiter((number.setdefault(text, len(number)) for text in texts), dtype=np.intp, count=len(texts))
    rows = np.arange(len(texts), dtype=np.intp) if order is None else order
    grouped = rows[np.argsort(value[rows], kind="stable")]
    sizes = np.bincount(value, minlength=len(number))
    nth = np.empty(len(texts), dtype=np.uint64)
    nth[grouped] = np.arange(len(texts)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    seeds = np.array([0 if text is None else fnv1a32(text) for text in number], dtype=np.uint64)
    found: Bools = _mixed((seeds[value] << np.uint64(32)) + nth) >> np.uint64(63) == 1
    return found


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The next number of SplitMix64 from each state: every bit of it hangs on every bit of the state."""
    found = state + _STEP
    found = (found ^ (found >> np.uint64(30))) * _FIRST
    found = (found ^ (found >> np.uint64(27))) * _SECOND
    mixed: NDArray[np.uint64] = found ^ (found >> np.uint64(31))
    return mixed
