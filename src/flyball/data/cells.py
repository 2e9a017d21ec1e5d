"""From values to cells: which cell of its reference each value of a column falls into. The cells are fixed when a model is trained."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Array
from flyball.data.category import text_of
from flyball.stats.bins import Lookup, atoms

Codes = NDArray[np.intp]
Ints = NDArray[np.int64]


def _compiled() -> Callable[[Array, dict[str, int], int, Callable[[object], int], Ints], None] | None:
    try:
        from flyball.stats._bins import count_texts
    except ImportError:  # not built: Python does the same, slower
        return None
    return count_texts


_count_texts = _compiled()
# Values that Python counts at a time, so that a column of any length takes little memory.
_BLOCK = 16_384


def alone(edges: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the ordered cells -inf, below, …, above, +inf can hold one value only."""
    return np.concatenate([[True], atoms(edges), [True]])


class NumberCells:
    """Cells of a number, in this order: -inf · below · (e_0, e_1] … · above · +inf · missing · unparsable (len(edges) + 5 cells)."""

    __slots__ = ("lookup", "size")

    def __init__(self, edges: NDArray[np.float64], *, grid: bool = True) -> None:
        self.lookup = Lookup(edges, grid=grid)
        self.size = len(edges) + 5

    @staticmethod
    def as_numbers(values: Array) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
        """The values as float64 (missing and unparsable are NaN; times are microseconds), and which were unparsable, if any."""
        if values.dtype.kind in "fiub":
            return np.asarray(values, dtype=np.float64), None
        if values.dtype.kind in "mM":
            numbers = values.astype("datetime64[us]" if values.dtype.kind == "M" else "timedelta64[us]").astype(np.int64).astype(np.float64)
            numbers[np.isnat(values)] = np.nan
            return numbers, None
        try:
            return values.astype(np.float64), None
        except (TypeError, ValueError, OverflowError):
            pairs = [_number(value) for value in values.tolist()]
        failed = np.array([bad for _, bad in pairs], dtype=bool)
        return np.array([number for number, _ in pairs], dtype=np.float64), failed

    def codes(self, values: Array) -> Codes:
        """The cell of each value."""
        numbers, failed = self._numbers(values)
        codes = self.lookup.cell(numbers)
        if failed is not None:
            codes[failed] = self.size - 1
        return codes

    def count(self, values: Array) -> Ints:
        """How many values fall into each cell: the same as counting `codes`, without making them."""
        numbers, failed = self._numbers(values)
        bad = int(failed.sum()) if failed is not None else 0
        counts = np.append(self.lookup.tally(numbers), bad)
        counts[-2] -= bad  # what could not be read is NaN among the numbers
        return counts

    def _numbers(self, values: Array) -> tuple[Array, NDArray[np.bool_] | None]:
        """What the lookup reads: numbers as they are, without a copy, everything else as float64."""
        return (values, None) if values.dtype.kind in "fiub" else self.as_numbers(values)


class CategoryCells:
    """Cells of a category, in this order: the known ones · other · missing (len(categories) + 2 cells)."""

    __slots__ = ("_cell", "categories", "size")

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = tuple(categories)
        self.size = len(self.categories) + 2
        # The empty text is missing, whatever a reference says.
        self._cell = {name: at for at, name in enumerate(self.categories) if name}

    def codes(self, values: Array) -> Codes:
        """The cell of each value."""
        cell, of_other = self._cell.get, self._of_other
        known = ((cell(value) if value.__class__ is str else None, value) for value in values.tolist())
        return np.fromiter((of_other(value) if at is None else at for at, value in known), dtype=np.intp, count=len(values))

    def count(self, values: Array) -> Ints:
        """How many values fall into each cell: the same as counting `codes`, without making them."""
        counts = np.zeros(self.size, dtype=np.int64)
        if _count_texts is not None and values.dtype.kind == "O":
            _count_texts(values, self._cell, self.size - 2, self._of_other, counts)
        else:
            for at in range(0, len(values), _BLOCK):
                counts += np.bincount(self.codes(values[at : at + _BLOCK]), minlength=self.size)
        return counts

    def _of_other(self, value: object) -> int:
        """The cell of a value that is no text among the known ones as it stands."""
        text = text_of(value)
        return self.size - 1 if text is None else self._cell.get(text, self.size - 2)


Cells = NumberCells | CategoryCells


def _number(value: object) -> tuple[float, bool]:
    """A value as a float, and whether it is none."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return np.nan, False
    try:
        return float(value), False  # type: ignore[arg-type]  # what float cannot take is what is being asked
    except OverflowError:  # an integer beyond all floats
        return (np.inf if isinstance(value, int) and value > 0 else -np.inf), False
    except (TypeError, ValueError):
        return np.nan, True
