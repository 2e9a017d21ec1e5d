"""Lines that a sum passes with probability at most alpha, ever, for other tails than the normal one (Howard et al. 2021, 2022)."""

import math
from typing import Literal

from scipy.optimize import brentq
from scipy.special import gammainc, gammaincc, gammaln, zeta

Tail = Literal["exponential", "poisson"]


def gamma_log_mixture(s: float, v: float, rho: float, c: float, tail: Tail) -> float:
    """Logarithm of the gamma mixture of a sum `s` at intrinsic time `v`, of sub-exponential or sub-Poisson increments of scale `c`.

    `rho` as for the one-sided normal mixture (`sequential.normal_rho`).
    """
    at, shape = rho / c**2, (v + rho) / c**2
    part = gammainc if tail == "exponential" else gammaincc
    constant = at * math.log(at) - float(gammaln(at)) - math.log(float(part(at, at)))
    if tail == "exponential":
        moved = (c * s + v) / c**2
        reached = moved + at
        return constant + float(gammaln(shape)) + math.log(float(part(shape, reached))) - shape * math.log(reached) + moved
    reached = s / c + shape
    return constant + float(gammaln(reached)) + math.log(float(part(reached, shape))) - reached * math.log(shape) + v / c**2


def gamma_bound(v: float, rho: float, c: float, tail: Tail, *, alpha: float = 0.05) -> float:
    """The sum at which that mixture reaches 1 / alpha."""
    high = 1.0
    while gamma_log_mixture(high, v, rho, c, tail) < -math.log(alpha):
        high *= 2
    return float(brentq(lambda s: gamma_log_mixture(s, v, rho, c, tail) + math.log(alpha), 0.0, high, xtol=1e-10))


def stitched_bound(v: float, v_min: float, c: float, *, alpha: float = 0.05, s: float = 1.4, eta: float = 2.0) -> float:
    """The polynomial stitched boundary: grows like sqrt(v log log v), for increments that are sub-gamma of scale `c`."""
    k1, k2 = (eta**0.25 + eta**-0.25) / math.sqrt(2), (math.sqrt(eta) + 1) / 2
    v = max(v, v_min)
    level = s * math.log(math.log(eta * v / v_min)) + math.log(float(zeta(s)) / (alpha * math.log(eta) ** s))
    slope = k2 * c * level
    return math.sqrt(k1**2 * v * level + slope**2) + slope


def quantile_bound(p: float, t: float, t_opt: float, *, alpha: float = 0.05, delta: float = 0.5, s: float = 1.4, eta: float = 2.0) -> float:
    """The doubly stitched boundary of how many of `t` values lie below their `p` quantile, beyond what was expected, for every `p`."""
    k1, k2 = (eta**0.25 + eta**-0.25) / math.sqrt(2), (math.sqrt(eta) + 1) / 2
    at = max(t, t_opt)
    odds = math.log(p / (1 - p))
    r = p if p >= 0.5 else min(0.5, 1 / (1 + math.exp(-(odds + 2 * delta * math.sqrt(t_opt * eta / at)))))
    spread, steps, z = r * (1 - r), math.sqrt(at / t_opt) * abs(odds) / (2 * delta) + 1, float(zeta(s))
    level = s * math.log(math.log(eta * at / t_opt)) + s * math.log(steps) + math.log(2 * z * (2 * z + 1) / (alpha * math.log(eta) ** s))
    slope = k2 * (1 - 2 * p) / 3 * level
    return delta * math.sqrt(eta * at * spread / t_opt) + math.sqrt(k1**2 * spread * at * level + slope**2) + slope
