"""What one process need not compute twice: references of bundles, and the rows of days that are over and matured.

A day that ended at least `age` ago has all its predictions and all the outcomes that may count, so it never changes. A process that
starts afresh reads the same from the log.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from flyball.core.table import Table, concat
from flyball.core.window import Window
from flyball.data.profile import REFERENCE_FILE, Reference, reference_from_json
from flyball.loop.extras import Extras
from flyball.monitoring.counts import Counter
from flyball.monitoring.yardstick import Yardstick
from flyball.ports.history import PredictionLog
from flyball.ports.serving import BundleStore
from flyball.registry.bundle import read_file, read_manifest
from flyball.registry.records import Manifest
from flyball.serving.records import LoggedRows, Maturity

T = TypeVar("T", bound=np.generic)

_DAY = timedelta(days=1)
# Counters remembered: a look at one version needs three, and their lookups are large. A loop that trains for years must not keep them all.
_COUNTERS = 12
# References prepared for looks: the champion, a challenger and a shadow are looked at in turn; with very many columns each takes room.
_YARDSTICKS = 3
# Bundles remembered: those a look may need, and some more.
_BUNDLES = 12
# So long after its end a day has all its predictions.
_LATE = timedelta(hours=6)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Memory:
    """Remembers what cannot change; forgets rows older than `keep`."""

    def __init__(self, *, keep: timedelta = timedelta(days=120)) -> None:
        self._keep = keep
        self.extras = Extras()
        self._bundles: dict[str, tuple[Manifest, Reference]] = {}
        self._counters: dict[tuple[str, str], Counter] = {}
        self._yardsticks: dict[tuple[str, tuple[str, ...]], Yardstick] = {}
        self._days: dict[tuple[str, int, datetime, bool], LoggedRows] = {}
        self._asked: dict[tuple[str, int, datetime], LoggedRows] = {}

    def bundle(self, bundles: BundleStore, digest: str) -> tuple[Manifest, Reference]:
        """The manifest and the reference of a bundle, verified when first read."""
        found = self._bundles.pop(digest, None)
        if found is None:
            folder = bundles.path(digest)
            manifest = read_manifest(folder, digest)
            reference = reference_from_json(read_file(folder, manifest, REFERENCE_FILE))
            found = manifest, reference
        self._bundles[digest] = found  # the last is the one used last
        for key in list(self._bundles)[:-_BUNDLES]:
            del self._bundles[key]
        return found

    def matured(
        self,
        log: PredictionLog,
        model: str,
        version: int,
        window: Window,
        maturity: Maturity,
        *,
        whole: bool = False,
        compared: bool = False,
    ) -> LoggedRows:
        """The matured rows of a version in a window, without features; with `whole`, only of days that are matured to their end.

        With `compared`, without those that belong to no comparison.
        """
        self._forget(window.end)
        parts = []
        for day in window.days():
            key = (model, version, day.start, compared)
            midnight = _EPOCH + ((day.start - _EPOCH) // _DAY + 1) * _DAY
            complete = midnight + maturity.age <= maturity.by and day.end == midnight
            if not complete:
                if not whole and day.start + maturity.age <= maturity.by:
                    parts.append(log.rows(model, version, day, maturity=maturity, compared=compared))
                continue
            # the odd first day of a sliding window is another one at every look; without an age an outcome may come at any time
            if day.length != _DAY or not maturity.age:
                parts.append(log.rows(model, version, day, maturity=maturity, compared=compared))
                continue
            if key not in self._days:
                self._days[key] = log.rows(model, version, day, maturity=maturity, compared=compared)
            parts.append(self._days[key])
        return join_rows(parts)

    def asked(self, log: PredictionLog, model: str, version: int, window: Window) -> LoggedRows:
        """All rows of a version in a window that may belong to an arm, matured or not, without features.

        A day that is over for some hours has all its predictions; what is logged later is seen when it matures.
        """
        parts = []
        for day in window.days():
            key = (model, version, day.start)
            if key in self._asked and day.length == _DAY:
                parts.append(self._asked[key])
                continue
            rows = log.rows(model, version, day, compared=True)
            if day.length == _DAY and day.end + _LATE <= window.end:
                self._asked[key] = rows
            parts.append(rows)
        return join_rows(parts)

    def counter(self, bundles: BundleStore, own: str, against: str) -> Counter:
        """What counts rows of the version of bundle `own` on the reference of `against`: of its columns those that both references have.

        A column that the newer version no longer reads is not missing from its rows, it is not asked for.
        """
        found = self._counters.pop((own, against), None)
        if found is None:
            (_, mine), (_, theirs) = self.bundle(bundles, own), self.bundle(bundles, against)
            found = Counter(theirs, columns=None if own == against else mine.columns)
        self._counters[own, against] = found  # the last is the one used last
        for key in list(self._counters)[:-_COUNTERS]:
            del self._counters[key]
        return found

    def yardstick(self, bundles: BundleStore, digest: str, ignore: Collection[str]) -> Yardstick:
        """The reference of a bundle prepared for looks, without the columns that are not watched: it costs more than a look."""
        key = digest, tuple(sorted(ignore))
        found = self._yardsticks.pop(key, None)
        if found is None:
            found = Yardstick(self.bundle(bundles, digest)[1], ignore)
        self._yardsticks[key] = found  # the last is the one used last
        for old in list(self._yardsticks)[:-_YARDSTICKS]:
            del self._yardsticks[old]
        return found

    def _forget(self, now: datetime) -> None:
        old = [key for key in self._days if key[2] < now - self._keep]
        for key in old:
            del self._days[key]
        for asked in [key for key in self._asked if key[2] < now - self._keep]:
            del self._asked[asked]


def join_rows(parts: list[LoggedRows]) -> LoggedRows:
    """The rows of all parts, one after the other."""
    if not parts:
        return no_rows()
    parts = [part for part in parts if len(part.at)] or parts[:1]  # a part without rows does not know how many scores a row has
    if len(parts) == 1:
        return parts[0]
    return LoggedRows(
        prediction_id=np.concatenate([part.prediction_id for part in parts]),
        at=np.concatenate([part.at for part in parts]),
        day=np.concatenate([part.day for part in parts]),
        unit=np.concatenate([part.unit for part in parts]),
        entity=np.concatenate([part.entity for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        actual=np.concatenate([part.actual for part in parts]),
        outcome_at=np.concatenate([part.outcome_at for part in parts]),
        features=_tables([part.features for part in parts]),
        made_at=_arrays([part.made_at for part in parts]),
        context=_tables([part.context for part in parts]),
        bare=_arrays([part.bare for part in parts]),
        variant=_arrays([part.variant for part in parts]),
        propensity=_arrays([part.propensity for part in parts]),
        value=_arrays([part.value for part in parts]),
        version=_arrays([part.version for part in parts]),
    )


def no_rows() -> LoggedRows:
    """Nothing logged."""
    texts = np.empty(0, dtype=object)
    whole = np.empty(0, dtype=np.int64)
    return LoggedRows(
        prediction_id=texts,
        at=whole,
        day=whole,
        unit=texts,
        entity=texts,
        label=texts,
        score=np.empty(0),
        actual=texts,
        outcome_at=whole,
        features=None,
        variant=texts,
        propensity=np.empty(0),
        value=np.empty(0),
    )


def _arrays(parts: list[NDArray[T] | None]) -> NDArray[T] | None:
    """The parts one after the other; None unless every part is there."""
    found = [part for part in parts if part is not None]
    return np.concatenate(found) if len(found) == len(parts) else None


def _tables(parts: list[Table | None]) -> Table | None:
    found = [part for part in parts if part is not None]
    return concat(found) if len(found) == len(parts) else None
