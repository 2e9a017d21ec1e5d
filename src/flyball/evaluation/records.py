"""Nouns of the evaluation: scores, a paired comparison, and the gate's decision with its checks."""

from collections.abc import Mapping

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.core.verdict import Verdict


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
class Decision:
    """What the gate said as a whole."""

    verdict: Verdict
    checks: tuple[Check, ...]
