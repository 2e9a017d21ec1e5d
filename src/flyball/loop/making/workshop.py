"""What a training is handed: the ports it uses, bound to one project."""

from collections.abc import Callable

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.ports.history import Journal, PredictionLog
from flyball.ports.serving import BundleStore, Registry
from flyball.ports.training import Elsewhere, Snapshots, Tracker, Trainer, Workspace
from flyball.registry.signing import SigningKey
from flyball.words.sentences import sentence


@record
class Workshop:
    """Every port of a training. `trainer` is good for one training: it is closed at the end. `elsewhere` is asked where the spec says that
    another system trains.

    `sentence` puts reasons into the words of whoever reads the model card and the messages about the data.
    """

    journal: Journal
    predictions: PredictionLog
    bundles: BundleStore
    registry: Registry
    trainer: Trainer
    snapshots: Snapshots
    tracker: Tracker
    workspace: Workspace
    key: SigningKey
    sentence: Callable[[Reason], str] = sentence
    elsewhere: Elsewhere | None = None
