"""What columns a model reads: names, kinds and what values they may take."""

import difflib
from collections.abc import Iterable
from typing import Literal

from flyball.core.errors import DataError
from flyball.core.record import record

Kind = Literal["number", "integer", "boolean", "category"]


@record
class Column:
    """One input of a model. `nullable`: missing values were seen in training; `categories`: the known ones, sorted."""

    name: str
    kind: Kind
    nullable: bool
    categories: tuple[str, ...] = ()


@record
class Schema:
    """The columns of a model in the order its training function saw them."""

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = self.names
        if len(set(names)) != len(names):
            raise DataError(f"column names repeat: {sorted({n for n in names if names.count(n) > 1})}")

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def numeric(self) -> bool:
        """True when every column is a number, so that a row is one vector of floats."""
        return all(column.kind != "category" for column in self.columns)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'temp'?` or nothing.

    >>> did_you_mean("tempp", ["temp", "wind"])
    "; did you mean 'temp'?"
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def you_sent(word: str, given: Iterable[str]) -> str:
    """`; you sent 'tempp'` or nothing: for a wanted word that is missing, the one that was probably meant to be it.

    >>> you_sent("temp", ["tempp", "wind"])
    "; you sent 'tempp'"
    """
    near = difflib.get_close_matches(word, list(given), n=1, cutoff=0.6)
    return f"; you sent {near[0]!r}" if near else ""
