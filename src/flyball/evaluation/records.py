"""Nouns of the evaluation: scores, a paired comparison, and the gate's decision with its checks."""

from collections.abc import Mapping, Sequence

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.verdict import Verdict, combine

# On so many rows two versions have to differ somewhere, or they are one.
ENOUGH_TO_DIFFER = 500


@record
class Evaluation:
    """Held-out scores of one version: overall, with 95 % bounds by block, and by slice (`column=value` → metric → score)."""

    rows: int
    blocks: int
    metrics: Mapping[str, float]
    lower: Mapping[str, float]
    upper: Mapping[str, float]
    slices: Mapping[str, Mapping[str, float]]


@record
class Comparison:
    """Candidate against champion on the same rows: `gain` > 0 means the candidate is better, whatever the metric's direction."""

    metric: str
    gain: float
    lower: float
    upper: float
    rows: int
    blocks: int


@record
class Check:
    """One line of the gate and what it said."""

    metric: str
    verdict: Verdict
    reason: Reason


@record
class SliceComparison:
    """Candidate against champion on the rows of one slice (`column=value`). The bounds of all slices of a list hold together at 95 %."""

    slice: str
    comparison: Comparison


@record
class Decision:
    """What the gate said as a whole, and how the version compares with the champion in each slice."""

    verdict: Verdict
    checks: tuple[Check, ...]
    slices: tuple[SliceComparison, ...] = ()

    def joined_by(self, checks: Sequence[Check]) -> "Decision":
        """The same decision with what more checks say."""
        every = (*self.checks, *checks)
        return Decision(verdict=combine(check.verdict for check in every), checks=every, slices=self.slices)
