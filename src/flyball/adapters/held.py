"""What a database holds, in numbers, for `flyball db status`."""

from datetime import datetime

from flyball.core.record import record


@record
class Held:
    """A database at a glance. `version` and `needs`: of its tables, and what this Flyball works with; 0: there are none.

    `predictions` is about right where there are very many. `oldest` and `newest`: event times, to the day where rows lie in partitions of
    days, of which there are `days`; `rest` rows lie in none. `size`: bytes on the disk.
    """

    kind: str
    place: str
    version: int
    needs: int
    predictions: int = 0
    outcomes: int = 0
    entries: int = 0
    bundles: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    days: int = 0
    rest: int = 0
    size: int = 0

    @property
    def ready(self) -> bool:
        """Whether the other verbs can work with it."""
        return self.version == self.needs
