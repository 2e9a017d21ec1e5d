"""Nouns of kept counts: what is counted on whose reference, stretch by stretch, and how far."""

from flyball.core.record import record
from flyball.monitoring.tally import Tally, tally_from_bytes
from flyball.serving.records import Place


@record
class CountKey:
    """Rows of `version`, counted on the cells of the reference of version `against`; `reference` is its digest."""

    version: int
    against: int
    reference: str


@record
class Slot:
    """The counts of the rows of one variant whose event time is in [start, start + length), in microseconds since 1970 UTC."""

    start: int
    length: int
    variant: str
    tally: Tally


@record
class Kept:
    """A slot as it is stored: `content` is what `tally_to_bytes` made of its tally. It is read when needed: four weeks of them are many."""

    start: int
    length: int
    variant: str
    content: bytes

    def tally(self) -> Tally:
        """The tally in it."""
        return tally_from_bytes(self.content)


@record
class Step:
    """What counting the rows from one place to the next adds to a ledger; `after` is None for a ledger that begins."""

    ledger: CountKey
    after: Place | None
    place: Place
    slots: tuple[Slot, ...]
