"""The prediction log in PostgreSQL: what the servers flushed is ingested, and read back as columns."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

from flyball.adapters.logged import (
    MICROS_PER_DAY,
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
from flyball.adapters.packed import context as unpacked_context
from flyball.adapters.packed import features as unpacked
from flyball.adapters.postgres import rows as stored
from flyball.adapters.postgres.arrivals import read_arrived
from flyball.adapters.postgres.database import Connection, Database, one
from flyball.adapters.postgres.days import REACH, Days
from flyball.adapters.postgres.ingest import Ingest, model_lock
from flyball.core.record import record
from flyball.core.table import Table
from flyball.core.window import Window, from_micros, to_micros
from flyball.serving.records import Arrived, LoggedRows, Maturity, Outcome, Place, Prediction, PredictionBatch

# Bounds that follow from others are said again, so that only the partitions of these days are looked at.
# Both queries give the same columns in the same order; `more` are variant, propensity and value, then the
# contract, the features and when they were made, then the context, as far as they are asked for.
_ANSWERED = """
SELECT p.prediction_id, p.at, p.unit, p.entity, p.label, p.score, p.scores, o.actual, o.at{more}
FROM predictions p LEFT JOIN outcomes o ON o.prediction = p.id AND o.made_for = p.at AND o.made_for >= %(start)s AND o.made_for < %(end)s
WHERE p.stream = %(stream)s AND p.at >= %(start)s AND p.at < %(end)s AND p.at <= %(latest)s{compared}{sampled} ORDER BY p.at{newest}
"""
_SHADOWS = """
SELECT s.prediction_id, s.at, s.unit, s.entity, s.label, s.score, s.scores, o.actual, o.at{more}
FROM shadows s LEFT JOIN outcomes o ON o.prediction = s.answered AND o.made_for = s.at
  AND o.made_for >= %(start)s AND o.made_for < %(end)s {join}
WHERE s.stream = %(stream)s AND s.at >= %(start)s AND s.at < %(end)s AND s.at <= %(latest)s{compared}{sampled} ORDER BY s.at{newest}
"""
_JOIN = "LEFT JOIN predictions p ON p.id = s.answered AND p.at = s.at AND p.at >= %(start)s AND p.at < %(end)s"
# Rows that asked for a version or were given one, or were made elsewhere, were never shared out; a shadow's answered row may not be here.
_COMPARED = f" AND p.variant NOT IN ({', '.join(map(repr, NOT_SHARED_OUT))}) AND NOT starts_with(p.worker, 'elsewhere')"
_SHADOWS_COMPARED = f" AND (p.id IS NULL OR ({_COMPARED.removeprefix(' AND ')}))"
_LABELLED = """
SELECT p.prediction_id, p.at, p.unit, p.entity, p.label, p.score, p.scores, o.actual, o.at, p.variant, p.propensity, o.value,
  p.contract, p.features, p.made_at, t.version
FROM predictions p JOIN outcomes o ON o.prediction = p.id AND o.made_for = p.at JOIN streams t ON t.id = p.stream
WHERE p.model = %(model)s AND p.at >= %(earliest)s AND o.made_for >= %(earliest)s AND o.at <= %(latest)s ORDER BY p.at, p.id
"""
_UNLABELLED = """
SELECT p.prediction_id, p.at, p.unit, p.entity, p.label, p.score, p.scores, NULL, NULL, p.variant, p.propensity, NULL,
  p.contract, p.features, p.made_at, t.version
FROM predictions p JOIN streams t ON t.id = p.stream
WHERE p.model = %(model)s AND p.at >= %(earliest)s AND p.at <= %(old)s
  AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.prediction = p.id AND o.made_for = p.at AND o.at <= %(latest)s
    AND o.made_for >= %(earliest)s AND o.made_for <= %(old)s)
ORDER BY p.at, p.id
"""
_FOUND = """
SELECT p.prediction_id, m.name, t.version, p.variant, p.worker, p.at, p.made_at, p.unit, p.entity, p.client_id, p.label, p.score, p.scores,
  p.features, p.context, c.feature_names, o.actual, o.at, p.propensity, o.value
FROM predictions p JOIN models m ON m.id = p.model JOIN streams t ON t.id = p.stream JOIN contracts c ON c.id = p.contract
  LEFT JOIN outcomes o ON o.prediction = p.id AND o.made_for = p.at AND o.made_for >= %(first)s AND o.made_for <= %(last)s
WHERE p.id = ANY(%(ids)s) AND p.at >= %(first)s AND p.at <= %(last)s
"""
_NEVER = 2**62


@record
class Found:
    """Where a prediction lies: its place in the order of arrival, and its event time."""

    id: int
    at: int


@record
class _Asked:
    """What is read of a row beyond what always is."""

    arms: bool
    features: bool
    context: Sequence[str] = ()
    versions: bool = False


class PostgresPredictionLog:
    """The port `PredictionLog`. `segments` is the folder the serving workers of this machine flush to."""

    def __init__(self, database: Database, segments: Path, *, reach: int = REACH) -> None:
        self._database = database
        self._days = Days(database, reach=reach)
        self._ingest = Ingest(database, segments, self._days)

    def ingest(self) -> int:
        """Move everything the servers of this machine have flushed into the store, each row exactly once; say how many were moved."""
        return self._ingest.run()

    def add(self, batch: PredictionBatch) -> int:
        """Store a batch directly; a client id already known is skipped. Say how many rows were new."""
        check_batch(batch)
        if not batch.at:
            return 0
        self._days.make({at // MICROS_PER_DAY for at in batch.at})
        with self._database.write(model_lock(batch.model)) as connection:
            return stored.store(connection, [batch])

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
            bounds = {"stream": stream, "start": to_micros(window.start), "end": to_micros(window.end), "latest": latest}
            more = (", p.contract, p.features, p.made_at" if features else "") + (", p.context" if context else "")
            ours, theirs = (", p.variant, p.propensity, o.value", ", 'shadow', NULL::float8, o.value") if asked.arms else ("", "")
            query = _ANSWERED.format(
                more=ours + more, compared=_COMPARED if compared else "", sampled=_sampled("p.id", one_in), newest=_last("p.id", newest)
            )
            answered = _fetch(connection, query, bounds)
            query = _SHADOWS.format(
                more=theirs + more,
                join=_JOIN if more or compared else "",
                compared=_SHADOWS_COMPARED if compared else "",
                sampled=_sampled("coalesce(s.answered, s.at)", one_in),
                newest=_last("s.prediction_id", newest),
            )
            shadows = _fetch(connection, query, bounds)
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
        latest = to_micros(known_by)
        bounds = {"earliest": -_NEVER if since is None else to_micros(since), "latest": latest}
        with self._database.read() as connection:
            key = model_key(connection, model)
            found = _fetch(connection, _LABELLED, {"model": key, **bounds})
            if unlabelled_after is not None:
                found += _fetch(connection, _UNLABELLED, {"model": key, "old": latest - micros(unlabelled_after), **bounds})
            names = _contracts(connection)
        found.sort(key=itemgetter(1))
        return _columns(found, names, _Asked(arms=True, features=True, versions=True), None)

    def find(self, prediction_id: str) -> tuple[Prediction, Outcome | None] | None:
        """One answered prediction by its own or the client's id, with its outcome."""
        with self._database.read() as connection:
            found = find(connection, prediction_id)
            rows = [] if found is None else _found(connection, [found])
        return _prediction(rows[0]) if rows else None

    def find_all(self, prediction_ids: Sequence[str]) -> Mapping[str, tuple[Prediction, Outcome | None]]:
        """The answered predictions with these ids of their own, each with its outcome, by id."""
        names = [stored.kept(name) for name in prediction_ids]
        with self._database.read() as connection:
            places = connection.execute("SELECT id, at FROM names WHERE prediction_id = ANY(%s)", (names,)).fetchall()
            rows = _found(connection, [Found(id=id, at=at) for id, at in places])
        return {found[0].prediction_id: found for found in map(_prediction, rows)}

    def count(self, model: str, window: Window) -> Mapping[int, int]:
        """Answered predictions per version in a window; versions without any are not listed."""
        with self._database.read() as connection:
            streams = connection.execute(
                "SELECT t.version, t.id FROM streams t JOIN models m ON m.id = t.model WHERE m.name = %s ORDER BY t.version", (model,)
            ).fetchall()
            query = "SELECT count(*) FROM predictions WHERE stream = %s AND at >= %s AND at < %s"
            bounds = (to_micros(window.start), to_micros(window.end))
            counts = {version: one(connection, query, (stream, *bounds))[0] for version, stream in streams}
        return {version: rows for version, rows in counts.items() if rows}

    def counters(self) -> dict[str, int]:
        """What was left out on the way in: `duplicates` (client ids answered before), `torn` (segments with a damaged end), `refused`."""
        with self._database.read() as connection:
            (duplicates,) = one(connection, "SELECT COUNT(*) FROM duplicates")
            counted = {name: int(value) for name, value in connection.execute("SELECT name, value FROM counters").fetchall()}
        return {"torn": 0, "refused": 0, **counted, "duplicates": duplicates}


def model_key(connection: Connection, model: str) -> int:
    """The key of a model; 0, which nothing has, if there are no predictions of it yet."""
    row = connection.execute("SELECT id FROM models WHERE name = %s", (model,)).fetchone()
    return int(row[0]) if row else 0


def find(connection: Connection, prediction_id: str, *, model: int | None = None) -> Found | None:
    """Where an answered prediction is, by its own id, by the client's, or by the id of a repeat that was dropped in its favour."""
    name = stored.kept(prediction_id)
    own = _named(connection, name)
    if own is not None:
        return own[0] if model in (None, own[1]) else None
    query = "SELECT c.prediction_id FROM clients c JOIN names n ON n.prediction_id = c.prediction_id WHERE c.client_id = %s"
    only, values = ("", (name,)) if model is None else (" AND c.model = %s", (name, model))
    first = connection.execute(f"{query}{only} ORDER BY n.id LIMIT 1".encode(), values).fetchone()
    if first is None:
        first = connection.execute("SELECT first FROM duplicates WHERE prediction_id = %s", (name,)).fetchone()
    found = None if first is None else _named(connection, first[0])
    return None if found is None else found[0]


def _named(connection: Connection, name: str) -> tuple[Found, int] | None:
    row = connection.execute("SELECT id, at, model FROM names WHERE prediction_id = %s", (name,)).fetchone()
    return None if row is None else (Found(id=row[0], at=row[1]), row[2])


def _found(connection: Connection, places: Sequence[Found]) -> list[tuple[Any, ...]]:
    """What stands at these places. They lie in few partitions if their event times lie near each other."""
    if not places:
        return []
    times = [place.at for place in places]
    return connection.execute(_FOUND, {"ids": [place.id for place in places], "first": min(times), "last": max(times)}).fetchall()


def _fetch(connection: Connection, query: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode(), values, binary=True).fetchall()


def _columns(found: Sequence[tuple[Any, ...]], names: Mapping[int, list[str]], asked: _Asked, maturity: Maturity | None) -> LoggedRows:
    columns = transposed(found, 9 + 3 * asked.arms + 3 * asked.features + bool(asked.context) + asked.versions)
    own, at, unit, entity, label, single, several, actual, known = columns[:9]
    rest = columns[9:]
    common = (
        stored.texts(own),
        at,
        stored.texts(unit),
        stored.texts(entity),
        stored.labels(label),
        stored.scores(single, several),
        stored.labels(actual),
        known,
    )
    arms, rest = (rest[:3], rest[3:]) if asked.arms else (None, rest)
    table: Table | None = None
    made_at: list[int] | None = None
    bare: list[bool] | None = None
    if asked.features:
        contracts = [contract or 0 for contract in rest[0]]  # 0: a shadow whose answered row is not here
        table = feature_table(contracts, map(unpacked, rest[1]), {0: [], **names})
        made_at = [at if made is None else made for at, made in zip(common[1], rest[2], strict=True)]
        bare = [value is None for value in rest[1]]
        rest = rest[3:]
    context = context_table(map(unpacked_context, rest[0]), asked.context) if asked.context else None
    version = rest[-1] if asked.versions else None
    return logged_rows(common, table, maturity=maturity, made_at=made_at, context=context, bare=bare, arms=arms, version=version)


def _last(tie: str, newest: int | None) -> str:
    """The rest of an order by event time."""
    return f", {tie}" if newest is None else f" DESC, {tie} DESC LIMIT {int(newest)}"


def _sampled(number: str, one_in: int) -> str:
    """One in so many rows. Multiples of the golden section fall evenly, whatever rows of other versions lie between."""
    return "" if one_in <= 1 else f" AND ({number} %% 1000003) * 618035 %% 1000003 < {1000003 // int(one_in)}"


def _stream(connection: Connection, model: str, version: int) -> int | None:
    query = "SELECT t.id FROM streams t JOIN models m ON m.id = t.model WHERE m.name = %s AND t.version = %s"
    row = connection.execute(query, (model, version)).fetchone()
    return None if row is None else int(row[0])


def _contracts(connection: Connection) -> dict[int, list[str]]:
    return {key: json.loads(names) for key, names in connection.execute("SELECT id, feature_names FROM contracts")}


def _prediction(row: tuple[Any, ...]) -> tuple[Prediction, Outcome | None]:
    own, model, version, variant, worker, at, made_at, unit, entity, client, label, *rest = row
    single, several, features, context, names, actual, outcome_at, propensity, value = rest
    values = unpacked(features)
    prediction = Prediction(
        prediction_id=stored.text(own),
        model=model,
        version=version,
        variant=variant,
        worker=stored.text(worker),
        at=from_micros(at),
        made_at=from_micros(made_at),
        unit=stored.texts([unit])[0],
        entity=stored.texts([entity])[0],
        client_id=stored.texts([client])[0],
        label=stored.label(label),
        score=stored.scores([single], [several])[0],
        features={} if values is None else dict(zip(json.loads(names), values, strict=True)),
        context=unpacked_context(context),
        propensity=propensity,
    )
    if outcome_at is None:
        return prediction, None
    return prediction, Outcome(actual=stored.label(actual), at=from_micros(outcome_at), prediction_id=prediction.prediction_id, value=value)
