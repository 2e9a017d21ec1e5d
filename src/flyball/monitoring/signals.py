"""Signals of many columns at once: each is an estimate, a bound that chance does not reach, and the threshold the bound has to pass."""

import math
from datetime import timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from flyball.core.record import record
from flyball.monitoring.apart import Apart, Expected, apart
from flyball.monitoring.yardstick import Block, Calm
from flyball.stats.bounds import unseen_share

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SignalName = Literal["unparsable", "missing", "present", "infinite", "moved", "out_of_range", "new_categories"]

# The worst kind first: unreadable, not there, moved, never seen.
NUMBER: tuple[SignalName, ...] = ("unparsable", "missing", "present", "infinite", "moved", "out_of_range")
CATEGORY: tuple[SignalName, ...] = ("missing", "present", "moved", "new_categories")
# Signals per column that share its error budget: half of it is for values that moved, which are the hardest to prove.
SIGNALS = 6
MOVED_PART = 0.5
# In a window shorter than any that was calibrated, only a share that covers half of what is usually not there is news.
_FLOOD = 0.5


@record
class Limits:
    """What one look at one column is held to. `alpha` is for one share, `moved_alpha` for the distance, `reference_alpha` for one fact
    about the reference.
    """

    margin: float
    share_margin: float
    alpha: float
    moved_alpha: float
    reference_alpha: float


@record
class Signals:
    """A row per signal (in the order of `names`), a column per column.

    Drift if `lower > threshold`; a warning if the estimate is over the threshold and `lower` is over what chance explains (`floor`).
    `lower` is only known where the estimate is over the threshold, and 0 elsewhere: it cannot matter there. `usual`: the share in
    training.
    """

    names: tuple[SignalName, ...]
    rows: Floats
    apart: Apart
    estimate: Floats
    threshold: Floats
    floor: Floats
    lower: Floats
    usual: Floats
    blind: NDArray[np.bool_]

    def p_values(self, block: Block) -> Floats:
        """How probable at most the estimates are if the truth is at their thresholds, per signal and column, shared among the signals."""
        found = np.ones(self.estimate.shape)
        over = (self.estimate > self.threshold) & (self.threshold < 1.0)
        moved = self.names.index("moved")
        if over[moved].any():
            tail = self.apart.tail(block, self.apart.distance - self.threshold[moved]) / MOVED_PART
            found[moved] = np.where(over[moved], tail, 1.0)
        over[moved] = False
        hits, rows = np.rint(self.estimate * self.rows)[over], np.broadcast_to(self.rows, over.shape)[over]
        shares = special.betainc(np.maximum(hits, 1.0), rows - hits + 1.0, self.threshold[over])
        found[over] = shares * (SIGNALS - 1) / (1.0 - MOVED_PART)
        return found


def signals(block: Block, counts: Ints, length: timedelta, limits: Limits, expected: Expected | None) -> Signals:
    """Everything that may have happened to the columns of a block in a window of this length."""
    calm = block.calm(length, expected is not None)
    rows = block.flat.sums(counts)
    far = apart(block, counts, limits.moved_alpha, expected)
    names = NUMBER if block.number else CATEGORY
    shape = len(names), len(block.columns)
    estimate, threshold, floor, usual = np.zeros(shape), np.ones(shape), np.zeros(shape), np.zeros(shape)
    for at, name in enumerate(names):
        if name == "moved":
            estimate[at], threshold[at] = far.distance, np.where(calm.blind, 1.0, np.maximum(limits.margin, calm.distance))
        elif name in ("out_of_range", "new_categories"):
            estimate[at], threshold[at], floor[at], usual[at] = _unseen(block, name, counts, rows, calm, limits)
        else:
            estimate[at], threshold[at], floor[at], usual[at] = _share(block, name, counts, rows, calm, limits, expected)
    hits = np.rint(estimate * rows)
    over = (estimate > threshold) & (hits > 0)
    over[names.index("moved")] = False
    lower = np.zeros(shape)
    lower[over] = special.betaincinv(hits[over], np.broadcast_to(rows, shape)[over] - hits[over] + 1.0, limits.alpha)
    lower[names.index("moved")] = far.lower
    return Signals(
        names=names, rows=rows, apart=far, estimate=estimate, threshold=threshold, floor=floor, lower=lower, usual=usual, blind=calm.blind
    )


def _share(
    block: Block, name: SignalName, counts: Ints, rows: Floats, calm: Calm, limits: Limits, expected: Expected | None
) -> tuple[Floats, Floats, Floats, Floats]:
    """A share that had some value in training and may have grown. The reference's own uncertainty is on its side."""
    before, now, of = _hits(block, name, block.known), _hits(block, name, counts), block.rows
    usual = before / np.maximum(of, 1.0)
    margin = np.full(len(rows), limits.share_margin)
    floor = block.kept((name, limits.reference_alpha), lambda: _upper(before, of, limits.reference_alpha))
    if name in ("missing", "present"):
        if expected is not None:
            usual = expected.absent if name == "missing" else 1.0 - expected.absent
            # Where the hours of the window have few rows of the training, the share is known less well.
            of = np.where(expected.worth > 0, np.minimum(of, np.maximum(expected.worth, 1.0)), of)
            before = np.rint(usual * of)
            floor = _upper(before, of, limits.reference_alpha)
        # Values that came back change what the model sees too, but they have to be many.
        margin = np.maximum(calm.missing, limits.share_margin if name == "missing" else limits.margin)
        margin = np.where(calm.blind, np.maximum(margin, _FLOOD * (1.0 - usual)), margin)
    floor = np.where(before > 0, floor, 0.0)
    return now / np.maximum(rows, 1.0), np.maximum(usual + margin, floor), floor, usual


def _unseen(
    block: Block, name: SignalName, counts: Ints, rows: Floats, calm: Calm, limits: Limits
) -> tuple[Floats, Floats, Floats, Floats]:
    """The share of values that training did not have at all; `floor` is how many of them one has to expect."""
    if name == "out_of_range":
        margin, now = calm.out_of_range, outside(block, counts)
        chance = np.minimum(1.0, 2.0 * math.log(1.0 / limits.reference_alpha) / np.maximum(block.held, 1.0))
        now = np.where(block.held > 0, now, 0.0)
    else:
        margin, now = calm.new_categories, counts[block.missing_at - 1].astype(np.float64)
        pairs = zip(block.once.tolist(), block.held.tolist(), strict=True)
        chance = np.array([unseen_share(int(once), int(held), limits.reference_alpha) for once, held in pairs])
    threshold = np.maximum(np.maximum(limits.share_margin, margin), chance)
    threshold = np.where(calm.blind, np.maximum(threshold, _FLOOD), threshold)
    floor, usual = chance, np.zeros(len(rows))
    if name == "new_categories":  # more categories than are kept by name: what is not kept is compared as a whole
        before = block.known[block.missing_at - 1].astype(np.float64)
        known = before > 0
        share = before / np.maximum(block.rows, 1.0)
        upper = block.kept((name, limits.reference_alpha), lambda: _upper(before, block.rows, limits.reference_alpha))
        more = np.where(calm.blind, _FLOOD * (1.0 - share), np.maximum(limits.share_margin, margin))
        threshold = np.where(known, np.maximum(share + more, upper), threshold)
        floor, usual = np.where(known, upper, floor), share
    return now / np.maximum(rows, 1.0), threshold, floor, usual


def _hits(block: Block, name: SignalName, counts: Ints) -> Floats:
    """The rows that a share counts."""
    found: Floats
    match name:
        case "unparsable":
            found = counts[block.last].astype(np.float64)
        case "missing":
            found = counts[block.missing_at].astype(np.float64)
        case "present":
            found = block.flat.sums(counts) - counts[block.missing_at]
        case _:
            found = infinite(block, counts)
    return found


def infinite(block: Block, counts: Ints) -> Floats:
    """Infinities among the counts of numbers."""
    found: Floats = (counts[block.flat.starts] + counts[block.last - 2]).astype(np.float64)
    return found


def outside(block: Block, counts: Ints) -> Floats:
    """Finite values below or above everything the reference has; none where it has no edges."""
    low, high = block.flat.starts + 1, block.last - 3
    found: Floats = np.where(high > low, counts[low] + counts[high], 0).astype(np.float64)
    return found


def _upper(hits: Floats, rows: Floats, alpha: float) -> Floats:
    """Clopper and Pearson's upper end of many shares; 1 without rows."""
    inner = (hits < rows) & (rows > 0)
    found = np.ones(len(hits))
    found[inner] = special.betaincinv(hits[inner] + 1.0, rows[inner] - hits[inner], 1.0 - alpha)
    return found
