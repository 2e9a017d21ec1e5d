"""How far an observed distance or share may be from the true one: bounds that hold for every sample size, without a distribution."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

# The mean of the Kolmogorov-Smirnov distance of two samples of one distribution, times the root of the effective rows.
KS_CHANCE = 0.8687


def ks_radius(rows: int, reference_rows: int, alpha: float) -> float:
    """t with P(|D_observed - D_true| > t) <= alpha for the two-sample Kolmogorov-Smirnov distance of independent samples.

    Each empirical distribution keeps Massart's bound P(sup|F_n - F| > s) <= 2 exp(-2 n s^2) (Dvoretzky-Kiefer-Wolfowitz). The sum of
    the two errors then exceeds t with probability at most
    exp(-2 e t^2) * (4 m / (n + m) + 20.1 t sqrt(e) * sqrt(n m) / (n + m)) + 2 exp(-2 m t^2), where e = n m / (n + m):
    the convolution of the two tails, which is tighter than giving each error a radius of its own.
    """
    return float(ks_radii(np.array([rows], dtype=np.float64), np.array([reference_rows], dtype=np.float64), alpha)[0])


def ks_radii(rows: Floats, reference_rows: Floats, alpha: float, *, mixed: bool = False) -> Floats:
    """`ks_radius` of many pairs of samples; 1 where one of them has no rows.

    `mixed`: the rows are independent but not all of one distribution, as those of different hours are. Then Massart's 2 becomes
    2 e (Bretagnolle, 1980), if all rows weigh the same. `reference_rows` may be the effective number of a mixture whose rows do not,
    1 / sum(w_s^2 / m_s): then the bound is approximate. It has the variance right, but no theorem has the tail. In simulations with one
    hour of few rows and most of the weight, with and without a wave, it was exceeded in less than a quarter of the runs it allows
    (tests/stats/test_bounds.py).
    """
    held = (rows > 0) & (reference_rows > 0)
    n, m = np.where(held, rows, 1.0), np.where(held, reference_rows, 1.0)
    effective = n * m / (n + m)
    budget = alpha / (math.e if mixed else 1.0)
    level = np.full(len(n), math.log(2.0 / budget))
    for _ in range(8):  # the factor depends on t only through a logarithm: this settles fast
        level = np.log(_ks_factor(n, m, np.sqrt(level / 2.0)) / budget)
    radii: Floats = np.where(held, np.minimum(1.0, np.sqrt(level / (2.0 * effective))), 1.0)
    return radii


def ks_tail(rows: Floats, reference_rows: Floats, beyond: Floats, *, mixed: bool = False) -> Floats:
    """How probable it is at most that the observed distance is this far beyond the true one: the bound that `ks_radii` turns round."""
    held = (rows > 0) & (reference_rows > 0) & (beyond > 0.0)
    n, m, t = np.where(held, rows, 1.0), np.where(held, reference_rows, 1.0), np.where(held, beyond, 0.0)
    deviation = t * np.sqrt(n * m / (n + m))
    tail = _ks_factor(n, m, deviation) * np.exp(-2.0 * deviation**2) * (math.e if mixed else 1.0)
    probability: Floats = np.where(held, np.minimum(1.0, tail), 1.0)
    return probability


def _ks_factor(n: Floats, m: Floats, deviation: Floats) -> Floats:
    factor: Floats = 2.0 + 4.0 * m / (n + m) + 20.1 * deviation * np.sqrt(n * m) / (n + m)
    return factor


def share_lower(hits: int, rows: int, alpha: float) -> float:
    """Lower end of the exact one-sided binomial bound (Clopper-Pearson) of a share; 0 without rows."""
    return float(special.betaincinv(hits, rows - hits + 1, alpha)) if 0 < hits <= rows else 0.0


def share_upper(hits: int, rows: int, alpha: float) -> float:
    """Upper end of the exact one-sided binomial bound (Clopper-Pearson) of a share; 1 without rows."""
    return float(special.betaincinv(hits + 1, rows - hits, 1.0 - alpha)) if hits < rows else 1.0


def prediction_limit(values: NDArray[np.float64], level: float) -> float:
    """What the next value like these stays under with probability `level`, by Student's distribution; needs two values.

    >>> round(prediction_limit(np.array([1.0, 2.0, 3.0]), 0.95), 3)
    5.372
    """
    n = len(values)
    return float(values.mean() + special.stdtrit(n - 1, level) * values.std(ddof=1) * math.sqrt(1.0 + 1.0 / n))


def unseen_share(once: int, rows: int, alpha: float) -> float:
    """What share of future rows may show a category that `rows` rows did not show, of which `once` categories appeared once.

    Good and Turing's estimate once / rows, with room for the chance in `once` and in the next rows.
    """
    if rows <= 0:
        return 1.0
    room = math.log(1.0 / alpha)
    return min(1.0, (once + 2.0 * math.sqrt(once * room) + 2.0 * room) / rows)


def square_tail(values: Floats, beyond: float) -> float:
    """What a value like these exceeds with probability `beyond`, if their squares have an exponential tail, as distances have.

    Massart's bound makes exp(-c d^2) of the tail of a distance d; rows that hang together change c, not the shape. c is read off the
    largest tenth of the values, and the tail carried on from where it begins.

    >>> rng = np.random.default_rng(0)
    >>> round(square_tail(np.sqrt(rng.exponential(0.01, 5000)), 1e-5), 2)  # the truth is sqrt(.01 * log(1e5)) = .34
    0.35
    """
    squares = np.sort(np.square(values))
    first = math.ceil(0.9 * len(squares))
    top = squares[min(first, len(squares) - 1) :]
    begins = float(squares[max(first - 1, 0)])
    part = len(top) / len(squares)
    return math.sqrt(begins + max(0.0, float(top.mean()) - begins) * max(0.0, math.log(part / beyond)))
