"""How far the values of many columns are from their reference at once: distance, certified bounds, and what chance makes of it."""

import math

import numpy as np
from numpy.typing import NDArray

from flyball.core.record import record
from flyball.monitoring.hours import Flat, Hours
from flyball.monitoring.yardstick import Block
from flyball.stats.bounds import KS_CHANCE, ks_radii, ks_tail

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@record
class Apart:
    """Per column: the distance of the values that are there, its bounds, and what chance alone would make of it on average.

    `now`, `then`: values of the window, and how many reference rows it was compared with. `share`, `known`: shares per cell, or per group
    of cells where the season decides what to compare with. `noise`: how much of the distance of categories may be chance on average.
    """

    distance: Floats
    lower: Floats
    upper: Floats
    chance: Floats
    now: Floats
    then: Floats
    share: Floats
    known: Floats
    noise: Floats
    seasonal: bool

    def tail(self, block: Block, beyond: Floats) -> Floats:
        """How probable so much more than the true distance is at most."""
        if block.number:
            return ks_tail(self.now, self.then, beyond, mixed=self.seasonal)
        spread = _spread(self.now, self.then)
        free = np.maximum(beyond - self.noise, 0.0)
        tail: Floats = np.minimum(1.0, 2.0 * np.exp(-2.0 * free**2 / spread))
        return tail


@record
class Expected:
    """What a window should look like if nothing changed: shares of values per group, the share without a value, worth so many rows."""

    hours: Hours
    share: Floats
    absent: Floats
    worth: Floats


def apart(block: Block, counts: Ints, alpha: float, expected: Expected | None) -> Apart:
    """Kolmogorov-Smirnov for numbers, total variation for categories, of the rows that have a value."""
    values = counts * block.value
    now = block.flat.sums(values)
    if expected is None:
        flat, known, then = block.flat, block.share, block.held
        share = values / np.maximum(now, 1.0)[flat.owner]
    else:
        flat, known, then = expected.hours.flat, expected.share, expected.worth
        share = expected.hours.grouped(values) / np.maximum(now, 1.0)[flat.owner]
    there = (now > 0) & (then > 0)
    plain = expected is None
    if block.number:
        inside = block.inside if expected is None else (expected.hours.width > 1) | block.inside[expected.hours.starts]
        before = block.below if plain else flat.cumulated(known)
        after = flat.cumulated(values) / np.maximum(now, 1.0)[flat.owner] if plain else flat.cumulated(share)
        if plain:  # cells without values repeat the last sum
            before, after = np.where(block.value, before, 0.0), np.where(block.value, after, 0.0)
        least, most = _ks(flat, before, after, known, share, inside)
        radius, noise = ks_radii(now, then, alpha, mixed=not plain), np.zeros(len(now))
        lower, chance = least - radius, KS_CHANCE * np.sqrt(_spread(now, then))
    else:
        least, lower, radius, noise, chance = _variation(flat, known, share, block if plain else None, now, then, alpha)
        most = least
    least, most = np.where(there, least, 0.0), np.where(there, most, 0.0)
    return Apart(
        distance=least,
        lower=np.where(there, np.clip(lower, 0.0, least), 0.0),
        upper=np.where(there, np.minimum(1.0, most + radius), 0.0),
        chance=np.where(there, np.minimum(1.0, chance), 0.0),
        now=now,
        then=then,
        share=share,
        known=known,
        noise=noise,
        seasonal=not plain,
    )


def _ks(flat: Flat, before: Floats, after: Floats, known: Floats, share: Floats, inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Certified bounds of the exact distance, as `stats.distances.ks_interval` gives them for one column."""
    least = flat.largest(np.abs(before - after))
    within = np.maximum(before - (after - share), after - (before - known))
    most = np.maximum(least, flat.largest(np.where(inside, within, 0.0)))
    return np.minimum(least, 1.0), np.minimum(most, 1.0)


def _variation(
    flat: Flat, known: Floats, share: Floats, block: Block | None, now: Floats, then: Floats, alpha: float
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Total variation, its lower bound, its radius, and what chance adds to it: at most, and on average."""
    spread = _spread(now, then)
    total = np.maximum(now + then, 1.0)
    # Shares are sums of rounded numbers (of four bytes under a season): one that is everything may come out a little over 1.
    pooled = np.clip((share * now[flat.owner] + known * then[flat.owner]) / total[flat.owner], 0.0, 1.0)
    distance = np.minimum(1.0, 0.5 * flat.sums(np.abs(share - known)))
    real = np.ones(flat.total, dtype=bool) if block is None else block.value
    noise = _noise(flat, pooled, real, total, spread)
    room = np.sqrt(math.log(4.0 / alpha) * spread / 2.0)
    lower = distance - noise - room
    if block is not None:
        gap: Floats = np.bincount(block.coarse, weights=share - known, minlength=flat.total).astype(np.float64)
        together: Floats = np.bincount(block.coarse, weights=pooled, minlength=flat.total).astype(np.float64)
        real = np.bincount(block.coarse, minlength=flat.total) > 0
        lower = np.maximum(lower, 0.5 * flat.sums(np.abs(gap)) - _noise(flat, together, real, total, spread) - room)
    deviation = np.sqrt(pooled * (1.0 - pooled) * spread[flat.owner])
    few = pooled * np.minimum(now, then)[flat.owner] < 5.0
    usual = 0.5 * flat.sums(np.where(few, deviation, math.sqrt(2.0 / math.pi) * deviation))
    return distance, lower, np.minimum(1.0, noise + room), noise, usual


def _noise(flat: Flat, pooled: Floats, real: NDArray[np.bool_], total: Floats, spread: Floats) -> Floats:
    """What chance adds at most on average, half a row added to each real cell: an empty cell may be rare, not impossible."""
    cells = flat.sums(real)
    roomy = np.where(real, (pooled * total[flat.owner] + 0.5) / (total + 0.5 * cells)[flat.owner], 0.0)
    roomy = np.clip(roomy, 0.0, 1.0)  # many rare cells added up to one may be a little over 1: its root is none, not NaN
    found: Floats = 0.5 * flat.sums(np.sqrt(roomy * (1.0 - roomy) * spread[flat.owner]))
    return found


def _spread(now: Floats, then: Floats) -> Floats:
    found: Floats = 1.0 / np.maximum(now, 1.0) + 1.0 / np.maximum(then, 1.0)
    return found
