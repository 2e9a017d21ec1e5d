"""What guardrails did in servers, in memory."""

import threading
from datetime import datetime

from flyball.adapters.trips import first_trips
from flyball.core.codec import not_finite
from flyball.core.errors import DataError
from flyball.serving.records import Trip


class MemoryGuards:
    """The port `Guards`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trips: dict[tuple[datetime, int, str, str, str], Trip] = {}

    def trip(self, trip: Trip) -> None:
        """Keep it; the same one told again changes nothing."""
        place = not_finite(trip)
        if place is not None:
            raise DataError(f"a guardrail's trip cannot be kept: {place} is not a finite number")
        with self._lock:
            self._trips.setdefault((trip.at, trip.version, trip.guardrail, trip.worker, trip.model), trip)

    def trips(self, model: str, *, since: datetime) -> list[Trip]:
        """Of what was kept with `at` not before a time the first of each version and guardrail, in order of `at`."""
        with self._lock:
            found = sorted(self._trips.items(), key=lambda item: item[0])
        return first_trips([trip for _, trip in found if trip.model == model and trip.at >= since])
