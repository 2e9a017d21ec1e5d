"""What a model's own tests ask of the world: that the project's test functions are run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from flyball.core.record import record
from flyball.core.table import Table


@record
class Ran:
    """How one function of the project went: `passed`, `failed` or `undecided`, and what it said; `where` is its part of the traceback."""

    name: str
    outcome: str
    message: str
    where: str
    seconds: float


class ProjectTests(Protocol):
    """Runs the test functions of a project, in a process of their own."""

    def run(self, bundle: Path, digest: str, rows: Table, target: str) -> Sequence[Ran]:
        """Call each with the version of a verified bundle and held-out rows; UserCodeError if they cannot be imported, hang or die."""
        ...

    def close(self) -> None:
        """End the process and everything it started."""
        ...
