"""What a search for parameters asks of the world: who proposes them, and remembers what came of each."""

from collections.abc import Mapping
from typing import Protocol

from flyball.core.record import record
from flyball.spec.records import Param


@record
class Proposal:
    """Parameters to try."""

    number: int
    params: Mapping[str, Param]


@record
class Tried:
    """What came of a proposal. `value` is None where the training failed: `error` says why."""

    number: int
    params: Mapping[str, Param]
    value: float | None
    error: str = ""
    metrics: Mapping[str, float] | None = None
    seconds: float = 0.0


class Study(Protocol):
    """One search, kept where another process finds it again. One process at a time works on it."""

    def tried(self) -> list[Tried]:
        """Everything that was tried, by its number."""
        ...

    def open(self) -> list[Proposal]:
        """What was proposed and never told: a process that ended was at it."""
        ...

    def propose(self) -> Proposal:
        """The next parameters to try. They follow from the seed, the number and from what was told before, and from nothing else."""
        ...

    def tell(self, tried: Tried) -> None:
        """What came of a proposal, kept before this returns."""
        ...

    def close(self) -> None:
        """Let go of the storage."""
        ...
