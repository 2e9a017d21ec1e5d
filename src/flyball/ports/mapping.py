"""Where the parts of one computation run: the cores of this machine, or a cluster."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Say = Callable[[str], None]


class Mapper(Protocol):
    """Runs the same work on several items at once.

    Work, items and results can be pickled: they may go to other processes, on other machines. What the work tells its `Say` is told to
    `say` in this process, while the work runs and, at the latest, before its result is given; a `Say` may end the work by an exception of
    its own. An item whose process dies without a word is done again, elsewhere; StoreError when that happens to it again and again
    (three times; a cluster of one's own may be set otherwise). The first error of any item ends the others and is raised.
    """

    @property
    def slots(self) -> int:
        """How many items are worked on at a time."""
        ...

    def map(self, work: Callable[[Item, Say], Result], items: Sequence[Item], *, say: Say) -> list[Result]:
        """The results in the order of the items."""
        ...

    def each(self, work: Callable[[Item, Say], Result], items: Iterable[Item], *, say: Say) -> Iterator[Result]:
        """The results in the order of the items, each as soon as it and those before it are there; closing ends the rest.

        Items are taken as there is room for them, so there may be more than memory holds.
        """
        ...
