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
            key = model_key(connection, model)
            for outcome in outcomes:
                refusal = malformed(outcome) or _take(connection, key, outcome, within, received_at)
                if refusal is not None:
                    rejected.append(refusal)
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


def _take(connection: Connection, model: int, outcome: Outcome, within: timedelta, received_at: int) -> Rejected | None:
    at = to_micros(outcome.at)
    if outcome.prediction_id:
        found, nearest = find(connection, outcome.prediction_id, model=model), Nearest()
    else:
        latest, nearest = _latest(connection, model, outcome, at, micros(within))
        if len(latest) > 1:
            return ambiguous(outcome, latest[0].at)
        found = latest[0] if latest else None
    if found is None:
        return unknown(outcome, nearest, within=within)
    held = connection.execute("SELECT actual, at FROM outcomes WHERE prediction = %s AND made_for = %s", (found.id, found.at)).fetchone()
    actual, outcome_at = (None, None) if held is None else (label(held[0]), held[1])
    refusal = refused(outcome, Candidate(at=found.at, actual=actual, outcome_at=outcome_at))
    if refusal is None:
        connection.execute(
            "INSERT INTO outcomes (prediction, made_for, model, at, received_at, actual, value) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (found.id, found.at, model, at, received_at, stored_label(outcome.actual), outcome.value),
        )
    return refusal


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
