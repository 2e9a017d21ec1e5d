"""Where the parts of one computation run: the cores of this machine now, a cluster later."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Say = Callable[[str], None]


class Mapper(Protocol):
    """Runs the same work on several items at once."""

    def map(self, work: Callable[[Item, Say], Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """The results in the order of the items. Work, items and results can be pickled: they may go to other processes.

        What the work tells its `Say` is told to `say` in this process while it runs. The first error of any item ends the others and is
        raised; StoreError if a process died without a word.
        """
        ...
