"""What a spec may name beside the project: a warehouse to fetch from, and who else is told. Each is imported when it is named."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.ports.training import Lineage, Tracker
from flyball.spec.records import Spec
from flyball.words.sentences import Language, sentence

if TYPE_CHECKING:
    from flyball.adapters.cloudevents.listener import CloudEvents

Secret = Callable[[str], str]
Say = Callable[[str], None]


def mirrored(tracker: Tracker, spec: Spec, *, say: Say) -> Tracker:
    """The tracker, with Weights & Biases told as well where the spec names a project there."""
    if not spec.track.wandb:
        return tracker
    from flyball.adapters.wandb.tracker import MirroredTracker

    return MirroredTracker(tracker, spec.track.wandb, spec.folder, say=say)


def lineage(spec: Spec, *, secret: Secret, clock: Callable[[], datetime], say: Say) -> Lineage | None:
    """Who follows which data made which model; None where the spec names nobody."""
    if not spec.track.lineage:
        return None
    from flyball.adapters.openlineage.lineage import OpenLineage

    return OpenLineage(spec, secret=secret, clock=clock, say=say)


def listener(folder: Path, language: Language, *, secret: Secret) -> "CloudEvents":
    """Who tells other systems of the journal."""
    from flyball.adapters.cloudevents.listener import CloudEvents

    return CloudEvents(folder=folder, secret=secret, sentence=partial(sentence, language=language))


def fetched(spec: Spec, *, secret: Secret, say: Say) -> None:
    """Bring the rows of the spec's query into the project's folder."""
    from flyball.adapters.warehouse.fetch import fetch

    fetch(spec, secret=secret, say=say)
