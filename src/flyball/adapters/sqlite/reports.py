"""What monitoring found, window by window, in SQLite."""

import hashlib
from datetime import timedelta

from flyball.adapters.logged import micros
from flyball.adapters.sqlite.database import Database
from flyball.core.codec import from_json, to_json
from flyball.core.errors import UnsupportedError
from flyball.core.window import Window, to_micros
from flyball.monitoring.records import MonitorReport

_FORMAT = 1


class SqliteReports:
    """The port `Reports`. The newest report of each model is parsed once: servers ask for it at every scrape, and it may be large."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parsed: dict[str, tuple[bytes, MonitorReport]] = {}

    def save(self, model: str, report: MonitorReport) -> None:
        """Keep a report; one of the same version and window replaces the one before."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO reports (model, ends_at, version, starts_at, format, body) VALUES (?, ?, ?, ?, ?, ?)",
                (model, to_micros(report.window.end), report.version, to_micros(report.window.start), _FORMAT, to_json(report)),
            )

    def latest(self, model: str) -> MonitorReport | None:
        """The report whose window ends last."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT format, body FROM reports WHERE model = ? ORDER BY ends_at DESC, version DESC LIMIT 1", (model,)
            ).fetchone()
        if row is None:
            return None
        digest = hashlib.blake2b(f"{row[0]} {row[1]}".encode(errors="surrogatepass")).digest()
        known = self._parsed.get(model)
        if known is not None and known[0] == digest:
            return known[1]
        (report,) = _reports([row])
        self._parsed[model] = (digest, report)
        return report

    def between(self, model: str, window: Window) -> list[MonitorReport]:
        """The reports whose windows end within a window, in order of time."""
        return self._select(
            "WHERE model = ? AND ends_at >= ? AND ends_at < ? ORDER BY ends_at, version",
            (model, to_micros(window.start), to_micros(window.end)),
        )

    def thin(self, model: str, window: Window, *, every: timedelta | None) -> int:
        """Of the reports whose windows end within a window keep the last of each `every` since 1970 (None: none). Say how many went."""
        within = "model = ? AND ends_at >= ? AND ends_at < ?"
        bounds: tuple[str | int, ...] = (model, to_micros(window.start), to_micros(window.end))
        if every is None:
            which, values = within, bounds
        else:
            values = (micros(every), *bounds)
            within = "model = ?2 AND ends_at >= ?3 AND ends_at < ?4"
            last = f"SELECT MAX(ends_at) FROM reports WHERE {within} GROUP BY ends_at / ?1"  # noqa: S608
            which = f"{within} AND ends_at NOT IN ({last})"
        with self._database.read() as connection:  # mostly there is nothing to do, and no reason to keep others from writing
            found = connection.execute(f"SELECT 1 FROM reports WHERE {which} LIMIT 1", values).fetchone()  # noqa: S608 - all of it is ours
        if found is None:
            return 0
        with self._database.write() as connection:
            return connection.execute(f"DELETE FROM reports WHERE {which}", values).rowcount  # noqa: S608 - the same

    def _select(self, where: str, values: tuple[str | int, ...]) -> list[MonitorReport]:
        with self._database.read() as connection:
            return _reports(connection.execute(f"SELECT format, body FROM reports {where}", values).fetchall())  # noqa: S608 - `where` is ours


def _reports(rows: list[tuple[int, str]]) -> list[MonitorReport]:
    if any(version > _FORMAT for version, _ in rows):
        raise UnsupportedError("a monitor report was written by a newer Flyball", hint="upgrade flyball on this machine")
    return [from_json(body, MonitorReport) for _, body in rows]
