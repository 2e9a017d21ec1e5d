"""From a project's own SQLite file into the shared database: everything, all of it or nothing, into tables that are empty.

Numbers stay what they are: places in the order of arrival, to which kept counts refer, and the sequence and hashes of the journal,
which is verified where it is read and again where it was written.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flyball.adapters.logged import MICROS_PER_DAY
from flyball.adapters.postgres.database import Connection, Database, one
from flyball.adapters.postgres.days import Days
from flyball.adapters.postgres.rows import kept, stored_label
from flyball.adapters.sqlite import rows as own
from flyball.adapters.sqlite.database import Database as OwnDatabase
from flyball.core.errors import IntegrityError, RefusedError, StoreError
from flyball.journal.chain import Link, verify

_LINK = ("model", "seq", "format", "at", "actor", "kind", "body", "prev_hash", "hash")
# Tables that are the same on both sides, in an order in which nothing refers to what is not there yet.
_ALIKE: Mapping[str, tuple[str, ...]] = {
    "journal": _LINK,
    "models": ("id", "name"),
    "streams": ("id", "model", "version"),
    "counters": ("name", "value"),
    "deployments": ("model", "seq", "format", "body"),
    "reports": ("model", "ends_at", "version", "starts_at", "format", "body"),
    "ledgers": ("id", "model", "version", "against", "reference", "answered", "shadows"),
    "slots": ("id", "ledger", "length", "start", "variant", "tally"),
    "outbox": ("number", "model", "receiver", "id", "written_at", "again_at", "attempts", "error", "format", "body"),
    "told": ("model", "receiver", "key", "seq", "at"),
    "told_revisions": ("model", "revision"),
    "looks": ("model", "at"),
    "traffic": ("model", "minute", "status", "requests"),
    "trips": ("model", "at", "version", "guardrail", "worker", "format", "body"),
}
COPIED = (*_ALIKE, "contracts", "predictions", "shadows", "outcomes", "duplicates", "ingested")
LEFT = ("flyball", "workers", "leases", "swaps")
"""What is not copied: the number of the schema, and who was alive, led, and got ready for what."""
_SOMEBODYS = ("journal", "predictions", "shadows", "outcomes", "models", "deployments", "reports", "outbox", "ledgers")
# Sequences, and the tables whose numbers they go on from.
_SEQUENCES = {
    "arrivals": ("predictions", "id"),
    "shadow_arrivals": ("shadows", "id"),
    "models_id_seq": ("models", "id"),
    "streams_id_seq": ("streams", "id"),
    "contracts_id_seq": ("contracts", "id"),
    "ledgers_id_seq": ("ledgers", "id"),
    "slots_id_seq": ("slots", "id"),
    "outbox_number_seq": ("outbox", "number"),
}
_PREDICTIONS = """
SELECT id, stream, model, at, prediction_id, made_at, variant, worker, unit, entity, client_id, label, score, contract, features, context,
  propensity FROM predictions ORDER BY id
"""
_SHADOWS = """
SELECT s.id, s.stream, s.at, s.prediction_id, p.id, s.unit, s.entity, s.label, s.score
FROM shadows s LEFT JOIN predictions p ON p.id = s.answered AND p.at = s.at ORDER BY s.id
"""
_OUTCOMES = """
SELECT o.prediction, p.at, o.model, o.at, o.received_at, o.actual, o.value
FROM outcomes o JOIN predictions p ON p.id = o.prediction ORDER BY o.prediction
"""
_DUPLICATES = """
SELECT d.prediction_id, p.prediction_id, p.at FROM duplicates d JOIN predictions p ON p.id = d.first ORDER BY d.prediction_id
"""
_REACHED = """
INSERT INTO reached (stream, day, answered, shadows)
SELECT stream, floor(at / 86400000000.0)::bigint, max(answered), max(shadows) FROM (
  SELECT stream, at, id answered, 0 shadows FROM predictions UNION ALL SELECT stream, at, 0, id FROM shadows
) rows GROUP BY 1, 2
"""
_TOLD_EVERY = 100_000
"""Rows of one table between two words about it."""


def copy_stores(source: OwnDatabase, target: Database, *, origin: str, say: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Copy all tables in one transaction and say how many rows of each. RefusedError if something is there already.

    `origin` names the folder of segments beside the source: what of them was ingested there is not taken in again here.
    """
    with source.read() as reading:
        _check_journal(reading)
        days = reading.execute(f"SELECT DISTINCT at / {MICROS_PER_DAY} FROM predictions").fetchall()  # noqa: S608 - a number
        Days(target).make({int(day) for (day,) in days})
        with target.write("upgrade", "days") as connection:
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            _refuse_what_is_not_empty(connection, target)
            copied: dict[str, int] = {}
            for table, columns in _ALIKE.items():
                rows = reading.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - constants
                copied[table] = _put(connection, table, columns, rows, say)
            copied |= _put_logged(connection, reading, say)
            segments = reading.execute("SELECT segment, position FROM ingested")
            copied["ingested"] = _put(connection, "ingested", ("origin", "segment", "position"), ((origin, *row) for row in segments), say)
            for sequence, (table, column) in _SEQUENCES.items():
                connection.execute(f"SELECT setval('{sequence}', coalesce(max({column}), 0) + 1, false) FROM {table}".encode())  # noqa: S608
            _check_copy(connection, reading, copied)
    return copied


def _put_logged(connection: Connection, reading: sqlite3.Connection, say: Callable[[str], None]) -> dict[str, int]:
    """Predictions and what hangs on them, in this database's words; and where each is to be found."""
    copied: dict[str, int] = {}
    contracts = (
        (key, kept(schema), names, hashlib.sha256(f"{schema}\n{names}".encode()).digest())
        for key, schema, names in reading.execute("SELECT id, schema_id, feature_names FROM contracts")
    )
    copied["contracts"] = _put(connection, "contracts", ("id", "schema_id", "feature_names", "digest"), contracts, say)
    columns: tuple[str, ...] = (
        *("id", "stream", "model", "at", "prediction_id", "made_at", "variant", "worker", "unit", "entity", "client_id", "label"),
        *("score", "scores", "contract", "features", "context", "propensity"),
    )
    copied["predictions"] = _put(connection, "predictions", columns, _predictions(reading), say)
    columns = ("id", "stream", "at", "prediction_id", "answered", "unit", "entity", "label", "score", "scores")
    copied["shadows"] = _put(connection, "shadows", columns, _shadows(reading), say)
    outcomes = (
        (key, made_for, model, at, received, stored_label(own.label(actual)), value)
        for key, made_for, model, at, received, actual, value in reading.execute(_OUTCOMES)
    )
    columns = ("prediction", "made_for", "model", "at", "received_at", "actual", "value")
    copied["outcomes"] = _put(connection, "outcomes", columns, outcomes, say)
    duplicates = ((kept(dropped), kept(first), at) for dropped, first, at in reading.execute(_DUPLICATES))
    copied["duplicates"] = _put(connection, "duplicates", ("prediction_id", "first", "at"), duplicates, say)
    connection.execute(_REACHED)
    connection.execute("INSERT INTO names SELECT prediction_id, id, at, stream, model FROM predictions")
    connection.execute(
        "INSERT INTO clients (client_id, model, prediction_id, at)"
        " SELECT client_id, model, prediction_id, at FROM predictions WHERE client_id IS NOT NULL"
    )
    return copied


def _predictions(reading: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    for row in reading.execute(_PREDICTIONS):
        key, stream, model, at, name, made_at, variant, worker, unit, entity, client, label, score, *rest = row
        texts = (unit and kept(unit), entity and kept(entity), client and kept(client))
        yield (key, stream, model, at, kept(name), made_at, variant, kept(worker), *texts, *_said(label, score), *rest)


def _shadows(reading: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    for key, stream, at, name, answered, unit, entity, label, score in reading.execute(_SHADOWS):
        yield (key, stream, at, kept(name), answered, unit and kept(unit), entity and kept(entity), *_said(label, score))


def _said(label: Any, score: Any) -> tuple[str | None, float | None, list[float] | None]:
    """A label and a score in the columns of this database."""
    found = own.score(score)
    value = None if label is None else stored_label(own.label(label))
    return (value, None, list(found)) if isinstance(found, tuple) else (value, found, None)


def _put(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]] | sqlite3.Cursor, say: Callable[[str], None]
) -> int:
    number = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
            number += 1
            if number % _TOLD_EVERY == 0:
                say(f"{table}: {number} rows …")
    if number:
        say(f"{table}: {number} rows")
    return number


def _refuse_what_is_not_empty(connection: Connection, target: Database) -> None:
    for table in _SOMEBODYS:
        if one(connection, f"SELECT EXISTS (SELECT 1 FROM {table})")[0]:  # noqa: S608 - a constant
            raise RefusedError(
                f"the database {target.place} is not empty (table {table}): nothing was copied",
                hint="copy into a new database; two histories of a model cannot be made one",
            )


def _check_journal(reading: sqlite3.Connection) -> None:
    for (model,) in reading.execute("SELECT DISTINCT model FROM journal ORDER BY model").fetchall():
        query = f"SELECT {', '.join(_LINK)} FROM journal WHERE model = ? ORDER BY seq"  # noqa: S608 - constants
        verify([Link(**dict(zip(_LINK, row, strict=True))) for row in reading.execute(query, (model,))])


def _check_copy(connection: Connection, reading: sqlite3.Connection, copied: Mapping[str, int]) -> None:
    """StoreError or IntegrityError, before anything is committed, unless all that was there is here, entry by entry of the journal."""
    for table in COPIED:
        (there,) = reading.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a constant
        (here,) = one(connection, f"SELECT count(*) FROM {table}")  # noqa: S608 - a constant
        if there != here or here != copied[table]:
            raise StoreError(f"of {there} rows of {table} only {here} could be copied: nothing was", hint="flyball doctor, then try again")
    query = f'SELECT {", ".join(_LINK)} FROM journal ORDER BY model COLLATE "C", seq'  # noqa: S608 - constants
    ours = [Link(**dict(zip(_LINK, row, strict=True))) for row in connection.execute(query.encode())]
    theirs = reading.execute("SELECT model, seq, hash FROM journal ORDER BY model, seq").fetchall()
    for model in {link.model for link in ours}:
        verify([link for link in ours if link.model == model])
    if [(link.model, link.seq, link.hash) for link in ours] != theirs:
        raise IntegrityError("the journal here is another than the one that was read: nothing was copied")
