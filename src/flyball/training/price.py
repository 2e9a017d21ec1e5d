"""What a training costs in money: what it took, times what `[train] price` says an hour of it costs."""

from collections.abc import Mapping
from datetime import timedelta

from flyball.spec.records import Spec

_HOUR = timedelta(hours=1).total_seconds()


def money_of(cost: Mapping[str, float], spec: Spec) -> float | None:
    """The price of a training that took `seconds` on the clock and `cpu_seconds` of its processes; None where no price is known.

    Cores and devices that `[train] resources` asks for are paid for as long as the training lasts; without `cpu` there, what the
    processors really worked. What another system trains costs what that system says.
    """
    price, resources = spec.price, spec.resources
    if not (price.cpu or price.gpu) or spec.train.external is not None or "seconds" not in cost:
        return None
    hours = cost["seconds"] / _HOUR
    cores = resources.cpu * hours if resources.cpu is not None else cost.get("cpu_seconds", 0.0) / _HOUR
    return round(price.cpu * cores + price.gpu * resources.gpu * hours, 6)
