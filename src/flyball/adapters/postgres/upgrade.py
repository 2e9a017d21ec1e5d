"""Bringing the tables of the shared database up to the version that this Flyball needs."""

from collections.abc import Callable

from flyball.adapters.postgres.database import Database, one, schema_version
from flyball.adapters.postgres.migrations import MIGRATIONS, SCHEMA


def upgrade(database: Database, *, say: Callable[[str], None] = lambda _: None) -> tuple[int, int]:
    """Make or migrate the tables, all of it or nothing, and say from which version to which.

    Of several at once one does it. Open the database with `checked=False`, else an older one is refused before this begins.
    """
    with database.write("upgrade") as connection:
        before = schema_version(connection)
        if before == 0 and not one(connection, "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = %s)", (SCHEMA,))[0]:
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for number in range(before, len(MIGRATIONS)):
            say(f"to version {number + 1} of {len(MIGRATIONS)} …")
            connection.execute(MIGRATIONS[number].encode())
            connection.execute("UPDATE flyball SET schema_version = %s", (number + 1,))
    return before, len(MIGRATIONS)


def version_of(database: Database) -> int:
    """The version of its tables; 0: it has none."""
    with database.read() as connection:
        return schema_version(connection)
