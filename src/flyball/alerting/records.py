"""Nouns of alerting: an alert with a stable key, firing or resolved."""

from flyball.core.reason import Reason
from flyball.core.record import record


@record
class Alert:
    """Something is certainly wrong. `key` is stable while it stays wrong, such as `drift:temp` or `performance:brier`."""

    key: str
    reason: Reason
