"""Who may act for a model, in PostgreSQL, by the clock of its server: those of the machines need not agree."""

from datetime import timedelta

from flyball.adapters.postgres.database import Database
from flyball.core.window import from_micros
from flyball.journal.leading import Lease

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_TAKE = f"""
INSERT INTO leases AS held (model, holder, epoch, until) VALUES (%(model)s, %(holder)s, 1, {_NOW} + %(lasts)s)
ON CONFLICT (model) DO UPDATE SET
  holder = excluded.holder,
  epoch = held.epoch + CASE WHEN held.holder = excluded.holder THEN 0 ELSE 1 END,
  until = {_NOW} + %(lasts)s
WHERE held.holder = excluded.holder OR held.until <= {_NOW}
RETURNING epoch, until
"""  # noqa: S608 - constants
_CURRENT = f"SELECT holder, epoch, until FROM leases WHERE model = %s AND until > {_NOW}"  # noqa: S608 - a constant
_GIVE_BACK = f"UPDATE leases SET until = {_NOW} WHERE model = %s AND holder = %s AND epoch = %s"  # noqa: S608 - a constant


class PostgresLeases:
    """The port `Leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, model: str, holder: str, *, lasts: timedelta) -> Lease | None:
        """The lease of a model for so long from now on; None while another holds it."""
        values = {"model": model, "holder": holder, "lasts": lasts // timedelta(microseconds=1)}
        with self._database.write(journal_lock(model)) as connection:  # no append is half-way between its look at the lease and its end
            row = connection.execute(_TAKE.encode(), values).fetchone()
        return None if row is None else Lease(model=model, holder=holder, epoch=row[0], until=from_micros(row[1]))

    def current(self, model: str) -> Lease | None:
        """Who holds it now, if anybody does."""
        with self._database.read() as connection:
            row = connection.execute(_CURRENT.encode(), (model,)).fetchone()
        return None if row is None else Lease(model=model, holder=row[0], epoch=row[1], until=from_micros(row[2]))

    def give_back(self, lease: Lease) -> None:
        """Let others take it at once; nothing if it is somebody else's by now."""
        with self._database.write(journal_lock(lease.model)) as connection:
            connection.execute(_GIVE_BACK.encode(), (lease.model, lease.holder, lease.epoch))


def journal_lock(model: str) -> str:
    """The lock under which entries of a model are appended, and the right to append changes hands."""
    return f"journal {model}"
