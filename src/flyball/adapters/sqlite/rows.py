"""Predictions into and out of SQLite's rows: how labels, scores, features and contexts are stored."""

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import compress, repeat
from typing import Any, cast

import numpy as np

from flyball.adapters.packed import pack
from flyball.core.codec import to_json
from flyball.serving.records import Label, PredictionBatch

Stored = str | int | float | bytes | None

_BOOLEANS: Mapping[bytes, bool] = {b"\x00": False, b"\x01": True}

_INSERT = (
    "INSERT INTO predictions (stream, model, at, prediction_id, made_at, variant, worker, unit, entity, client_id, label, score,"
    " contract, features, context, propensity) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
# A shadow of a prediction that was dropped as a duplicate is dropped too.
_INSERT_SHADOW = (
    "INSERT INTO shadows (stream, at, prediction_id, answered, unit, entity, label, score)"
    " SELECT ?1, ?2, ?3, (SELECT id FROM predictions WHERE prediction_id = ?3), ?4, ?5, ?6, ?7"
    " WHERE NOT EXISTS (SELECT 1 FROM duplicates WHERE prediction_id = ?3) ON CONFLICT DO NOTHING"
)
_NOTE_DUPLICATE = "INSERT OR IGNORE INTO duplicates SELECT ?1, id FROM predictions WHERE model = ?2 AND client_id = ?3"


def store(connection: sqlite3.Connection, batch: PredictionBatch) -> int:
    """Insert what is new of a batch, inside the caller's transaction; say how many rows that was."""
    model = _key(connection, "models", {"name": batch.model})
    contract = _key(connection, "contracts", {"schema_id": batch.schema_id, "feature_names": to_json(batch.feature_names)})
    streams = {version: _key(connection, "streams", {"model": model, "version": version}) for version in set(batch.version)}
    labels, scores = _stored_labels(batch.label), _stored_scores(batch.score)
    of_stream = list(map(streams.__getitem__, batch.version))
    new = 0
    if not all(batch.shadow):
        kept, duplicates = _without_duplicates(connection, model, batch)
        rows = zip(
            of_stream,
            repeat(model),
            batch.at,
            batch.prediction_id,
            batch.made_at,
            batch.variant,
            repeat(batch.worker),
            batch.unit,
            batch.entity,
            (client or None for client in batch.client_id) if any(batch.client_id) else repeat(None),
            labels,
            scores,
            repeat(contract),
            (None if values is None else pack(values) for values in batch.features),
            (pack(values) if values else None for values in batch.context) if any(batch.context) else repeat(None),
            batch.propensity or repeat(None),
            strict=False,
        )
        new = connection.executemany(_INSERT, rows if kept is None else compress(rows, kept)).rowcount
        if duplicates:
            connection.executemany(_NOTE_DUPLICATE, duplicates)
    if any(batch.shadow):
        shadows = zip(of_stream, batch.at, batch.prediction_id, batch.unit, batch.entity, labels, scores, strict=True)
        new += connection.executemany(_INSERT_SHADOW, compress(shadows, batch.shadow)).rowcount
    return new


def stored_label(value: object) -> Stored:
    """A label as SQLite can keep it without losing its type."""
    kind = type(value)
    if kind is str or kind is int or kind is float:
        return value  # type: ignore[return-value]  # one of the three
    if isinstance(value, np.generic):
        value = value.item()
    return (b"\x01" if value else b"\x00") if isinstance(value, bool) else value  # type: ignore[return-value]  # Label


def label(stored: Any) -> Any:
    """The label that was stored (None where there is none)."""
    return _BOOLEANS[stored] if isinstance(stored, bytes) else stored


def labels(stored: list[Any]) -> list[Any]:
    """A column of labels; the common case, no booleans, costs one look at the types."""
    return [label(value) for value in stored] if bytes in set(map(type, stored)) else stored


def score(stored: Stored) -> float | tuple[float, ...]:
    """The score that was stored: SQLite keeps NaN as NULL."""
    if isinstance(stored, bytes):
        return tuple(np.frombuffer(stored, dtype="<f8").tolist())
    return float("nan") if stored is None else float(stored)


def scores(stored: list[Any]) -> list[Any]:
    """A column of scores, ready for a float64 array."""
    return [score(value) for value in stored] if bytes in set(map(type, stored)) else stored


def _without_duplicates(
    connection: sqlite3.Connection, model: int, batch: PredictionBatch
) -> tuple[list[bool] | None, list[tuple[str, int, str]]]:
    """Which rows to insert (None: all), and of those whose client id was answered before: their id, the model and the client id."""
    if not any(batch.client_id):
        return [not shadow for shadow in batch.shadow] if any(batch.shadow) else None, []
    answered = [row for row, shadow in enumerate(batch.shadow) if not shadow]
    named = sorted({client for n in answered if (client := batch.client_id[n])})
    first: dict[str, str] = {}
    for start in range(0, len(named), 500):
        part = named[start : start + 500]
        query = f"SELECT client_id, prediction_id FROM predictions WHERE model = ? AND client_id IN ({', '.join('?' * len(part))})"  # noqa: S608
        first.update(connection.execute(query, (model, *part)))
    kept = [False] * len(batch.shadow)
    dropped: list[tuple[str, int, str]] = []
    for n in answered:
        client, own = batch.client_id[n], batch.prediction_id[n]
        if client and first.setdefault(client, own) != own:
            dropped.append((own, model, client))
        else:
            kept[n] = True
    return kept, dropped


def _key(connection: sqlite3.Connection, table: str, values: Mapping[str, str | int]) -> int:
    """The id of the row of a table of names that has these values, made if it is not there yet."""
    where = " AND ".join(f"{name} = ?" for name in values)
    query = f"SELECT id FROM {table} WHERE {where}"  # noqa: S608 - table and columns are constants of this file
    found = connection.execute(query, tuple(values.values())).fetchone()
    if found is None:
        marks = ", ".join("?" * len(values))
        insert = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608 - the same
        return int(connection.execute(insert, tuple(values.values())).lastrowid or 0)
    return int(found[0])


def _stored_labels(values: Sequence[Label]) -> Sequence[Stored]:
    """A column of labels; numbers and texts stay what they are."""
    return values if {str, int, float}.issuperset(map(type, values)) else [stored_label(value) for value in values]


def _stored_scores(values: Sequence[float | list[float]]) -> Sequence[Stored]:
    return cast(Sequence[float], values) if set(map(type, values)) == {float} else [_stored_score(value) for value in values]


def _stored_score(value: float | Sequence[float]) -> Stored:
    if isinstance(value, int | float):
        return float(value)
    return np.asarray(value, dtype="<f8").tobytes()
