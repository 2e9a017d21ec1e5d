"""The floor of performance: where it lies, and at which level an alarm about it stands that is looked at every day."""

from collections.abc import Mapping

from flyball.stats.scores import METRICS

# The error of an alarm is shared over the looks of so many days.
HORIZON_DAYS = 180
_ALPHA = 0.05
# So many looks count while a window slides over its own length; bench/floor_level.py measures that they are enough.
_LOOKS_A_WINDOW = 5


def floor_value(bound: float, drop: float, metric: str) -> float:
    """What the metric must not certainly be beyond: worse than the held-out bound by `drop`."""
    return bound - drop if rising(metric) else bound + drop


def held_out_bound(lower: Mapping[str, float], upper: Mapping[str, float], metric: str) -> float | None:
    """The held-out bound a floor is measured from, the one on the worse side; None if it was not measured."""
    return (lower if rising(metric) else upper).get(metric)


def beyond(value: float, floor: float, metric: str) -> bool:
    """Whether a value is worse than the floor."""
    return value < floor if rising(metric) else value > floor


def rising(metric: str) -> bool:
    """Whether more of the metric is better."""
    return METRICS[metric].direction == "higher"


def alarm_level(days: int | None) -> float:
    """The level of one look at a window of so many days with rows, so that looks on 180 days together err in 5 %.

    Windows that overlap are nearly the same evidence: 180 days hold 180 / days windows that share nothing, and each is counted five times
    for those in between, never more than the looks there are (then it is Bonferroni's bound). Looks within one day see the same days.
    None: blocks are no days, so that nothing is known of what windows share.
    """
    looks = HORIZON_DAYS if not days else min(HORIZON_DAYS, _LOOKS_A_WINDOW * (1 + HORIZON_DAYS / days))
    return _ALPHA / looks
