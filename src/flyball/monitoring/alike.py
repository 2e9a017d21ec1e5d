"""Whether two arms may be compared: units split as the shares say, and labels that come to both as often and as late."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.stats.arms import Arms, BlockKind, spread_of
from flyball.stats.losses import Floats
from flyball.stats.sequential import ratio_log_factor

# A false alarm of the split in a thousand rollouts, over all looks: half of it for the units that were asked, half for those with labels.
RATIO_LEVEL = 0.0005
# The level of each side of what is said of labels, and from where on a difference matters: parts of the rows.
LABEL_LEVEL = 0.001
COVERAGE_MARGIN = 0.01
DELAY_MARGIN = 0.05


@record
class Labels:
    """The matured rows of both arms. `known`: whether it has a label; `lag`: seconds until it came; the rest as in `stats.arms.Arms`."""

    known: NDArray[np.bool_]
    lag: Floats
    challenger: NDArray[np.bool_]
    phase: NDArray[np.int64]
    day: NDArray[np.int64]
    unit: NDArray[np.int64]
    at: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> "Labels":
        """The rows for which this is true."""
        return Labels(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def arms(self, loss: Floats) -> Arms:
        """These rows with something to compare."""
        return Arms(loss=loss, challenger=self.challenger, phase=self.phase, day=self.day, unit=self.unit)


def counts_of(
    unit: NDArray[np.int64], challenger: NDArray[np.bool_], at: NDArray[np.int64], phase: NDArray[np.int64], phases: int
) -> NDArray[np.int64]:
    """How many units each arm got in each phase (phases, 2), each unit once, where it was seen first: then units are independent."""
    order = np.lexsort((challenger, at, unit))
    first = order[np.flatnonzero(np.diff(unit[order], prepend=-1))]
    found = np.bincount(2 * phase[first] + challenger[first], minlength=2 * phases)
    return found.reshape(phases, 2)


def ratio_p(
    unit: NDArray[np.int64],
    challenger: NDArray[np.bool_],
    at: NDArray[np.int64],
    phase: NDArray[np.int64],
    shares: Sequence[float],
) -> float:
    """Always-valid p-value that units were split as each phase's share says, over all phases together.

    A unit is one draw, in the phase it was seen first, so the phases are independent and their Bayes factors multiply to one.
    """
    if not len(unit):
        return 1.0
    counts = counts_of(unit, challenger, at, phase, len(shares))
    factor = sum(ratio_log_factor(pair.tolist(), (1 - share, share)) for pair, share in zip(counts, shares, strict=True))
    return float(min(1.0, np.exp(-max(factor, 0.0))))


def mismatch(
    p: float,
    p_labelled: float,
    split: tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]],
    labelled: Labels,
    shares: Sequence[float],
) -> Reason | None:
    """What is said of a split that cannot be chance."""
    if p < RATIO_LEVEL:
        return _told("arms.ratio", p, counts_of(*split, len(shares)), shares)
    if p_labelled < RATIO_LEVEL:
        counts = counts_of(labelled.unit, labelled.challenger, labelled.at, labelled.phase, len(shares))
        return _told("arms.ratio_labelled", p_labelled, counts, shares)
    return None


def alike(labels: Labels, block: BlockKind) -> Reason | None:
    """What is said of labels that come to one arm more often or later, for certain and by more than matters; None if nothing is.

    Both are compared like losses, by the same blocks, with always-valid bounds. Later: the part of the labels that took longer than half
    of all labels did.
    """
    found = spread_of(labels.arms(labels.known.astype(np.float64)), block)
    lower, upper = found.bounds(LABEL_LEVEL)
    if lower is not None and upper is not None and (lower > COVERAGE_MARGIN or upper < -COVERAGE_MARGIN):
        champion, challenger = (float(labels.known[labels.challenger == side].mean()) for side in (False, True))
        return because("arms.coverage", champion=champion, challenger=challenger, lower=-upper, upper=-lower)
    known = labels.take(labels.known)
    if not len(known.lag):
        return None
    late = known.lag > np.median(known.lag)
    found = spread_of(known.arms(late.astype(np.float64)), block)
    lower, upper = found.bounds(LABEL_LEVEL)
    if lower is not None and upper is not None and (lower > DELAY_MARGIN or upper < -DELAY_MARGIN):
        times = [float(np.median(known.lag[known.challenger == side])) / 3600 for side in (False, True)]
        return because("arms.delay", champion=times[0], challenger=times[1], lower=-upper, upper=-lower)
    return None


def _told(code: str, p: float, counts: NDArray[np.int64], shares: Sequence[float]) -> Reason:
    worst = max(range(len(shares)), key=lambda number: ratio_log_factor(counts[number].tolist(), (1 - shares[number], shares[number])))
    champion, challenger = (int(count) for count in counts[worst])
    return because(
        code,
        p=p,
        champion=champion,
        challenger=challenger,
        share=shares[worst],
        found=challenger / max(champion + challenger, 1),
        phase=worst + 1,
        phases=len(shares) if len(shares) > 1 else 0,
    )
