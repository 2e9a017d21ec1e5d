"""Logged predictions between rows and columns: what every prediction log does the same way, whatever it stores them in."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import DataError
from flyball.core.table import Array, Table
from flyball.core.window import to_micros
from flyball.serving.records import Arrived, Label, LoggedRows, Maturity, Place, PredictionBatch

MICROS_PER_DAY = 86_400_000_000

NOT_SHARED_OUT = ("pinned", "holdback", "override")
"""Variants of rows whose version nobody chose between versions: they are part of no comparison."""

Features = Sequence[Label | None]


def check_batch(batch: PredictionBatch) -> None:
    """DataError if the columns of a batch differ in length or a row has another number of features than there are names."""
    lengths = {name: len(getattr(batch, name)) for name in _COLUMNS}
    if batch.propensity:
        lengths["propensity"] = len(batch.propensity)
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns of a batch of predictions differ in length: {lengths}")
    width = len(batch.feature_names)
    for number, values in enumerate(batch.features):
        if values is not None and len(values) != width:
            raise DataError(f"prediction {batch.prediction_id[number]} has {len(values)} features, its contract {width}")


def logged_rows(
    columns: Sequence[Sequence[object]],
    features: Table | None = None,
    *,
    maturity: Maturity | None = None,
    made_at: Sequence[int] | None = None,
    context: Table | None = None,
    bare: Sequence[bool] | None = None,
    arms: Sequence[Sequence[Any]] | None = None,
    version: Sequence[int] | None = None,
) -> LoggedRows:
    """LoggedRows from eight columns: prediction_id, at, unit, entity, label, score, actual, outcome_at (None: no outcome).

    `arms`: three more, variant, propensity and value (None where there is none). With `maturity`, an outcome counts that was known by
    event time + age; with the age 0, whenever it was known by `by`.
    """
    ids, at, unit, entity, label, score, actual, outcome_at = columns if columns else ((),) * 8
    times = np.array(at, dtype=np.int64)
    known = np.array([0 if value is None else value for value in outcome_at], dtype=np.int64)
    actuals = objects(actual)
    variant, propensity, value = (None, None, None) if arms is None else _arms(arms)
    if maturity is not None and len(times):
        late = known > (times + micros(maturity.age) if maturity.age else to_micros(maturity.by))
        actuals[late] = None
        known[late] = 0
        if value is not None:
            value[late] = np.nan
    return LoggedRows(
        prediction_id=objects(ids),
        at=times,
        day=times // MICROS_PER_DAY,
        unit=objects(unit),
        entity=objects(entity),
        label=objects(label),
        score=_scores(score),
        actual=actuals,
        outcome_at=known,
        features=features,
        made_at=None if made_at is None else np.array(made_at, dtype=np.int64),
        context=context,
        bare=None if bare is None else np.array(bare, dtype=np.bool_),
        variant=variant,
        propensity=propensity,
        value=value,
        version=None if version is None else np.array(version, dtype=np.int64),
    )


def arrived(
    at: Sequence[int],
    label: Sequence[Label],
    score: Sequence[Any],
    role: Sequence[tuple[str, str]],
    contracts: Sequence[int],
    features: Sequence[Features | None],
    names: Mapping[int, Sequence[str]],
    *,
    place: Place,
    more: bool,
) -> Arrived:
    """Arrived rows from columns; `role`: variant and worker of each, `contracts` and `names` as in `feature_table`."""
    return Arrived(
        at=np.array(at, dtype=np.int64),
        label=objects(label),
        score=_scores(score),
        variant=objects(["elsewhere" if worker.startswith("elsewhere") else variant for variant, worker in role]),
        known=np.array([row is not None for row in features], dtype=np.bool_),
        features=feature_table(contracts, features, names),
        place=place,
        more=more,
    )


def matured_until(maturity: Maturity) -> int:
    """The latest event time (microseconds) that is old enough."""
    return to_micros(maturity.by) - micros(maturity.age)


def micros(span: timedelta) -> int:
    """A duration in microseconds, exactly."""
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def feature_table(contracts: Sequence[int], rows: Iterable[Features | None], names: Mapping[int, Sequence[str]]) -> Table:
    """The features of rows as typed columns; `contracts` says for each row which of `names` its values follow.

    A row without features, or whose contract lacks a column, has missing values there.
    """
    columns: dict[str, list[Label | None]] = {name: [] for contract in sorted(set(contracts)) for name in names[contract]}
    source = iter(rows)
    for start in range(0, len(contracts), _PART):
        part = contracts[start : start + _PART]
        values = list(islice(source, len(part)))
        own = names[part[0]]
        if len(own) == len(columns) and set(part) == {part[0]} and None not in values:
            for name, column in zip(own, zip(*values, strict=True), strict=True):
                columns[name].extend(column)
        else:
            for contract, row in zip(part, values, strict=True):
                held = {} if row is None else dict(zip(names[contract], row, strict=True))
                for name, cells in columns.items():
                    cells.append(held.get(name))
    return Table({name: typed(cells) for name, cells in columns.items()})


def context_table(rows: Iterable[Mapping[str, Label | None]], keys: Sequence[str]) -> Table | None:
    """These keys of the contexts of rows as columns of objects, missing as None; None without keys."""
    if not keys:
        return None
    held = list(rows)
    return Table({key: objects([row.get(key) for row in held]) for key in dict.fromkeys(keys)})


def transposed(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows to columns, a part at a time: one `zip` over hundreds of thousands of rows leaves every cache of the processor."""
    columns: list[list[Any]] = [[] for _ in range(width)]
    for start in range(0, len(rows), _PART):
        for column, values in zip(columns, zip(*rows[start : start + _PART], strict=True), strict=True):
            column.extend(values)
    return columns


def typed(values: Sequence[Label | None]) -> Array:
    """One column: numbers float64 (missing NaN), booleans bool (float64 if some are missing), anything with text object (missing None)."""
    kinds = set(map(type, values))
    if kinds == {bool}:
        return np.array(values, dtype=np.bool_)
    if str in kinds or kinds <= {type(None)}:
        return objects(values)
    return np.array(values, dtype=np.float64)


def objects(values: Sequence[object]) -> NDArray[np.object_]:
    """An object array of exactly these values, one per place (numpy would turn rows of equal length into a matrix)."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _arms(columns: Sequence[Sequence[Any]]) -> tuple[NDArray[np.object_], NDArray[np.float64], NDArray[np.float64]]:
    variant, propensity, value = columns if columns else ((),) * 3
    return objects(variant), np.array(propensity, dtype=np.float64), np.array(value, dtype=np.float64)


def _scores(values: Sequence[Any]) -> NDArray[np.float64]:
    """One number per row, or one row of numbers each; where versions differ in their number of classes, short rows end in NaN."""
    widths = {len(value) if isinstance(value, Sequence) else 1 for value in values} if any(isinstance(v, Sequence) for v in values) else {1}
    if len(widths) <= 1:
        return np.array(values, dtype=np.float64)
    matrix = np.full((len(values), max(widths)), np.nan)
    for row, value in enumerate(values):
        cells = value if isinstance(value, Sequence) else [value]
        matrix[row, : len(cells)] = cells
    return matrix


_PART = 1000
_COLUMNS = (
    "prediction_id",
    "version",
    "variant",
    "shadow",
    "at",
    "made_at",
    "unit",
    "entity",
    "client_id",
    "label",
    "score",
    "features",
    "context",
)
