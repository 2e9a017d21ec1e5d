"""Rows that are copies of others: each row as one 64-bit number, so that a million rows of a hundred columns are compared in one pass."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Array
from flyball.data.category import text_of
from flyball.data.findings import Rows

Hashes = NDArray[np.uint64]

# Odd multipliers with their bits well spread (from the fractional part of the golden ratio, and of splitmix64).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(29)
# What no value of a table is likely to have as its hash.
_MISSING, _EMPTY = 0x5BD1E995_9E3779B1, 0x27D4EB2F_165667C5


def row_hashes(columns: Iterable[Array], rows: int) -> Hashes:
    """One number per row; equal rows have equal ones, and two different rows with one are not to be expected.

    Of n rows about n² / 2⁶⁵ pairs have one by chance: for a million rows less than one in ten million.
    """
    found = np.zeros(rows, dtype=np.uint64)
    for values in columns:
        found ^= _bits(values)
        found *= _STEP
        found ^= found >> _SHIFT
        found *= _MIX
    return found


def repeated_rows(columns: Iterable[Array], rows: int) -> Rows:
    """Which rows are copies of an earlier row."""
    copies = np.ones(rows, dtype=bool)
    _, first = np.unique(row_hashes(columns, rows), return_index=True)
    copies[first] = False
    return copies


def _bits(values: Array) -> Hashes:
    """A number per value; missing values of a column are equal to each other, 0.0 is -0.0."""
    if values.dtype.kind == "f":
        numbers = values.astype(np.float64) + 0.0
        numbers[np.isnan(numbers)] = np.nan  # one of the many bit patterns of NaN
        return numbers.view(np.uint64)
    if values.dtype.kind == "O":
        return np.fromiter(map(_number, values.tolist()), dtype=np.int64, count=len(values)).view(np.uint64)
    return values.astype(np.int64).view(np.uint64)


def _number(value: object) -> int:
    """The hash of a value, apart from those that Python gives to several: -1 has that of -2, the empty text that of 0."""
    if value.__class__ is str:
        return hash(value) if value else _EMPTY
    if text_of(value) is None:
        return _MISSING
    return -1 if value == -1 else hash(value)  # hash() itself never gives -1
