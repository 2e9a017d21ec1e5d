"""What a project's own database holds, in numbers."""

import sqlite3
from contextlib import closing
from pathlib import Path

from flyball.adapters.held import Held
from flyball.adapters.sqlite.database import Database
from flyball.adapters.sqlite.migrations import MIGRATIONS
from flyball.core.window import from_micros


def held(path: Path, bundles: Path) -> Held:
    """The numbers of a file, which is neither made nor migrated by looking."""
    found = {"kind": "sqlite", "place": str(path), "needs": len(MIGRATIONS)}
    if not path.exists():
        return Held(version=0, **found)  # type: ignore[arg-type]  # three of them
    version = _version(path)
    if version != len(MIGRATIONS):
        return Held(version=version, size=path.stat().st_size, **found)  # type: ignore[arg-type]  # the same
    with Database(path) as database, database.read() as connection:
        counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("predictions", "outcomes", "journal")]  # noqa: S608
        bounds = connection.execute(
            "SELECT min(first), max(last) FROM (SELECT (SELECT min(at) FROM predictions WHERE stream = t.id) first,"
            " (SELECT max(at) FROM predictions WHERE stream = t.id) last FROM streams t)"
        ).fetchone()
    oldest, newest = (None if at is None else from_micros(at) for at in bounds)
    return Held(
        version=version,
        predictions=counts[0],
        outcomes=counts[1],
        entries=counts[2],
        bundles=len([one for one in bundles.glob("*") if len(one.name) == 64]),
        oldest=oldest,
        newest=newest,
        rest=counts[0],
        size=path.stat().st_size,
        **found,  # type: ignore[arg-type]  # three of them
    )


def _version(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT schema_version FROM flyball").fetchone()[0])
        except sqlite3.Error:
            Database(path).close()  # says what is wrong with it
            return 0
