"""How probable it is that one arm is the better one, what choosing it risks, and the share a bandit gives it for that."""

import math

from scipy.special import betaln, ndtr, ndtri

from flyball.core.record import record
from flyball.stats.significance import Difference, Sample, effect_of


def beta_superiority(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The probability that a rate with the posterior Beta(*b) is higher than one with Beta(*a).

    Summed for a whole first parameter (Miller, "Formulas for Bayesian A/B testing"), else integrated.

    >>> round(beta_superiority((11, 91), (21, 81)), 6)
    0.975173
    """
    if b[0] == round(b[0]) and b[0] <= 10_000:
        return _summed(a, b)
    if a[0] == round(a[0]) and a[0] <= 10_000:
        return 1.0 - _summed(b, a)
    return _integrated(a, b)


@record
class Posterior:
    """What is believed of an effect: normal, with central 1 - alpha bounds. `chance`: that it is above 0.

    `risk_control`: what is lost on average by staying with the control if the other is better; `risk_treatment`: by changing.
    """

    mean: float
    deviation: float
    lower: float
    upper: float
    chance: float
    risk_control: float
    risk_treatment: float


def posterior(effect: float, error: float, *, prior: tuple[float, float] | None = None, alpha: float = 0.05) -> Posterior:
    """The posterior of an effect with this standard error. `prior`: mean and variance; None: nothing is known before."""
    mean, deviation = effect, error
    if prior is not None:
        precision = 1 / error**2 + 1 / prior[1]
        mean, deviation = (effect / error**2 + prior[0] / prior[1]) / precision, precision**-0.5
    half = float(ndtri(1 - alpha / 2)) * deviation
    gain = _expected_gain(mean, deviation)
    return Posterior(
        mean=mean,
        deviation=deviation,
        lower=mean - half,
        upper=mean + half,
        chance=float(ndtr(mean / deviation)),
        risk_control=gain,
        risk_treatment=gain - mean,
    )


def compare(a: Sample, b: Sample, *, difference: Difference = "relative", prior: tuple[float, float] | None = None) -> Posterior:
    """The posterior of b against a."""
    effect, variance = effect_of(a, b, difference)
    return posterior(effect, math.sqrt(variance), prior=prior)


def thompson_share(preferred: float, floor: float) -> float:
    """The challenger's share under Thompson sampling: as probable as it is the better one, but for a floor that each arm keeps.

    The floor is added, it is no limit: the share still moves where one arm is nearly certain. `preferred` in [0, 1], `floor` in [0, .5].

    >>> thompson_share(1.0, 0.1), thompson_share(0.5, 0.1)
    (0.9, 0.5)
    """
    return floor + (1 - 2 * floor) * preferred


def _expected_gain(mean: float, deviation: float) -> float:
    """The mean of the positive part of a normal."""
    z = mean / deviation
    return mean * float(ndtr(z)) + deviation * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _summed(a: tuple[float, float], b: tuple[float, float]) -> float:
    total = 0.0
    for i in range(round(b[0])):
        total += math.exp(float(betaln(a[0] + i, b[1] + a[1])) - math.log(b[1] + i) - float(betaln(1 + i, b[1])) - float(betaln(*a)))
    return min(total, 1.0)


def _integrated(a: tuple[float, float], b: tuple[float, float]) -> float:
    from scipy.integrate import quad
    from scipy.special import betainc

    def density(x: float) -> float:
        log = (b[0] - 1) * math.log(x) + (b[1] - 1) * math.log1p(-x) - float(betaln(*b))
        return float(betainc(a[0], a[1], x)) * math.exp(log)

    centre = b[0] / sum(b)
    wide = 12 * math.sqrt(centre * (1 - centre) / (sum(b) + 1))
    low, high = max(centre - wide, 1e-12), min(centre + wide, 1 - 1e-12)
    return min(float(quad(density, low, high, points=[centre], limit=200)[0]), 1.0)
