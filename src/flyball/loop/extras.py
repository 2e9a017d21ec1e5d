"""What details of performance need beside the rows: the values they are sliced by, and forecasts of losses; read once for each day."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import UnsupportedError
from flyball.core.record import record
from flyball.core.table import Table, concat
from flyball.core.window import Window, from_micros
from flyball.monitoring.estimation import FILE, Estimation, estimation_from_json
from flyball.ports.history import PredictionLog
from flyball.ports.serving import BundleStore
from flyball.registry.bundle import read_file, read_manifest
from flyball.serving.losses import LossForecast, load_losses
from flyball.serving.records import LoggedRows

_DAY = timedelta(days=1)
# Of how many bundles it is remembered how to estimate by them.
_ESTIMATIONS = 12
_MICROS = 86_400_000_000


@record
class Wish:
    """What is wanted of the rows of a version: these features and keys of the context as columns, and forecasts if there are any."""

    model: str
    version: int
    features: tuple[str, ...]
    context: tuple[str, ...]
    forecast: LossForecast | None
    one_in: int = 1

    @property
    def nothing(self) -> bool:
        """True if there is nothing to read."""
        return not self.features and not self.context and self.forecast is None


@record
class Extra:
    """Columns and forecasts of rows."""

    columns: Table
    forecasts: Mapping[str, NDArray[np.float64]]


@record
class _Day:
    at: NDArray[np.int64]
    extra: Extra


class Extras:
    """Remembers the days of what it read; a day that has got more rows is read again."""

    def __init__(self) -> None:
        self._estimations: dict[str, tuple[Estimation | None, LossForecast | None]] = {}
        self._days: dict[tuple[str, int, tuple[str, ...], tuple[str, ...], bool, int, int], _Day] = {}

    def estimation(self, bundles: BundleStore, digest: str) -> tuple[Estimation | None, LossForecast | None]:
        """How to estimate by a bundle; None where it holds nothing for it."""
        if digest in self._estimations:
            self._estimations[digest] = self._estimations.pop(digest)  # the last is the one used last
        else:
            folder = bundles.path(digest)
            manifest = read_manifest(folder, digest)
            try:
                estimation = estimation_from_json(read_file(folder, manifest, FILE)) if FILE in manifest.files else None
                self._estimations[digest] = estimation, load_losses(folder, manifest)
            except UnsupportedError:  # of a newer Flyball: what there is to say without estimates is still said
                self._estimations[digest] = None, None
            for key in list(self._estimations)[:-_ESTIMATIONS]:
                del self._estimations[key]
        return self._estimations[digest]

    def of(self, log: PredictionLog, wish: Wish, rows: LoggedRows) -> Extra:
        """What is wished for of these rows, which are all rows (or one in so many) of the version between the first and the last."""
        names = (*wish.features, *wish.context)
        if wish.nothing or not len(rows.at):
            return Extra(columns=Table({name: np.empty(0, dtype=object) for name in names}), forecasts={})
        parts = []
        starts = np.flatnonzero(np.diff(rows.day, prepend=rows.day[0] - 1))
        for start, end in zip(starts, [*starts[1:], len(rows.at)], strict=True):
            parts.append(self._of_day(log, wish, rows.at[start:end], int(rows.day[start])))
        forecasts = {loss: np.concatenate([part.forecasts[loss] for part in parts]) for loss in parts[0].forecasts}
        return Extra(columns=concat([part.columns for part in parts]), forecasts=forecasts)

    def forget(self, before: int) -> None:
        """Let go of the days (since 1970) before this one."""
        for key in [key for key in self._days if key[-1] < before]:
            del self._days[key]

    def _of_day(self, log: PredictionLog, wish: Wish, at: NDArray[np.int64], day: int) -> Extra:
        key = (wish.model, wish.version, wish.features, wish.context, wish.forecast is None, wish.one_in, day)
        known = self._days.get(key)
        if known is None or not _holds(known.at, at):
            known = self._days[key] = _read(log, wish, day)
        inside = slice(*np.searchsorted(known.at, [at[0], at[-1] + 1]))
        if not _holds(known.at, at):  # somebody ingests at this moment: what is missing here is missing, for once
            return _lacking(wish, len(at))
        return Extra(
            columns=known.extra.columns.take(inside), forecasts={loss: values[inside] for loss, values in known.extra.forecasts.items()}
        )


def _holds(known: NDArray[np.int64], at: NDArray[np.int64]) -> bool:
    first, end = np.searchsorted(known, [at[0], at[-1] + 1])
    return bool(end - first == len(at) and np.array_equal(known[first:end], at))


def _read(log: PredictionLog, wish: Wish, day: int) -> _Day:
    start = from_micros(day * _MICROS)
    wanted = bool(wish.features) or wish.forecast is not None
    rows = log.rows(
        wish.model, wish.version, Window(start=start, end=start + _DAY), features=wanted, context=wish.context, one_in=wish.one_in
    )
    features = rows.features if rows.features is not None else Table({})
    columns = {name: _objects(features, name, len(rows.at)) for name in wish.features}
    if rows.context is not None:
        columns |= rows.context.columns
    forecasts = {} if wish.forecast is None else wish.forecast(features, rows.score)
    return _Day(at=rows.at, extra=Extra(columns=Table(columns), forecasts=forecasts))


def _objects(features: Table, name: str, rows: int) -> NDArray[np.object_]:
    """One type for all days: a day may know a column only as missing."""
    return features[name].astype(object) if name in features else np.full(rows, None, dtype=object)


def _lacking(wish: Wish, rows: int) -> Extra:
    names: Sequence[str] = (*wish.features, *wish.context)
    forecasts = {} if wish.forecast is None else {loss: np.full(rows, np.nan) for loss in ("absolute_error", "squared_error")}
    return Extra(columns=Table({name: np.full(rows, None, dtype=object) for name in names}), forecasts=forecasts)
