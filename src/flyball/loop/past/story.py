"""Everything that led to a version's standing: its trigger, its price, its gate, and every entry about it, in order. Pure."""

from collections.abc import Sequence

from flyball.core.record import record
from flyball.journal.events import Entry, Registered
from flyball.journal.explain import Told, about, registered
from flyball.loop.past.price import Became, Bought, Training, comparisons_of, standing_of, training_of


@record
class Story:
    """A version's story. `training` None: it was adopted. `told`: every entry that made, judged or moved it, the training included.

    `standing`: what became of it, in a word or three. `comparisons`: what it was worth on live rows, each time it was compared.
    """

    model: str
    version: int
    registered: Registered
    standing: Became
    training: Training | None
    told: tuple[Told, ...]
    comparisons: tuple[Bought, ...]


def story_of(model: str, entries: Sequence[Entry], version: int) -> Story | None:
    """The story of a version; None if there is no such version."""
    made = registered(entries, version)
    if made is None:
        return None
    return Story(
        model=model,
        version=version,
        registered=made,
        standing=standing_of(entries, made),
        training=training_of(entries, version),
        told=tuple(about(entries, version)),
        comparisons=comparisons_of(entries, version),
    )
