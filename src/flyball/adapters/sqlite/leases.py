"""Who may act for a model, in SQLite."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flyball.adapters.sqlite.database import Database
from flyball.core.window import from_micros, to_micros
from flyball.journal.leading import Lease

_LAST = "SELECT holder, epoch, until FROM leases WHERE model = ?"


class SqliteLeases:
    """The port `Leases`. `clock` is the wall clock: one file is one machine's, so it has one clock."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def take(self, model: str, holder: str, *, lasts: timedelta) -> Lease | None:
        """The lease of a model for so long from now on; None while another holds it."""
        with self._database.write() as connection:
            now, last = self._clock(), connection.execute(_LAST, (model,)).fetchone()
            if last is not None and last[0] != holder and last[2] > to_micros(now):
                return None
            epoch = 1 if last is None else last[1] + (last[0] != holder)
            lease = Lease(model=model, holder=holder, epoch=epoch, until=now + lasts)
            connection.execute(
                "INSERT OR REPLACE INTO leases (model, holder, epoch, until) VALUES (?, ?, ?, ?)",
                (model, holder, epoch, to_micros(lease.until)),
            )
        return lease

    def current(self, model: str) -> Lease | None:
        """Who holds it now, if anybody does."""
        with self._database.read() as connection:
            last = connection.execute(_LAST, (model,)).fetchone()
        if last is None or last[2] <= to_micros(self._clock()):
            return None
        return Lease(model=model, holder=last[0], epoch=last[1], until=from_micros(last[2]))

    def give_back(self, lease: Lease) -> None:
        """Let others take it at once; nothing if it is somebody else's by now."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE leases SET until = ? WHERE model = ? AND holder = ? AND epoch = ?",
                (to_micros(self._clock()), lease.model, lease.holder, lease.epoch),
            )
