"""What a training is handed: the ports it uses, bound to one project."""

from flyball.core.record import record
from flyball.ports import BundleStore, Journal, PredictionLog, Registry, Snapshots, Tracker, Trainer, Workspace
from flyball.registry.signing import SigningKey


@record
class Workshop:
    """Every port of a training. `trainer` is good for one training: it is closed at the end."""

    journal: Journal
    predictions: PredictionLog
    bundles: BundleStore
    registry: Registry
    trainer: Trainer
    snapshots: Snapshots
    tracker: Tracker
    workspace: Workspace
    key: SigningKey
