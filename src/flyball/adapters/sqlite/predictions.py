"""The prediction log in SQLite: what the servers flushed is ingested, and read back as columns."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

from flyball.adapters import packed
from flyball.adapters.logged import (
    NOT_SHARED_OUT,
    arrived,
    check_batch,
    context_table,
    feature_table,
    logged_rows,
    matured_until,
    micros,
    transposed,
)
from flyball.adapters.sqlite import rows as stored
from flyball.adapters.sqlite.arrivals import read_arrived
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.ingest import ingest
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.window import Window, from_micros, to_micros
from flyball.serving.records import Arrived, LoggedRows, Maturity, Outcome, Place, Prediction, PredictionBatch

# Both queries give the same columns in the same order; `more` are variant, propensity and value, then the
# contract, the features and when they were made, then the context, as far as they are asked for.
_ANSWERED = """
SELECT p.prediction_id, p.at, p.unit, p.entity, p.label, p.score, o.actual, o.at{more}
FROM predictions p LEFT JOIN outcomes o ON o.prediction = p.id
WHERE p.stream = ? AND p.at >= ? AND p.at < ? AND p.at <= ?{compared}{sampled} ORDER BY p.at{newest}
"""
_SHADOWS = """
SELECT s.prediction_id, s.at, s.unit, s.entity, s.label, s.score, o.actual, o.at{more}
FROM shadows s LEFT JOIN outcomes o ON o.prediction = s.answered {join}
WHERE s.stream = ? AND s.at >= ? AND s.at < ? AND s.at <= ?{compared}{sampled} ORDER BY s.at{newest}
"""
# Rows that asked for a version or were given one, or were made elsewhere, were never shared out; a shadow's answered row may not be here.
_COMPARED = f" AND p.variant NOT IN ({', '.join(map(repr, NOT_SHARED_OUT))}) AND p.worker NOT GLOB 'elsewhere*'"
_SHADOWS_COMPARED = f" AND (p.id IS NULL OR ({_COMPARED.removeprefix(' AND ')}))"
# CROSS JOIN: SQLite keeps this order, which reads both tables from front to end.
_LABELLED = """
SELECT p.prediction_id, p.at, p.unit, p.entity, p.label, p.score, o.actual, o.at, p.variant, p.propensity, o.value,
  p.contract, p.features, p.made_at, ?4
FROM predictions p CROSS JOIN outcomes o ON o.prediction = p.id
WHERE p.stream = ?1 AND p.at >= ?2 AND o.at <= ?3 ORDER BY p.at
"""
_UNLABELLED = """
SELECT p.prediction_id, p.at, p.unit, p.entity, p.label, p.score, NULL, NULL, p.variant, p.propensity, NULL,
  p.contract, p.features, p.made_at, ?4
FROM predictions p
WHERE p.stream = ?1 AND p.at >= ?2 AND p.at <= ?5 AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.prediction = p.id AND o.at <= ?3)
ORDER BY p.at
"""
_FOUND = """
SELECT p.prediction_id, m.name, t.version, p.variant, p.worker, p.at, p.made_at, p.unit, p.entity, p.client_id, p.label, p.score,
  p.features, p.context, c.feature_names, o.actual, o.at, p.propensity, o.value
FROM predictions p JOIN models m ON m.id = p.model JOIN streams t ON t.id = p.stream JOIN contracts c ON c.id = p.contract
  LEFT JOIN outcomes o ON o.prediction = p.id
"""
_AT_ONCE = 500
"""Ids in one query; SQLite takes no more than a thousand values where it was built long ago."""
_NEVER = 2**62


@record
class _Asked:
    """What is read of a row beyond what always is."""

    arms: bool
    features: bool
    context: Sequence[str] = ()
    versions: bool = False


class SqlitePredictionLog:
    """The port `PredictionLog`. `segments` is the folder the serving workers flush to."""

    def __init__(self, database: Database, segments: Path) -> None:
        self._database = database
        self._segments = segments

    def ingest(self) -> int:
        """Move everything the servers have flushed into the store, each row exactly once; say how many rows were moved."""
        return ingest(self._database, self._segments)

    def add(self, batch: PredictionBatch) -> int:
        """Store a batch directly; a client id already known is skipped. Say how many rows were new."""
        check_batch(batch)
        with self._database.write() as connection:
            return stored.store(connection, batch)

    def rows(
        self,
        model: str,
        version: int,
        window: Window,
        *,
        features: bool = False,
        maturity: Maturity | None = None,
        compared: bool = False,
        newest: int | None = None,
        context: Sequence[str] = (),
        one_in: int = 1,
        arms: bool = False,
    ) -> LoggedRows:
        """The rows of one version whose event time is in the window, answered or shadow, ordered by event time."""
        asked = _Asked(arms=arms or compared, features=features, context=context)
        latest = _NEVER if maturity is None else matured_until(maturity)
        with self._database.read() as connection:
            stream = _stream(connection, model, version)
            if stream is None:
                return _columns([], {}, asked, maturity)
            bounds = (stream, to_micros(window.start), to_micros(window.end), latest)
            more = (", p.contract, p.features, p.made_at" if features else "") + (", p.context" if context else "")
            ours, theirs = (", p.variant, p.propensity, o.value", ", 'shadow', NULL, o.value") if asked.arms else ("", "")
            last = "" if newest is None else f" DESC LIMIT {int(newest)}"
            join = "LEFT JOIN predictions p ON p.id = s.answered" if more or compared else ""
            query = _ANSWERED.format(
                more=ours + more, compared=_COMPARED if compared else "", sampled=_sampled("p.id", one_in), newest=last
            )
            answered = connection.execute(query, bounds).fetchall()
            compare = _SHADOWS_COMPARED if compared else ""
            some = _sampled("coalesce(s.answered, s.at)", one_in)
            query = _SHADOWS.format(more=theirs + more, join=join, compared=compare, sampled=some, newest=last)
            shadows = connection.execute(query, bounds).fetchall()
            names = _contracts(connection) if features else {}
        both = answered and shadows
        found = sorted(answered + shadows, key=itemgetter(1)) if both or newest is not None else answered or shadows
        if newest is not None:
            found = found[max(0, len(found) - newest) :]
        return _columns(found, names, asked, maturity)

    def arrived(self, model: str, version: int, after: Place, *, limit: int, window: Window | None = None) -> Arrived:
        """At most `limit` rows of a version that arrived after a place, with features, in order of arrival."""
        with self._database.read() as connection:
            stream = _stream(connection, model, version)
            if stream is None:
                return arrived([], [], [], [], [], [], {}, place=after, more=False)
            return read_arrived(connection, stream, after, limit, window, _contracts(connection))

    def labelled(
        self, model: str, *, known_by: datetime, since: datetime | None = None, unlabelled_after: timedelta | None = None
    ) -> LoggedRows:
        """The answered rows of every version, with features, whose outcome was known by then and whose event time is not before `since`.

        With `unlabelled_after`, also those of at least this age whose outcome was not.
        """
        earliest, latest = -_NEVER if since is None else to_micros(since), to_micros(known_by)
        found: list[tuple[Any, ...]] = []
        with self._database.read() as connection:
            streams = connection.execute(
                "SELECT t.id, t.version FROM streams t JOIN models m ON m.id = t.model WHERE m.name = ? ORDER BY t.version", (model,)
            )
            for stream, version in streams.fetchall():
                bounds = (stream, earliest, latest, version)
                found += connection.execute(_LABELLED, bounds).fetchall()
                if unlabelled_after is not None:
                    found += connection.execute(_UNLABELLED, (*bounds, latest - micros(unlabelled_after))).fetchall()
            names = _contracts(connection)
        found.sort(key=itemgetter(1))
        return _columns(found, names, _Asked(arms=True, features=True, versions=True), None)

    def find(self, prediction_id: str) -> tuple[Prediction, Outcome | None] | None:
        """One answered prediction by its own or the client's id, with its outcome."""
        with self._database.read() as connection:
            key = find(connection, prediction_id)
            row = None if key is None else connection.execute(f"{_FOUND} WHERE p.id = ?", (key,)).fetchone()
        return None if row is None else _prediction(row)

    def find_all(self, prediction_ids: Sequence[str]) -> Mapping[str, tuple[Prediction, Outcome | None]]:
        """The answered predictions with these ids of their own, each with its outcome, by id."""
        rows: list[tuple[Any, ...]] = []
        with self._database.read() as connection:
            for first in range(0, len(prediction_ids), _AT_ONCE):
                some = prediction_ids[first : first + _AT_ONCE]
                query = f"{_FOUND} WHERE p.prediction_id IN ({', '.join('?' * len(some))})"
                rows += connection.execute(query, some).fetchall()
        return {row[0]: _prediction(row) for row in rows}

    def count(self, model: str, window: Window) -> Mapping[int, int]:
        """Answered predictions per version in a window; versions without any are not listed."""
        with self._database.read() as connection:
            counts = connection.execute(
                "SELECT t.version, (SELECT COUNT(*) FROM predictions p WHERE p.stream = t.id AND p.at >= ? AND p.at < ?)"
                " FROM streams t JOIN models m ON m.id = t.model WHERE m.name = ? ORDER BY t.version",
                (to_micros(window.start), to_micros(window.end), model),
            ).fetchall()
        return {version: rows for version, rows in counts if rows}

    def counters(self) -> dict[str, int]:
        """What was left out on the way in: `duplicates` (client ids answered before), `torn` (segments with a damaged end), `refused`."""
        with self._database.read() as connection:
            (duplicates,) = connection.execute("SELECT COUNT(*) FROM duplicates").fetchone()
            counted = dict(connection.execute("SELECT name, value FROM counters").fetchall())
        return {"torn": 0, "refused": 0, **counted, "duplicates": duplicates}


def find(connection: sqlite3.Connection, prediction_id: str, *, model: int | None = None) -> int | None:
    """The key of an answered prediction by its own id, by the client's, or by the id of a repeat that was dropped in its favour."""
    own = connection.execute("SELECT id, model FROM predictions WHERE prediction_id = ?", (prediction_id,)).fetchone()
    if own is not None:
        return int(own[0]) if model in (None, own[1]) else None
    if model is None:
        named = connection.execute("SELECT MIN(id) FROM predictions WHERE client_id = ?", (prediction_id,)).fetchone()
    else:
        named = connection.execute("SELECT id FROM predictions WHERE model = ? AND client_id = ?", (model, prediction_id)).fetchone()
    if named is not None and named[0] is not None:
        return int(named[0])
    repeat = connection.execute("SELECT first FROM duplicates WHERE prediction_id = ?", (prediction_id,)).fetchone()
    return None if repeat is None else int(repeat[0])


def _columns(found: Sequence[tuple[Any, ...]], names: Mapping[int, list[str]], asked: _Asked, maturity: Maturity | None) -> LoggedRows:
    columns = transposed(found, 8 + 3 * asked.arms + 3 * asked.features + bool(asked.context) + asked.versions)
    common, rest = columns[:8], columns[8:]
    common[4] = stored.labels(common[4])
    common[5] = stored.scores(common[5])
    common[6] = stored.labels(common[6])
    arms, rest = (rest[:3], rest[3:]) if asked.arms else (None, rest)
    table: Table | None = None
    made_at: list[int] | None = None
    bare: list[bool] | None = None
    if asked.features:
        contracts = [contract or 0 for contract in rest[0]]  # 0: a shadow whose answered row is not here
        table = feature_table(contracts, map(packed.features, rest[1]), {0: [], **names})
        made_at = [at if made is None else made for at, made in zip(common[1], rest[2], strict=True)]
        bare = [value is None for value in rest[1]]
        rest = rest[3:]
    context = context_table(map(packed.context, rest[0]), asked.context) if asked.context else None
    version = rest[-1] if asked.versions else None
    return logged_rows(common, table, maturity=maturity, made_at=made_at, context=context, bare=bare, arms=arms, version=version)


def _sampled(number: str, one_in: int) -> str:
    """One in so many rows. Multiples of the golden section fall evenly, whatever rows of other versions lie between."""
    return "" if one_in <= 1 else f" AND ({number} % 1000003) * 618035 % 1000003 < {1000003 // int(one_in)}"


def _stream(connection: sqlite3.Connection, model: str, version: int) -> int | None:
    query = "SELECT t.id FROM streams t JOIN models m ON m.id = t.model WHERE m.name = ? AND t.version = ?"
    row = connection.execute(query, (model, version)).fetchone()
    return None if row is None else int(row[0])


def _contracts(connection: sqlite3.Connection) -> dict[int, list[str]]:
    return {key: json.loads(names) for key, names in connection.execute("SELECT id, feature_names FROM contracts")}


def _prediction(row: tuple[Any, ...]) -> tuple[Prediction, Outcome | None]:
    (
        own,
        model,
        version,
        variant,
        worker,
        at,
        made_at,
        unit,
        entity,
        client,
        label,
        score,
        features,
        context,
        names,
        actual,
        outcome_at,
        propensity,
        value,
    ) = row
    values = packed.features(features)
    prediction = Prediction(
        prediction_id=own,
        model=model,
        version=version,
        variant=variant,
        worker=worker,
        at=from_micros(at),
        made_at=from_micros(made_at),
        unit=unit,
        entity=entity,
        client_id=client,
        label=stored.label(label),
        score=stored.score(score),
        features={} if values is None else dict(zip(json.loads(names), values, strict=True)),
        context=packed.context(context),
        propensity=propensity,
    )
    if outcome_at is None:
        return prediction, None
    return prediction, Outcome(actual=stored.label(actual), at=from_micros(outcome_at), prediction_id=own, value=value)
