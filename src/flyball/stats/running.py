"""Bounds for numbers that a server looks at while they run in: cheap, and without scipy, which a server does not load."""

import math

import numpy as np
from numpy.typing import NDArray

_STEPS = 40  # halvings: a millionth of a millionth is more than enough

Counts = NDArray[np.int64]


def mixture(hits: int, trials: int, rate: float) -> float:
    """Logarithm of the beta-binomial mixture (Jeffreys' prior) against a rate: at most log(1 / alpha) for the true rate, at all times
    together, with probability 1 - alpha (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon, arXiv 1810.08240).

    >>> mixture(0, 0, 0.5)
    0.0
    """
    missed = trials - hits
    evidence = math.lgamma(hits + 0.5) + math.lgamma(missed + 0.5) - math.lgamma(trials + 1.0) - math.log(math.pi)
    if hits:
        evidence -= hits * math.log(rate) if rate > 0.0 else -math.inf
    if missed:
        evidence -= missed * math.log1p(-rate) if rate < 1.0 else -math.inf
    return evidence


def rate_lower(hits: int, trials: int, alpha: float) -> float:
    """What a rate certainly is at least, however often one looks; 0 without hits.

    >>> round(rate_lower(40, 50, 0.001), 3)
    0.509
    """
    if hits <= 0:
        return 0.0
    low, high, level = 0.0, hits / trials, -math.log(alpha)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if mixture(hits, trials, middle) >= level else (low, middle)
    return low


def rate_upper(hits: int, trials: int, alpha: float) -> float:
    """What a rate certainly is at most, however often one looks; 1 without trials.

    >>> round(rate_upper(0, 1000, 0.001), 4)
    0.0109
    """
    return 1.0 - rate_lower(trials - hits, trials, alpha)


def tail_above(hits: int, trials: int, rate: float) -> float:
    """How probable at most so many hits or more are at this rate: Chernoff's bound, exp(-trials KL(hits / trials, rate)).

    >>> round(tail_above(7, 50, 0.01), 6)
    4e-06
    """
    return 1.0 if trials == 0 or hits <= trials * rate else math.exp(-trials * _divergence(hits / trials, rate))


def tail_below(hits: int, trials: int, rate: float) -> float:
    """How probable at most so few hits or fewer are at this rate: Chernoff's bound."""
    return 1.0 if trials == 0 or hits >= trials * rate else math.exp(-trials * _divergence(hits / trials, rate))


def _divergence(share: float, rate: float) -> float:
    """Kullback and Leibler's, of two coins."""
    found = share * math.log(share / rate) if share > 0.0 else 0.0
    return found + ((1.0 - share) * math.log((1.0 - share) / (1.0 - rate)) if share < 1.0 else 0.0)


def quantile_lower(counts: Counts, share: float, alpha: float) -> int:
    """The last bucket of which it is certain that the quantile does not lie below it: so many lie in it or beyond. 0 if none is.

    `counts` are values by bucket, in order; one look at this alpha.
    """
    total, beyond = int(counts.sum()), np.cumsum(counts[::-1])[::-1]
    found = 0
    for bucket in range(len(counts) - 1, 0, -1):
        if beyond[bucket] > total * (1.0 - share) and tail_above(int(beyond[bucket]), total, 1.0 - share) <= alpha:
            found = bucket
            break
    return found


def quantile_upper(counts: Counts, share: float, alpha: float) -> int | None:
    """The first bucket of which it is certain that the quantile does not lie beyond it; None with too few values to say."""
    total, beyond = int(counts.sum()), np.cumsum(counts[::-1])[::-1]
    for bucket in range(len(counts)):
        more = int(beyond[bucket + 1]) if bucket + 1 < len(counts) else 0
        if more < total * (1.0 - share) and tail_below(more, total, 1.0 - share) <= alpha:
            return bucket
    return None


def distance_lower(ours: Counts, theirs: Counts, alpha: float) -> float:
    """How far apart two distributions certainly are at least (Kolmogorov and Smirnov, at the edges of these buckets); one look.

    Each sample keeps Massart's bound with half of alpha.
    """
    n, m = int(ours.sum()), int(theirs.sum())
    if n == 0 or m == 0:
        return 0.0
    distance = float(np.abs(np.cumsum(ours) / n - np.cumsum(theirs) / m).max())
    radius = math.sqrt(math.log(4.0 / alpha) / 2.0)
    return max(0.0, distance - radius / math.sqrt(n) - radius / math.sqrt(m))


def spent(alpha: float, look: int) -> float:
    """The part of alpha that the look of a number, from 1, may use: all looks together use no more than alpha."""
    return alpha / (look * (look + 1))
