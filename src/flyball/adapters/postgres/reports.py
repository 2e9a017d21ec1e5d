"""What monitoring found, window by window, in PostgreSQL."""

from datetime import datetime, timedelta
from itertools import count

from flyball.adapters.logged import micros
from flyball.adapters.postgres.database import Database
from flyball.adapters.reported import LAST, ReadBack, as_row
from flyball.core.window import Window, from_micros, to_micros
from flyball.monitoring.records import MonitorReport


class PostgresReports:
    """The port `Reports`. The newest report of each model is parsed once: servers ask for it at every scrape, and it may be large."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._back = ReadBack()

    def save(self, model: str, report: MonitorReport) -> None:
        """Keep a report; one of the same version and window replaces the one before."""
        row = as_row(model, report)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO reports (model, ends_at, version, starts_at, format, body) VALUES (%s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (model, ends_at, version, starts_at) DO UPDATE SET format = excluded.format, body = excluded.body",
                row,
            )

    def latest(self, model: str, *, by: datetime | None = None) -> MonitorReport | None:
        """The report whose window ends last; with `by`, of those that end then or before. What cannot be read back is passed over."""
        end = LAST if by is None else to_micros(by)
        for offset in count():
            with self._database.read() as connection:
                row = connection.execute(
                    "SELECT ends_at, format, body FROM reports WHERE model = %s AND ends_at <= %s ORDER BY ends_at DESC, version DESC "
                    "LIMIT 1 OFFSET %s",
                    (model, end, offset),
                ).fetchone()
            if row is None:
                return None
            report = self._back.newest(model, row)
            if report is not None:
                return report
        return None

    def between(self, model: str, window: Window) -> list[MonitorReport]:
        """The reports whose windows end within a window, in order of time."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT ends_at, format, body FROM reports WHERE model = %s AND ends_at >= %s AND ends_at < %s ORDER BY ends_at, version",
                (model, to_micros(window.start), to_micros(window.end)),
            ).fetchall()
        return [report for report in (self._back.report(model, row) for row in rows) if report is not None]

    def thin(self, model: str, window: Window, *, every: timedelta | None) -> int:
        """Of the reports whose windows end within a window keep the last of each `every` since 1970 (None: none). Say how many went."""
        within = "model = %s AND ends_at >= %s AND ends_at < %s"
        bounds: tuple[str | int, ...] = (model, to_micros(window.start), to_micros(window.end))
        if every is None:
            which, values = within, bounds
        else:
            values = (*bounds, *bounds, micros(every))
            last = f"SELECT MAX(ends_at) FROM reports WHERE {within} GROUP BY ends_at / %s::bigint"  # noqa: S608
            which = f"{within} AND ends_at NOT IN ({last})"
        with self._database.read() as connection:  # mostly there is nothing to do, and no reason to keep others from writing
            found = connection.execute(f"SELECT 1 FROM reports WHERE {which} LIMIT 1".encode(), values).fetchone()  # noqa: S608 - all of it is ours
        if found is None:
            return 0
        with self._database.write() as connection:
            return connection.execute(f"DELETE FROM reports WHERE {which}".encode(), values).rowcount  # noqa: S608 - the same

    def ends(self, model: str) -> list[datetime]:
        """When the windows of all kept reports end, in order of time."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT ends_at FROM reports WHERE model = %s ORDER BY ends_at", (model,)).fetchall()
        return [from_micros(end) for (end,) in rows]

    def passed_over(self, model: str) -> list[datetime]:
        """When the windows of those end that were asked for since this was opened, and could not be read back."""
        return self._back.passed_over(model)
