"""What the compiled kernel offers; it may be absent."""

from collections.abc import Sequence
from typing import Any

class Forest:
    """A forest of decision trees in flat arrays; ValueError if the arrays are not one."""

    def __new__(cls, **arrays: Any) -> Forest: ...
    @property
    def steps(self) -> int:
        """How many steps a row takes at most."""
        ...

    def score_one(self, row: Sequence[Any], /) -> float:
        """The score of one row, settled."""
        ...

    def score_rows(self, rows: Sequence[Sequence[Any]], out: Any, /) -> None:
        """Write the scores of rows into a float64 buffer."""
        ...

    def score_matrix(self, matrix: Any, out: Any, /) -> None:
        """Write the scores of a float64 matrix into a float64 buffer."""
        ...
