"""How many false promotions a year may have: the error of one comparison, times how many there are."""

import math
from datetime import timedelta

from flyball.core.window import format_duration
from flyball.spec.records import Spec

YEAR = timedelta(days=365)


def comparisons_a_year(spec: Spec) -> int:
    """How many live comparisons the loop may begin in a year, one after the other.

    They are as far apart as the shortest of `every` and `cooldown`, and no closer than a deadline: a comparison of two equals goes on
    until then. What people train by hand is not counted.
    """
    apart = min(spec.retrain.cooldown, spec.retrain.every or spec.retrain.cooldown)
    return math.ceil(YEAR / max(apart, spec.rollout.deadline))


def pinned_alpha(spec: Spec) -> float:
    """The error of each bound of a comparison that begins now: `alpha`, or less where the budget of a year asks for it.

    >>> pinned_alpha(spec)  # alpha = 0.05, yearly = 0.5, a comparison every 14 days: 27 a year  # doctest: +SKIP
    0.018518518518518517
    """
    rules = spec.rollout
    return rules.alpha if rules.yearly is None else min(rules.alpha, rules.yearly / comparisons_a_year(spec))


def false_promotions(spec: Spec) -> float:
    """How many promotions of versions that are no better (or worse by the margin) a year has on average, at most.

    The mean number of errors is no more than the sum of their probabilities, however the comparisons depend on each other.
    """
    return comparisons_a_year(spec) * pinned_alpha(spec)


def describe_errors(spec: Spec) -> str:
    """The same in a line, for `check`."""
    rules = spec.rollout
    if rules.strategy == "immediate":
        compares = any(check.better or check.not_worse for check in spec.evaluate.gate)
        each = "each of its bounds errs at 5 % a side" if compares else "and it compares nobody with the champion"
        return f"the gate alone promotes, {each}: no budget of a year bounds that"
    worse = f"worse by {rules.margin:g} or more" if rules.margin else "no better"
    number, alpha = comparisons_a_year(spec), pinned_alpha(spec)
    why = f" (alpha {rules.alpha:g} would be too much for yearly = {rules.yearly:g})" if alpha < rules.alpha else ""
    much = f"up to {number} {'comparison' if number == 1 else 'comparisons'} a year of up to {format_duration(rules.deadline)}"
    return (
        f"{much}, each wrong with probability {alpha:.3g} at most{why}: of versions that are {worse}, {false_promotions(spec):.2g} a year "
        "are promoted at most, on average"
    )
