"""Outcomes in PostgreSQL: each matched to its prediction and committed in one transaction per list."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from flyball.adapters.logged import micros
from flyball.adapters.matching import Candidate, Nearest, ambiguous, malformed, refused, unknown
from flyball.adapters.postgres.database import Connection, Database, one
from flyball.adapters.postgres.predictions import Found, find, model_key
from flyball.adapters.postgres.rows import kept, label, stored_label
from flyball.core.window import to_micros
from flyball.serving.records import Accepted, Outcome, Rejected

# {column} is entity or unit; two rows, to see whether the latest event time belongs to one prediction alone.
_LATEST = "SELECT id, at FROM predictions WHERE model = %s AND {column} = %s AND at <= %s AND at >= %s ORDER BY at DESC LIMIT 2"
_LATER = "SELECT at FROM predictions WHERE model = %s AND {column} = %s AND at > %s ORDER BY at LIMIT 1"
_OLDER = "SELECT at FROM predictions WHERE model = %s AND {column} = %s AND at < %s ORDER BY at DESC LIMIT 1"

_NAMED = """
SELECT n.prediction_id, n.id, n.at, o.actual, o.at FROM names n LEFT JOIN outcomes o ON o.prediction = n.id AND o.made_for = n.at
WHERE n.prediction_id = ANY(%s) AND n.model = %s
"""
_HELD = "SELECT actual, at FROM outcomes WHERE prediction = %s AND made_for = %s"
_INSERT = "INSERT INTO outcomes (prediction, made_for, model, at, actual, value, received_at) VALUES (%s, %s, %s, %s, %s, %s, %s)"


class PostgresOutcomeLog:
    """The port `OutcomeLog`. `clock` says when an outcome was received, which is kept beside when it became known (`at`)."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def take(self, model: str, outcomes: Sequence[Outcome], *, within: timedelta) -> Accepted:
        """Commit the outcomes that belong to exactly one earlier prediction and say of each other one why it was not taken."""
        received_at = to_micros(self._clock())
        rejected: list[Rejected] = []
        with self._database.write(f"outcomes {model}") as connection:
            taking = _Taking(connection, model_key(connection, model), within, outcomes)
            for outcome in outcomes:
                refusal = malformed(outcome) or taking.take(outcome)
                if refusal is not None:
                    rejected.append(refusal)
            connection.cursor().executemany(_INSERT, [(*row, received_at) for row in taking.taken])
        return Accepted(accepted=len(outcomes) - len(rejected), rejected=tuple(rejected))

    def labelled_since(self, model: str, since: datetime, now: datetime) -> int:
        """How many outcomes became known with since < at <= now."""
        with self._database.read() as connection:
            (number,) = one(
                connection,
                "SELECT COUNT(*) FROM outcomes WHERE model = %s AND at > %s AND at <= %s AND made_for <= %s",
                (model_key(connection, model), to_micros(since), to_micros(now), to_micros(now)),
            )
        return int(number)


class _Taking:
    """One list of outcomes. What its prediction ids lead to is asked at once: one by one each would be a way to the server and back."""

    def __init__(self, connection: Connection, model: int, within: timedelta, outcomes: Sequence[Outcome]) -> None:
        self._connection = connection
        self._model = model
        self._within = within
        names = list({kept(one.prediction_id) for one in outcomes if one.prediction_id and malformed(one) is None})
        self._named: dict[str, Found] = {}
        self._held: dict[Found, tuple[str, int] | None] = {}
        for name, key, made_for, actual, at in connection.execute(_NAMED, (names, model)).fetchall() if names else ():
            self._named[name] = Found(id=key, at=made_for)
            self._held[self._named[name]] = None if at is None else (actual, at)
        self.taken: list[tuple[object, ...]] = []

    def take(self, outcome: Outcome) -> Rejected | None:
        """Note it in `taken`, or say why not."""
        at, nearest = to_micros(outcome.at), Nearest()
        if outcome.prediction_id:
            found = self._named.get(kept(outcome.prediction_id)) or find(self._connection, outcome.prediction_id, model=self._model)
        else:
            latest, nearest = _latest(self._connection, self._model, outcome, at, micros(self._within))
            if len(latest) > 1:
                return ambiguous(outcome, latest[0].at)
            found = latest[0] if latest else None
        if found is None:
            return unknown(outcome, nearest, within=self._within)
        held = self._held_by(found)
        actual, outcome_at = (None, None) if held is None else (label(held[0]), held[1])
        refusal = refused(outcome, Candidate(at=found.at, actual=actual, outcome_at=outcome_at))
        if refusal is None:
            stored = stored_label(outcome.actual) or "null"
            self._held[found] = (stored, at)
            self.taken.append((found.id, found.at, self._model, at, stored, outcome.value))
        return refusal

    def _held_by(self, found: Found) -> tuple[str, int] | None:
        if found not in self._held:
            row = self._connection.execute(_HELD, (found.id, found.at)).fetchone()
            self._held[found] = None if row is None else (row[0], row[1])
        return self._held[found]


def _latest(connection: Connection, model: int, outcome: Outcome, at: int, within: int) -> tuple[list[Found], Nearest]:
    """The latest prediction before `at` (two, if they were made for one time); if none, those that come nearest."""
    column, value = ("entity", outcome.entity) if outcome.entity else ("unit", outcome.unit)
    name = kept(value or "")
    earliest = at - within if within else -(2**62)
    found = connection.execute(_LATEST.format(column=column).encode(), (model, name, at, earliest)).fetchall()
    if found:
        return [Found(id=key, at=when) for key, when in found if when == found[0][1]], Nearest()
    later = connection.execute(_LATER.format(column=column).encode(), (model, name, at)).fetchone()
    older = connection.execute(_OLDER.format(column=column).encode(), (model, name, earliest)).fetchone()
    return [], Nearest(older=older[0] if older else None, later=later[0] if later else None)
