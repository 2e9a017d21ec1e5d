"""What the shared database holds, in numbers."""

from psycopg import errors as sql

from flyball.adapters.held import Held
from flyball.adapters.logged import MICROS_PER_DAY
from flyball.adapters.postgres.database import Connection, Database, one, schema_version
from flyball.adapters.postgres.days import made
from flyball.adapters.postgres.migrations import MIGRATIONS, SCHEMA
from flyball.core.window import from_micros

_FEW = 200_000
"""Up to so many rows are counted; of more, the server's own estimate is told."""
_ESTIMATE = """
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname ~ %s
"""


def held(database: Database) -> Held:
    """The numbers of a database, which is not changed by looking. Open it with `checked=False`."""
    with database.read() as connection:
        version = schema_version(connection)
        if version != len(MIGRATIONS):
            return Held(kind="postgresql", place=database.place, version=version, needs=len(MIGRATIONS))
        days = made(connection)
        with_rows = [day for day in days if _has_rows(connection, day)]
        return Held(
            kind="postgresql",
            place=database.place,
            version=version,
            needs=len(MIGRATIONS),
            predictions=_rows(connection, "predictions"),
            outcomes=_rows(connection, "outcomes"),
            entries=one(connection, "SELECT count(*) FROM journal")[0],
            bundles=one(connection, "SELECT count(*) FROM bundles")[0],
            oldest=from_micros(with_rows[0] * MICROS_PER_DAY) if with_rows else None,
            newest=from_micros(with_rows[-1] * MICROS_PER_DAY) if with_rows else None,
            days=len(days),
            rest=one(connection, "SELECT count(*) FROM predictions_rest")[0],
            size=one(
                connection, "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relnamespace = %s::regnamespace", (SCHEMA,)
            )[0],
        )


def _has_rows(connection: Connection, day: int) -> bool:
    """Whether a day's partition holds anything; one that was dropped meanwhile does not."""
    try:
        with connection.transaction():
            return bool(one(connection, f"SELECT EXISTS (SELECT 1 FROM predictions_{day})")[0])  # noqa: S608 - a number
    except sql.UndefinedTable:
        return False


def _rows(connection: Connection, table: str) -> int:
    (about,) = one(connection, _ESTIMATE, (f"^{table}(_[0-9]+|_rest)$",))
    return int(about) if about > _FEW else int(one(connection, f"SELECT count(*) FROM {table}")[0])  # noqa: S608 - one of ours
