"""What a tick is handed: the ports, bound to one project."""

from flyball.core.record import record
from flyball.ports import BundleStore, CountStore, Deployments, Executor, Journal, OutcomeLog, PredictionLog, Registry, Reports


@record
class World:
    """Every port the loop uses. `wiring.py` fills it; tests fill it with the in-memory adapters."""

    journal: Journal
    predictions: PredictionLog
    outcomes: OutcomeLog
    deployments: Deployments
    bundles: BundleStore
    registry: Registry
    executor: Executor
    reports: Reports
    counts: CountStore
