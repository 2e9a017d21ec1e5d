"""How far an observed distance or share may be from the true one: bounds that hold for every sample size, without a distribution."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special


def ks_radius(rows: int, reference_rows: int, alpha: float) -> float:
    """t with P(|D_observed - D_true| > t) <= alpha for the two-sample Kolmogorov-Smirnov distance of independent samples.

    Each empirical distribution keeps Massart's bound P(sup|F_n - F| > s) <= 2 exp(-2 n s^2) (Dvoretzky-Kiefer-Wolfowitz). The sum of
    the two errors then exceeds t with probability at most
    exp(-2 e t^2) * (4 m / (n + m) + 20.1 t sqrt(e) * sqrt(n m) / (n + m)) + 2 exp(-2 m t^2), where e = n m / (n + m):
    the convolution of the two tails, which is tighter than giving each error a radius of its own.
    """
    if rows <= 0 or reference_rows <= 0:
        return 1.0
    n, m = float(rows), float(reference_rows)
    effective = n * m / (n + m)
    level = math.log(2.0 / alpha)
    for _ in range(8):  # the factor depends on t only through a logarithm: this settles fast
        deviation = math.sqrt(level / 2.0)
        factor = 2.0 + 4.0 * m / (n + m) + 20.1 * deviation * math.sqrt(n * m) / (n + m)
        level = math.log(factor / alpha)
    return min(1.0, math.sqrt(level / (2.0 * effective)))


def tv_radius(shares: NDArray[np.float64], rows: int, reference_rows: int, alpha: float) -> float:
    """t with P(|TV_observed - TV_true| > t) <= alpha for the total variation distance over the cells of `shares` (pooled shares).

    The expected error is at most half the sum over cells of sqrt(p (1 - p) (1/n + 1/m)); around its expectation it keeps McDiarmid's
    bound exp(-2 e t^2).
    """
    if rows <= 0 or reference_rows <= 0:
        return 1.0
    spread = 1.0 / rows + 1.0 / reference_rows
    expected = 0.5 * float(np.sqrt(shares * (1.0 - shares) * spread).sum())
    return min(1.0, expected + math.sqrt(math.log(2.0 / alpha) * spread / 2.0))


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
