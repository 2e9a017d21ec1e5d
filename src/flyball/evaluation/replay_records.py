"""Nouns of a replay: what was asked again, what two versions said, and how their answers differ."""

from collections.abc import Mapping
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.table import Table
from flyball.evaluation.records import Comparison
from flyball.spec.records import Task

Label = str | int | float | bool


@record
class Requests:
    """Logged requests as columns of one length: what was asked, on which day (since 1970), and what became of it.

    `actual`: object, None where no outcome is known. `fresh`: rows that neither version can have learned from.
    """

    ids: NDArray[np.object_]
    day: NDArray[np.int64]
    features: Table
    actual: NDArray[np.object_]
    fresh: NDArray[np.bool_]


@record
class Said:
    """What one version says of the requests. `scores`: as `Engine.score` gives them, NaN on rows that it failed on.

    `failed`: those rows; `message` is what it said of the first of them. A binary answer is `classes[1]` from `threshold` on.
    """

    version: int
    task: Task
    scores: NDArray[np.float64]
    failed: NDArray[np.bool_]
    message: str
    classes: tuple[Label, ...]
    threshold: float


@record
class Trouble:
    """Rows on which a version failed, or gave a score that is no finite number."""

    rows: int
    examples: tuple[str, ...]
    message: str


@record
class Disagreement:
    """In how many of the rows the two labels differ, as a share with a two-sided 95 % interval, by days where there are five.

    A regression has no labels: its answers differ where they are further apart than `tolerance`.
    """

    rows: int
    differing: int
    share: float
    lower: float
    upper: float
    days: int
    tolerance: float | None


@record
class Place:
    """Rows that have one value, or values of one range, in one column, and in which the versions disagree more often than elsewhere.

    `excess`: how much larger the share certainly is than in the other rows, all places that were looked at considered (95 %).
    """

    column: str
    rows: int
    differing: int
    share: float
    excess: float
    reason: Reason


@record
class Shift:
    """How the scores moved: `mean` is candidate minus champion, `distance` Kolmogorov-Smirnov. `of`: the class whose probability it is.

    `quantiles`: level -> champion, candidate. `edges`, `champion` and `candidate`: both histograms, in rows.
    """

    of: str
    mean: float
    distance: float
    quantiles: Mapping[str, tuple[float, float]]
    edges: tuple[float, ...]
    champion: tuple[int, ...]
    candidate: tuple[int, ...]


@record
class Confusion:
    """How many rows the champion labels so (row) and the candidate so (column); rare labels are put together in the last."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@record
class Latency:
    """Seconds for one row, measured in this process in turns, over so many rows."""

    rows: int
    champion_median: float
    champion_p99: float
    candidate_median: float
    candidate_p99: float

    @property
    def ratio(self) -> float:
        """How many times the champion's median the candidate's is."""
        return self.candidate_median / max(self.champion_median, 1e-9)


@record
class ReplayReport:
    """What came of asking two versions the same logged requests again. Nothing of it was logged or answered to anybody.

    `asked`: rows that were looked at; `compared`: those that both versions answered with finite scores. `left_out`: why others were not
    asked. `errors` and `not_finite`: the candidate's, on rows that the champion answered; `champion_errors`: rows the champion failed on.
    `gains`: paired, on rows whose outcome is known and that neither learned from. `identical`: every score is the same.
    """

    model: str
    candidate: int
    champion: int
    asked: int
    compared: int
    left_out: tuple[Reason, ...]
    errors: Trouble
    not_finite: Trouble
    champion_errors: int
    identical: bool
    disagreement: Disagreement | None
    where: tuple[Place, ...]
    shift: Shift | None
    confusion: Confusion | None
    outcomes: int
    gains: tuple[Comparison, ...]
    latency: Latency | None = None
    notes: tuple[Reason, ...] = field(default=())
