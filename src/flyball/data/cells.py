"""From values to cells: which cell of its reference each value of a column falls into. The cells are fixed when a model is trained."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Array
from flyball.stats.bins import Lookup, atoms

Codes = NDArray[np.intp]
Ints = NDArray[np.int64]


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
        numbers, failed = self.as_numbers(values)
        codes = self.lookup.index(numbers)
        codes += 1
        codes[numbers == -np.inf] = 0
        codes[numbers == np.inf] = self.size - 3
        codes[np.isnan(numbers)] = self.size - 2
        if failed is not None:
            codes[failed] = self.size - 1
        return codes

    def count(self, values: Array) -> Ints:
        """How many values fall into each cell: the same as counting `codes`, without making them."""
        numbers, failed = self.as_numbers(values)
        inner = self.lookup.counts(numbers)
        missing = int(np.count_nonzero(numbers != numbers))
        # NaN and the infinities were counted at the ends: look for them only if something is there.
        low = int(np.count_nonzero(numbers == -np.inf)) if inner[0] > missing else 0
        high = int(np.count_nonzero(numbers == np.inf)) if inner[-1] else 0
        inner[0] -= missing + low
        inner[-1] -= high
        bad = int(failed.sum()) if failed is not None else 0
        return np.concatenate([[low], inner, [high, missing - bad, bad]])


class CategoryCells:
    """Cells of a category, in this order: the known ones · other · missing (len(categories) + 2 cells)."""

    __slots__ = ("_cell", "categories", "size")

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = tuple(categories)
        self.size = len(self.categories) + 2
        self._cell: dict[str | None, int] = {name: at for at, name in enumerate(self.categories)}
        self._cell[None] = self.size - 1

    def codes(self, values: Array) -> Codes:
        """The cell of each value."""
        other, cell = self.size - 2, self._cell
        return np.fromiter((cell.get(text_of(value), other) for value in values.tolist()), dtype=np.intp, count=len(values))

    def count(self, values: Array) -> Ints:
        """How many values fall into each cell."""
        return np.bincount(self.codes(values), minlength=self.size).astype(np.int64)


Cells = NumberCells | CategoryCells


def text_of(value: object) -> str | None:
    """A category as text, None if missing. The empty text is missing, as it is to the model that answers."""
    if value.__class__ is str:
        return value or None
    if value is None or type(value).__name__ == "NAType" or value != value:
        return None
    return str(value) or None


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
