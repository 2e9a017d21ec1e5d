"""Where several pieces of one computation run: the cores of this machine now, a cluster later."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item", contravariant=True)
Result = TypeVar("Result", covariant=True)

Say = Callable[[str], None]


class Work(Protocol[Item, Result]):
    """A piece of work that may run in another process: it and its items can be pickled."""

    def __call__(self, item: Item, say: Say) -> Result:
        """Do it; `say` takes a line about how far it is."""
        ...


class Mapper(Protocol):
    """Runs the same work on several items at once."""

    def map(self, work: Work[Item, Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """The results in the order of the items. What the work says is told to `say` in this process while it runs.

        The first error of any item ends the others and is raised. StoreError if a process died without a word.
        """
        ...
