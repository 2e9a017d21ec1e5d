"""Nouns of a search for parameters: what is asked for, the rows it is judged on, and what came of it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from flyball.core.record import record
from flyball.core.schema import Schema
from flyball.data.records import Split
from flyball.data.snapshot import Rows
from flyball.ports.searching import Tried
from flyball.spec.records import Param, Searched


@record
class TuneRequest:
    """What is asked for. `trials`: how many altogether, those of earlier processes included; `length`: no trial begins after so long.

    `at_once`: so many are proposed together, before any of them is told, whoever works on them: results depend on it and on `seed`.
    """

    metric: str
    direction: str
    trials: int
    length: timedelta | None
    seed: int
    at_once: int


@record
class TuneRows:
    """The rows of a search: those that a training under the spec would learn from, split once more by the same rule.

    No row that the spec holds out or leaves untouched is among them. `digest` names the file `path` they were written to.
    """

    rows: Rows
    schema: Schema
    split: Split
    weight: str
    digest: str
    path: Path


@record
class TuneReport:
    """What came of a search. `before`: what the parameters of the spec reach on the same rows; None where they cannot be trained.

    `best` is None if no trial could be trained. `search`: the name of the study; `earlier`: how many trials an earlier process had done.
    """

    model: str
    search: str
    metric: str
    direction: str
    space: Mapping[str, Searched]
    params: Mapping[str, Param]
    before: Tried | None
    best: Tried | None
    trials: Sequence[Tried]
    earlier: int
    train_rows: int
    judged_rows: int
    seconds: float

    @property
    def gain(self) -> float | None:
        """By how much the best is better than what the spec has."""
        if self.best is None or self.best.value is None or self.before is None or self.before.value is None:
            return None
        difference = self.best.value - self.before.value
        return difference if self.direction == "higher" else -difference
