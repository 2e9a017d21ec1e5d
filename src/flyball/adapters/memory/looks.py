"""When the loop looked, in memory."""

from datetime import datetime


class MemoryLooks:
    """The port `Looks`."""

    def __init__(self) -> None:
        self._looks: dict[str, list[datetime]] = {}

    def looked(self, model: str, at: datetime) -> None:
        """Remember that the loop looked at a model then."""
        self._looks[model] = sorted({*self._looks.get(model, []), at})[-10:]

    def looks(self, model: str) -> list[datetime]:
        """When the loop looked last: the ten newest times, in order of time."""
        return list(self._looks.get(model, []))
