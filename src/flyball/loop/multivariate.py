"""One look at all columns together, when somebody asks: the rows a version was trained on, restored, against those it met lately."""

from collections.abc import Callable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from flyball.core.errors import IntegrityError, NotFoundError
from flyball.core.reason import because
from flyball.core.schema import Schema
from flyball.core.table import Table
from flyball.core.window import Window
from flyball.data.cells import NumberCells
from flyball.data.records import Snapshot
from flyball.data.split import blocks_of
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.texts import Embed, Looks, looks_of, text_columns, texts_found, with_looks
from flyball.loop.world import World
from flyball.monitoring.multivariate import (
    LEAST_DAYS,
    MOST_ROWS,
    DomainFound,
    MultivariateFound,
    VectorFound,
    domain_found,
    nothing_said,
    too_few,
    vector_found,
)
from flyball.ports.training import Snapshots
from flyball.registry.records import Lineage
from flyball.serving.records import LoggedRows
from flyball.spec.records import Spec

Codes = NDArray[np.int64]
# (before, now, schema, day of each row) → how much each row looks like `now`, and what each column counted for.
TellApart = Callable[[Table, Table, Schema, Codes], tuple[NDArray[np.float64], dict[str, float]]]

_LONGEST = timedelta(days=28)


def multivariate(
    world: World,
    snapshots: Snapshots,
    tell_apart: TellApart,
    embed: Embed,
    spec: Spec,
    state: State,
    version: int,
    memory: Memory,
    *,
    now: datetime,
) -> MultivariateFound:
    """What of the version's recent rows, all columns together, is not as it was in its training.

    Recent: the monitor's window, but at least so many days that something can be said of them. Nothing is saved.
    """
    length = min(max(spec.monitor.window, timedelta(days=LEAST_DAYS + 2)), _LONGEST)
    window = Window(start=now - length, end=now)
    manifest, reference = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    schema = _watched(manifest.schema, spec)
    logged = world.predictions.rows(spec.model.name, version, window, features=True)
    recent = logged.features if logged.features is not None else Table({})
    before = _restored(snapshots, manifest.lineage, schema)
    if before is None:
        reason = because("multivariate.no_rows_kept", version=version)
        domain = nothing_said(reason, (0, recent.rows), (0, len(np.unique(logged.day))))
        return MultivariateFound(window=window, version=version, domain=domain, vectors={})
    generator = np.random.default_rng(version)
    old, new = _some(before.rows, generator), _some(recent.rows, generator)
    days = blocks_of(before, spec.data)[old], _blocks(logged, spec)[new]
    timed = spec.data.time is not None
    past, fresh = before.take(old), recent.take(new)
    vectors = {name: _vector(name, pattern, past, fresh, schema, days, timed=timed) for name, pattern in spec.monitor.embeddings.items()}
    texts = text_columns(schema, reference, past)
    looks = looks_of(texts, past, fresh, days[0])
    moved, notes = texts_found(texts, looks, past, fresh, days, manifest.schema, version, embed, timed=timed)
    return MultivariateFound(
        window=window,
        version=version,
        domain=_domain(past, fresh, schema, days, tell_apart, looks, timed=timed),
        vectors={**moved, **vectors},
        notes=tuple(notes),
    )


def _blocks(logged: LoggedRows, spec: Spec) -> Codes:
    """What hangs together among recent rows, as in those of the training: a day, a unit where units repeat, or a row."""
    if spec.data.time is not None:
        return logged.day
    if spec.data.unit is not None:
        units, number = np.unique([str(unit) for unit in logged.unit.tolist()], return_inverse=True)
        if len(units) < len(logged.unit):
            return number.astype(np.int64)
    return np.arange(len(logged.at), dtype=np.int64)


def _domain(
    past: Table, fresh: Table, schema: Schema, days: tuple[Codes, Codes], tell_apart: TellApart, looks: Looks, *, timed: bool
) -> DomainFound:
    rows, seen = (past.rows, fresh.rows), (len(np.unique(days[0])), len(np.unique(days[1])))
    few = too_few(rows, seen, timed=timed)
    if few is not None:
        return nothing_said(few, rows, seen)
    recent = np.arange(sum(rows)) >= past.rows
    # A day of the training that was also served is another block on the other side.
    day = np.unique(np.concatenate([days[0] * 2, days[1] * 2 + 1]), return_inverse=True)[1].astype(np.int64)
    score, columns = tell_apart(*with_looks(looks, past, fresh, schema), day)
    return domain_found(recent, score, day, columns)


def _vector(name: str, pattern: str, past: Table, fresh: Table, schema: Schema, days: tuple[Codes, Codes], *, timed: bool) -> VectorFound:
    columns = [column.name for column in schema.columns if column.kind != "category" and fnmatchcase(column.name, pattern)]
    before, now = (_matrix(table, columns) for table in (past, fresh))
    return vector_found(name, columns, before, now, *days, timed=timed)


def _matrix(table: Table, columns: list[str]) -> NDArray[np.float64]:
    if not table.rows or not columns:
        return np.empty((0, len(columns)))
    return np.column_stack([NumberCells.as_numbers(table[name])[0] for name in columns])


def _watched(schema: Schema, spec: Spec) -> Schema:
    return Schema(columns=tuple(column for column in schema.columns if column.name not in spec.monitor.ignore))


def _restored(snapshots: Snapshots, lineage: Lineage, schema: Schema) -> Table | None:
    """The rows of the training, by what the bundle says of them; None where they are not kept, or were an adopted model's."""
    if not lineage.dvc_md5:
        return None
    named = Snapshot(
        digest=lineage.snapshot,
        dvc_md5=lineage.dvc_md5,
        path="",  # wherever it lies in DVC's cache
        rows=0,
        columns=(),
        sources=(),
        steps=(),
        logged_rows=0,
        first_at=None,
        last_at=None,
    )
    try:
        found = snapshots.restore(named)
    except (NotFoundError, IntegrityError):
        return None
    return found if all(name in found for name in schema.names) else None


def _some(rows: int, generator: np.random.Generator) -> Codes:
    """Row numbers: all, or a random part of them where there are many."""
    if rows <= MOST_ROWS:
        return np.arange(rows, dtype=np.int64)
    return np.sort(generator.choice(rows, MOST_ROWS, replace=False)).astype(np.int64)
