"""Published sequences and boundaries, as the conformance vectors give them: what ours are measured against. No decision rests on them.

`stats.sequential` and `stats.arms` decide; tests hold them to these, and the bench prints both. Howard, Ramdas, McAuliffe, Sekhon (2021),
Howard and Ramdas (2022), Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (arXiv 2103.06476).
"""

import math
from typing import Literal

from scipy.optimize import brentq
from scipy.special import betainc, betaln, gammainc, gammaincc, gammaln, log_ndtr, zeta

from flyball.stats.significance import Difference, Effect, Sample, Sides, effect_of

Tail = Literal["exponential", "poisson"]


def asymptotic(
    a: Sample, b: Sample, *, tuning: int, difference: Difference = "absolute", sides: Sides = "two", alpha: float = 0.05
) -> Effect:
    """Asymptotic confidence sequence of b against a, narrowest near `tuning` rows (both arms together).

    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (arXiv 2103.06476): two sides by their equation 9, one side by 155 and 161. It is right
    once there are many independent rows; for a few dozen blocks there is `sequential.block_sequence`.
    """
    effect, variance = effect_of(a, b, difference)
    rows = a.rows + b.rows
    # rho only tunes where the sequence is narrowest, so holding it at a level of one half loses nothing but the pole at 1
    threshold = -2 * math.log(min(alpha if sides == "two" else 2 * alpha, 0.5))
    rho2 = (threshold + math.log1p(threshold)) / tuning
    grown = rows * rho2 + 1
    inner = math.log(math.sqrt(grown) / alpha) if sides == "two" else math.log(1 + math.sqrt(grown) / (2 * alpha))
    half = math.sqrt(variance * rows) * math.sqrt(2 * grown * inner / rho2) / rows
    exponent = rho2 * rows * effect**2 / variance / (2 * grown) if variance > 0 else (math.inf if effect else 0.0)
    towards = sides == "two" or (effect > 0) == (sides == "greater")
    evidence = exponent - math.log(grown) / 2 if towards else 0.0
    return Effect(
        effect=effect,
        error=math.sqrt(variance),
        lower=None if sides == "lesser" else effect - half,
        upper=None if sides == "greater" else effect + half,
        p_value=min(1.0, math.exp(-max(evidence, 0.0))),
    )


def normal_rho(v_opt: float, *, alpha: float = 0.05, one_sided: bool = False) -> float:
    """The variance of the normal mixture that makes its boundary lowest at intrinsic time `v_opt` (Howard et al. 2021)."""
    threshold = -2 * math.log(2 * alpha if one_sided else alpha)
    return v_opt / (threshold + math.log1p(threshold))


def normal_log_mixture(s: float, v: float, rho: float, *, one_sided: bool = False) -> float:
    """Logarithm of the normal mixture supermartingale of a sum `s` at intrinsic time `v`."""
    value = 0.5 * math.log(rho / (v + rho)) + s * s / (2 * (v + rho))
    return value + math.log(2) + float(log_ndtr(s / math.sqrt(v + rho))) if one_sided else value


def normal_bound(v: float, rho: float, *, alpha: float = 0.05, one_sided: bool = False) -> float:
    """The sum that the mixture passes with probability at most alpha, ever."""
    high = math.sqrt((v + rho) * (math.log1p(v / rho) + 2 * math.log(1 / alpha)))
    if not one_sided:
        return high
    return float(brentq(lambda s: normal_log_mixture(s, v, rho, one_sided=True) + math.log(alpha), 0.0, high))


def beta_binomial_log_mixture(s: float, v: float, g: float, h: float, rho: float, *, one_sided: bool = False) -> float:
    """Logarithm of the beta-binomial mixture of a sum of increments in [-g, h] at intrinsic time `v`; `rho` as for the normal mixture."""
    r = max(rho - g * h, 1e-3 * g * h)
    x = h / (g + h) if one_sided else 1.0

    def log_beta(a: float, b: float) -> float:
        return float(betaln(a, b)) + math.log(float(betainc(a, b, x)))

    a, b = r / (g * (g + h)), r / (h * (g + h))
    fixed = v / (g * h) * math.log(g + h) - (v + h * s) / (h * (g + h)) * math.log(g) - (v - g * s) / (g * (g + h)) * math.log(h)
    return fixed + log_beta((r + v - g * s) / (g * (g + h)), (r + v + h * s) / (h * (g + h))) - log_beta(a, b)


def beta_binomial_bound(v: float, g: float, h: float, rho: float, *, alpha: float = 0.05, one_sided: bool = False) -> float:
    """The sum that the mixture passes with probability at most alpha, ever; at most v / g, beyond which no sum can be."""
    most = v / g

    def over(s: float) -> float:
        return beta_binomial_log_mixture(s, v, g, h, rho, one_sided=one_sided) + math.log(alpha)

    inside = most * (1 - 1e-12)
    return float(brentq(over, 0.0, inside, xtol=1e-9)) if over(inside) > 0 else most


def bernoulli_bounds(successes: int, trials: int, *, tuning: int, alpha: float = 0.05) -> tuple[float, float]:
    """Always-valid two-sided bounds of a rate (beta-binomial mixture, Howard et al.), narrowest near `tuning` trials.

    >>> [round(bound, 5) for bound in bernoulli_bounds(700, 1000, tuning=100)]
    [0.65163, 0.74595]
    """
    if trials == 0:
        return 0.0, 1.0

    def over(p: float) -> float:
        spread = p * (1 - p)
        rho = normal_rho(tuning * spread)
        return beta_binomial_log_mixture(successes - trials * p, trials * spread, p, 1 - p, rho) + math.log(alpha)

    share, edge = successes / trials, 1e-9
    lower = 0.0 if successes == 0 or over(edge) <= 0 else float(brentq(over, edge, min(share, 1 - edge), xtol=1e-10))
    upper = 1.0 if successes == trials or over(1 - edge) <= 0 else float(brentq(over, max(share, edge), 1 - edge, xtol=1e-10))
    return lower, upper


def gamma_log_mixture(s: float, v: float, rho: float, c: float, tail: Tail) -> float:
    """Logarithm of the gamma mixture of a sum `s` at intrinsic time `v`, of sub-exponential or sub-Poisson increments of scale `c`.

    `rho` as for the one-sided normal mixture (`normal_rho`).
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
