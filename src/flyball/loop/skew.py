"""From the prediction log and a table to train/serve skew: which rows are on both sides, and how their values compare."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import FlyballError, RefusedError
from flyball.core.record import record
from flyball.core.table import Array, Table
from flyball.core.window import Window
from flyball.data.snapshot import as_text, micros
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.telling.asked import asked_rows
from flyball.loop.world import World
from flyball.monitoring.skew import ColumnSkew, SkewReport, compare_column
from flyball.registry.records import Manifest
from flyball.serving.records import LoggedRows
from flyball.spec.records import DataSpec, Spec

# Predictions looked at, and values of them held in memory at once: the newest.
ROWS = 200_000
CELLS = 4_000_000


@record
class _Served:
    """Predictions of all versions, one row each: where their features are, and by what they are known."""

    parts: Sequence[tuple[LoggedRows, tuple[str, ...]]]
    part: NDArray[np.int64]
    row: NDArray[np.int64]
    at: NDArray[np.int64]
    entity: NDArray[np.object_]
    unit: NDArray[np.object_]
    prediction_id: NDArray[np.object_]
    capped: bool


def skew(world: World, spec: Spec, state: State, memory: Memory, table: Table, *, source: str, window: Window) -> SkewReport:
    """What was served in a window held against the rows of a table, which is past the prepare steps."""
    data = spec.data
    named = data.id is not None and data.id in table
    timed = data.unit is not None and data.time is not None and data.unit in table and data.time in table
    if not named and not timed:
        raise RefusedError(
            "nothing tells which prediction belongs to which row",
            hint="name [data] id, or unit and time, in flyball.toml; and see that the data has these columns",
        )
    served = _served(world, spec, state, memory, window)
    known = _known_rows(table, data, named=named, timed=timed)
    matched, rows, counted = _match(served, known, table, data, named=named)
    columns, only_training = _columns(served, matched, rows, table, spec)
    seen = set().union(*(names for _, names in served.parts)) if served.parts else set()
    return SkewReport(
        model=spec.model.name,
        source=source,
        window=window,
        by="id" if named else "unit and time",
        served=len(served.at),
        capped=served.capped,
        nameless=counted["nameless"],
        repeated=counted["repeated"],
        training=table.rows,
        matched=len(matched),
        unmatched=counted["unmatched"],
        columns=tuple(sorted(columns, key=lambda one: (-one.share, one.column))),
        only_served=tuple(sorted(name for name in seen if name not in table)),
        only_training=only_training,
    )


def _served(world: World, spec: Spec, state: State, memory: Memory, window: Window) -> _Served:
    """The newest predictions of every version, each once: a shadow's features are those of the row that was answered."""
    parts: list[tuple[LoggedRows, tuple[str, ...]]] = []
    cells, capped = CELLS, False
    for version in sorted(state.versions, reverse=True):
        manifest = _manifest(world, state, memory, version)
        width = max(1, len(manifest.schema.columns)) if manifest is not None else 20
        newest = min(ROWS, cells // width)
        if not newest:
            capped = True
            break
        rows = asked_rows(world.predictions, spec.model.name, version, window, newest + 1)
        capped |= len(rows.at) > newest
        if rows.features is None or not len(rows.at):
            continue
        names = tuple(rows.features.columns) if manifest is None else manifest.schema.names
        parts.append((rows, tuple(name for name in names if name in rows.features)))
        cells -= len(rows.at) * width
    sizes = [len(rows.at) for rows, _ in parts]
    part = np.repeat(np.arange(len(parts), dtype=np.int64), sizes)
    row = np.array([number for size in sizes for number in range(size)], dtype=np.int64)
    ids = np.concatenate([rows.prediction_id for rows, _ in parts] or [np.empty(0, dtype=object)])
    once = np.array(sorted({name: at for at, name in reversed(list(enumerate(ids.tolist())))}.values()), dtype=np.int64)

    def gathered(name: str) -> Array:
        return np.concatenate([getattr(rows, name) for rows, _ in parts] or [np.empty(0, dtype=object)])[once]

    return _Served(
        parts=parts,
        part=part[once],
        row=row[once],
        at=gathered("at").astype(np.int64),
        entity=gathered("entity"),
        unit=gathered("unit"),
        prediction_id=ids[once],
        capped=capped,
    )


def _manifest(world: World, state: State, memory: Memory, version: int) -> Manifest | None:
    """What a version reads; None where its bundle is not on this machine, and the log has to say."""
    try:
        return memory.bundle(world.bundles, state.versions[version].registered.bundle)[0]
    except FlyballError:
        return None


def _known_rows(table: Table, data: DataSpec, *, named: bool, timed: bool) -> Mapping[object, list[int]]:
    """The rows of the table by what they are known by: their id as text, else unit and time."""
    keys: list[object]
    if named:
        assert data.id is not None
        keys = list(as_text(table[data.id]).tolist())
    else:
        assert data.unit is not None and data.time is not None and timed
        times = micros(table[data.time]).tolist()
        keys = [None if unit is None else (unit, at) for unit, at in zip(as_text(table[data.unit]).tolist(), times, strict=True)]
    found: dict[object, list[int]] = {}
    for row, key in enumerate(keys):
        if key is not None:
            found.setdefault(key, []).append(row)
    return found


def _match(
    served: _Served, known: Mapping[object, list[int]], table: Table, data: DataSpec, *, named: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], Mapping[str, int]]:
    """Pairs of a prediction and a row of the table. Of an id asked several times the latest counts; of several rows the nearest in time."""
    latest: dict[object, int] = {}
    counted = {"nameless": 0, "repeated": 0, "unmatched": 0}
    order = np.argsort(served.at, kind="stable")
    for place in order.tolist():
        key: object = served.entity[place]
        if not named:
            key = None if served.unit[place] is None else (served.unit[place], int(served.at[place]))
        if key is None:
            counted["nameless"] += 1
            continue
        counted["repeated"] += key in latest
        latest[key] = place
    times = micros(table[data.time]) if data.time is not None and data.time in table and table[data.time].dtype.kind == "M" else None
    pairs = []
    for key, place in latest.items():
        rows = known.get(key)
        if rows is None:
            counted["unmatched"] += 1
        elif times is None or len(rows) == 1:
            pairs.append((place, rows[-1]))
        else:
            pairs.append((place, min(rows, key=lambda row: abs(int(times[row]) - int(served.at[place])))))
    pairs.sort(key=lambda pair: int(served.at[pair[0]]))
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1], counted


def _columns(
    served: _Served, matched: NDArray[np.int64], rows: NDArray[np.int64], table: Table, spec: Spec
) -> tuple[list[ColumnSkew], tuple[str, ...]]:
    """Each column that both sides have, over the predictions of versions that read it; and those that only the training side has."""
    read = {name for _, names in served.parts for name in names}
    features = spec.data.features or tuple(name for name in table.columns if name not in spec.data.roles)
    columns = []
    ids = as_text(table[spec.data.id]) if spec.data.id is not None and spec.data.id in table else served.unit
    for name in [name for name in table.columns if name in read]:
        reads = np.array([name in names for _, names in served.parts], dtype=bool)
        here = reads[served.part[matched]] if len(matched) else np.empty(0, dtype=bool)
        places, where = matched[here], rows[here]
        values = _gathered(served, places, name)
        known = [ids[row] for row in where.tolist()] if ids is not served.unit else [served.unit[place] for place in places.tolist()]
        columns.append(compare_column(name, values, table[name][where], known, served.prediction_id[places].tolist()))
    only = tuple(name for name in features if name not in read) if served.parts else ()
    return columns, only


def _gathered(served: _Served, places: NDArray[np.int64], name: str) -> Array:
    """The values of a column for these predictions: plain numbers where all parts have them, else as they are."""
    parts = served.part[places]
    used = [number for number in range(len(served.parts)) if (parts == number).any()]
    found: list[tuple[NDArray[np.bool_], Array]] = []
    for number in used:
        here = parts == number
        features = served.parts[number][0].features
        assert features is not None
        found.append((here, features[name][served.row[places][here]]))
    plain = bool(found) and all(values.dtype.kind in "fiub" for _, values in found)
    whole: Array = np.full(len(places), np.nan) if plain else np.empty(len(places), dtype=object)
    for here, values in found:
        whole[here] = values
    return whole
