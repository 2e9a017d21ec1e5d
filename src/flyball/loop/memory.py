"""What one process need not compute twice: references of bundles, and the rows of days that are over and matured.

A day that ended at least `age` ago has all its predictions and all the outcomes that may count, so it never changes. A process that
starts afresh reads the same from the log.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

from flyball.core.table import Table, concat
from flyball.core.window import Window
from flyball.data.profile import Reference, reference_from_json, score_columns
from flyball.monitoring.counts import Counter, Counts
from flyball.ports import BundleStore, PredictionLog
from flyball.registry.bundle import read_file, read_manifest
from flyball.registry.records import Manifest
from flyball.serving.records import LoggedRows, Maturity

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Memory:
    """Remembers what cannot change; forgets rows older than `keep`."""

    def __init__(self, *, keep: timedelta = timedelta(days=120)) -> None:
        self._keep = keep
        self._bundles: dict[str, tuple[Manifest, Reference]] = {}
        self._counters: dict[str, Counter] = {}
        self._days: dict[tuple[str, int, datetime, bool], LoggedRows] = {}
        self._counts: dict[tuple[str, str, datetime, datetime], Counts | None] = {}

    def bundle(self, bundles: BundleStore, digest: str) -> tuple[Manifest, Reference]:
        """The manifest and the reference of a bundle, verified when first read."""
        if digest not in self._bundles:
            folder = bundles.path(digest)
            manifest = read_manifest(folder, digest)
            reference = reference_from_json(read_file(folder, manifest, "reference.json"))
            self._bundles[digest], self._counters[digest] = (manifest, reference), Counter(reference)
        return self._bundles[digest]

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

    def counts(self, log: PredictionLog, model: str, version: int, bundle: str, newest: Window, *, windows: int) -> list[Counts]:
        """The counts of a version's rows in `newest` and in up to `windows` - 1 windows of its length before it, the oldest first.

        The windows before it lie on a grid, so that ticks at odd times count the past once. Windows in which the version answered nothing
        are left out. `bundle` must have been asked for with `bundle` before.
        """
        length = newest.length
        edge = _EPOCH + (newest.start - _EPOCH) // length * length
        past = [Window(start=edge - length * (back + 1), end=edge - length * back) for back in range(windows - 1)]
        found = []
        for window in [*reversed(past), newest]:
            key = (model, bundle, window.start, window.end)
            if key in self._counts:
                one = self._counts[key]
            else:
                one = self._count(log.rows(model, version, window, features=True), bundle)
                if window is not newest or newest.start == edge:  # off the grid it is another window at every look
                    self._counts[key] = one
            if one is not None:
                found.append(one)
        for key in [key for key in self._counts if key[3] < newest.start - length * windows]:
            del self._counts[key]
        return found

    def _count(self, rows: LoggedRows, bundle: str) -> Counts | None:
        if rows.features is None or len(rows.at) == 0:
            return None
        manifest, _ = self._bundles[bundle]
        answers = rows.label if manifest.classes else None
        scores = score_columns(rows.score, manifest.outputs or manifest.classes, manifest.schema, answers)
        return self._counters[bundle].count(rows.features, scores)

    def _forget(self, now: datetime) -> None:
        old = [key for key in self._days if key[2] < now - self._keep]
        for key in old:
            del self._days[key]


def join_rows(parts: list[LoggedRows]) -> LoggedRows:
    """The rows of all parts, one after the other."""
    if not parts:
        return no_rows()
    parts = [part for part in parts if len(part.at)] or parts[:1]  # a part without rows does not know how many scores a row has
    if len(parts) == 1:
        return parts[0]
    tables: list[Table] = [part.features for part in parts if part.features is not None]
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
        features=concat(tables) if tables else None,
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
    )
