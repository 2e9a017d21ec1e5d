"""Predictions into and out of PostgreSQL's rows: how texts, labels and scores are stored, and how batches get in by COPY."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import msgspec

from flyball.adapters.packed import pack
from flyball.adapters.postgres.database import Connection, one
from flyball.core.codec import to_json
from flyball.serving.records import PredictionBatch

_ESCAPE = "\x1b"
_STAGED = (
    "n, stream, model, at, prediction_id, made_at, variant, worker, unit, entity, client_id, label, score, scores, contract, features,"
    " context, propensity, shadow"
)
_TYPES = (
    "int8 int8 int8 int8 text int8 text text text text text text float8 float8[] int8 bytea bytea float8 bool".split()  # noqa: SIM905
)
# Rows on their way; a table of the connection's own, empty between transactions.
_STAGE = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
  {", ".join(f"{name} {kind}" for name, kind in zip(_STAGED.split(", "), _TYPES, strict=True))}
) ON COMMIT DELETE ROWS
"""
# The first of each client id wins; another prediction that names it is dropped, and remembered.
_NAME_CLIENTS = """
INSERT INTO clients (client_id, model, prediction_id, at)
SELECT DISTINCT ON (client_id, model) client_id, model, prediction_id, at FROM staged
WHERE client_id IS NOT NULL AND NOT shadow ORDER BY client_id, model, n
ON CONFLICT DO NOTHING
"""
_DROP_REPEATS = """
WITH dropped AS (
  DELETE FROM staged s USING clients c
  WHERE NOT s.shadow AND c.client_id = s.client_id AND c.model = s.model AND c.prediction_id <> s.prediction_id
  RETURNING s.prediction_id, c.prediction_id, s.at
)
INSERT INTO duplicates (prediction_id, first, at) SELECT * FROM dropped ON CONFLICT DO NOTHING
"""
_INSERT = """
WITH fresh AS (
  INSERT INTO names (prediction_id, id, at, stream, model)
  SELECT prediction_id, nextval('arrivals'), at, stream, model
  FROM (SELECT prediction_id, at, stream, model FROM staged WHERE NOT shadow ORDER BY n) rows
  ON CONFLICT DO NOTHING RETURNING prediction_id, id
), added AS (
INSERT INTO predictions (id, stream, model, at, prediction_id, made_at, variant, worker, unit, entity, client_id, label, score, scores,
  contract, features, context, propensity)
SELECT f.id, s.stream, s.model, s.at, s.prediction_id, s.made_at, s.variant, s.worker, s.unit, s.entity, s.client_id, s.label, s.score,
  s.scores, s.contract, s.features, s.context, s.propensity
FROM fresh f JOIN staged s ON s.prediction_id = f.prediction_id AND NOT s.shadow
RETURNING stream, at, id
), reached AS (
  INSERT INTO reached AS r (stream, day, answered, shadows)
  SELECT stream, floor(at / 86400000000.0)::bigint, max(id), 0 FROM added GROUP BY 1, 2
  ON CONFLICT (stream, day) DO UPDATE SET answered = greatest(r.answered, excluded.answered)
)
SELECT count(*) FROM added
"""
# A shadow of a prediction that was dropped as a duplicate is dropped too.
_INSERT_SHADOWS = """
WITH added AS (
INSERT INTO shadows (id, stream, at, prediction_id, answered, unit, entity, label, score, scores)
SELECT nextval('shadow_arrivals'), rows.* FROM (
  SELECT s.stream, s.at, s.prediction_id, k.id, s.unit, s.entity, s.label, s.score, s.scores
  FROM staged s LEFT JOIN names k ON k.prediction_id = s.prediction_id AND k.at = s.at
  WHERE s.shadow AND NOT EXISTS (SELECT 1 FROM duplicates d WHERE d.prediction_id = s.prediction_id)
  ORDER BY s.n
) rows ON CONFLICT DO NOTHING
RETURNING stream, at, id
), reached AS (
  INSERT INTO reached AS r (stream, day, answered, shadows)
  SELECT stream, floor(at / 86400000000.0)::bigint, 0, max(id) FROM added GROUP BY 1, 2
  ON CONFLICT (stream, day) DO UPDATE SET shadows = greatest(r.shadows, excluded.shadows)
)
SELECT count(*) FROM added
"""

_encode_label = msgspec.json.Encoder().encode
_decode_labels = msgspec.json.Decoder(list[str | int | float | bool | None]).decode
# What JSON has no word for. A label that is no number at all (NaN) is kept as none.
_BEYOND = {math.inf: "Infinity", -math.inf: "-Infinity"}
_BEYOND_BACK = {text: number for number, text in _BEYOND.items()}


def store(connection: Connection, batches: Sequence[PredictionBatch]) -> int:
    """Insert what is new of batches, inside the caller's transaction, which holds the lock of their models; say how many rows that was."""
    rows = list(_rows(connection, batches))
    if not rows:
        return 0
    connection.execute(_STAGE)
    with connection.cursor() as cursor, cursor.copy(f"COPY staged ({_STAGED}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(_TYPES)
        for row in rows:
            copy.write_row(row)
    new = 0
    if any(row[10] is not None for row in rows):
        connection.execute(_NAME_CLIENTS)
        connection.execute(_DROP_REPEATS)
    shadows = sum(row[-1] for row in rows)
    if shadows < len(rows):
        new += int(one(connection, _INSERT)[0])
    if shadows:
        new += int(one(connection, _INSERT_SHADOWS)[0])
    connection.execute("DELETE FROM staged")
    return new


def kept(text: str) -> str:
    """A text as PostgreSQL can keep it: it has no place for the character NUL."""
    if "\x00" in text or _ESCAPE in text:
        return text.replace(_ESCAPE, _ESCAPE + "1").replace("\x00", _ESCAPE + "0")
    return text


def text(stored: str) -> str:
    """The text that was kept."""
    return stored.replace(_ESCAPE + "0", "\x00").replace(_ESCAPE + "1", _ESCAPE) if _ESCAPE in stored else stored


def texts(stored: Sequence[str | None]) -> list[str | None]:
    """A column of texts."""
    return [None if value is None else text(value) for value in stored]


def stored_label(value: object) -> str | None:
    """A label as JSON text; None for what is no number."""
    if isinstance(value, float):
        if value in _BEYOND:
            return _BEYOND[value]
        if math.isnan(value):
            return None
    elif hasattr(value, "item"):  # of numpy
        return stored_label(value.item())
    return _encode_label(value).decode()


def label(stored: str | None) -> Any:
    """The label that was stored (None where there is none)."""
    return None if stored is None else labels([stored])[0]


def labels(stored: Sequence[str | None]) -> list[Any]:
    """A column of labels."""
    if not _BEYOND_BACK.keys().isdisjoint(stored):
        return [_BEYOND_BACK[value] if value in _BEYOND_BACK else label(value) for value in stored]
    return list(_decode_labels("[" + ",".join("null" if value is None else value for value in stored) + "]"))


def scores(single: Sequence[float | None], several: Sequence[list[float] | None]) -> list[Any]:
    """A column of scores from the two they are stored in."""
    if not any(several):
        return [math.nan if value is None else value for value in single]
    pairs = zip(single, several, strict=True)
    return [tuple(many) if many else math.nan if value is None else value for value, many in pairs]


def _rows(connection: Connection, batches: Sequence[PredictionBatch]) -> Iterable[tuple[Any, ...]]:
    number, seen = 0, set[str]()
    for batch in batches:
        model = _model(connection, batch.model)
        contract = _contract(connection, batch)
        streams = {version: _stream(connection, model, version) for version in set(batch.version)}
        columns = zip(
            batch.prediction_id,
            batch.version,
            batch.at,
            batch.made_at,
            batch.variant,
            batch.unit,
            batch.entity,
            batch.client_id,
            batch.label,
            batch.score,
            batch.features,
            batch.context,
            batch.propensity or repeat(None),
            batch.shadow,
            strict=False,
        )
        for own, version, at, made_at, variant, unit, entity, client, label_, score, features, context, propensity, shadow in columns:
            number += 1
            name = kept(own)
            if not shadow:
                if name in seen:
                    continue
                seen.add(name)
            several = isinstance(score, list | tuple)
            yield (
                number,
                streams[version],
                model,
                at,
                name,
                made_at,
                variant,
                kept(batch.worker),
                _kept(unit),
                _kept(entity),
                kept(client) if client and not shadow else None,
                stored_label(label_),
                None if several else float(score),
                list(score) if several else None,
                contract,
                None if features is None else pack(features),
                pack(context) if context else None,
                None if propensity is None else float(propensity),
                bool(shadow),
            )


def _kept(value: str | None) -> str | None:
    return None if value is None else kept(value)


def _model(connection: Connection, name: str) -> int:
    return _key(connection, "models", {"name": name})


def _stream(connection: Connection, model: int, version: int) -> int:
    return _key(connection, "streams", {"model": model, "version": version})


def _contract(connection: Connection, batch: PredictionBatch) -> int:
    names = to_json(batch.feature_names)
    digest = hashlib.sha256(f"{batch.schema_id}\n{names}".encode()).digest()
    found = connection.execute("SELECT id FROM contracts WHERE digest = %s", (digest,)).fetchone()
    if found is None:
        connection.execute(
            "INSERT INTO contracts (schema_id, feature_names, digest) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (kept(batch.schema_id), names, digest),
        )
        found = one(connection, "SELECT id FROM contracts WHERE digest = %s", (digest,))
    return int(found[0])


def _key(connection: Connection, table: str, values: Mapping[str, str | int]) -> int:
    """The id of the row of a table of names that has these values, made if it is not there yet."""
    where = " AND ".join(f"{name} = %s" for name in values)
    query = f"SELECT id FROM {table} WHERE {where}"  # noqa: S608 - table and columns are constants of this file
    found = connection.execute(query.encode(), tuple(values.values())).fetchone()
    if found is None:
        marks = ", ".join(["%s"] * len(values))
        insert = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - the same
        connection.execute(insert.encode(), tuple(values.values()))
        found = one(connection, query, tuple(values.values()))
    return int(found[0])
