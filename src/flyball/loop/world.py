"""What a tick is handed: the ports, bound to one project."""

from flyball.core.record import record
from flyball.ports.history import Journal, OutcomeLog, PredictionLog
from flyball.ports.leading import Leases
from flyball.ports.serving import BundleStore, Deployments, Registry
from flyball.ports.training import Executor
from flyball.ports.watching import CountStore, Guards, Looks, Outbox, Reports, Sender, Traffic


@record
class Post:
    """What it takes to tell people: what waits to be told, and who carries it."""

    outbox: Outbox
    sender: Sender


@record
class World:
    """Every port the loop uses. `wiring.py` fills it; tests fill it with the in-memory adapters. `post` None: nobody is told of alerts.
    `leases` None: nobody else acts.
    """

    journal: Journal
    predictions: PredictionLog
    outcomes: OutcomeLog
    deployments: Deployments
    bundles: BundleStore
    registry: Registry
    executor: Executor
    reports: Reports
    looks: Looks
    traffic: Traffic
    counts: CountStore
    guards: Guards
    post: Post | None = None
    leases: Leases | None = None
