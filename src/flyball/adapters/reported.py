"""Reports of monitoring as rows of a table: what every database that keeps them does alike."""

import hashlib
from datetime import datetime

from flyball.core.codec import from_json, not_finite, to_json
from flyball.core.errors import DataError, UnsupportedError
from flyball.core.window import from_micros, to_micros
from flyball.monitoring.records import MonitorReport

_FORMAT = 1
LAST = 2**63 - 1
"""Later than every report."""

Row = tuple[int, int, str]
"""When the report's window ends, the format, and the body."""


def as_row(model: str, report: MonitorReport) -> tuple[str, int, int, int, int, str]:
    """Model, end, version, start, format and body; DataError for a report with a number that is none."""
    place = not_finite(report)
    if place is not None:  # JSON has no NaN: it would be read back as nothing, where a number must be
        raise DataError(f"a monitor report cannot be kept: {place} is not a finite number")
    return model, to_micros(report.window.end), report.version, to_micros(report.window.start), _FORMAT, to_json(report)


class ReadBack:
    """Rows back into reports. The newest of each model is parsed once: servers ask for it at every scrape, and it may be large."""

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[bytes, MonitorReport]] = {}
        self._unreadable: dict[str, set[int]] = {}

    def newest(self, model: str, row: Row) -> MonitorReport | None:
        """The report of a row that is asked for again and again; None for one that cannot be read back."""
        digest = hashlib.blake2b(f"{row[1]} {row[2]}".encode(errors="surrogatepass")).digest()
        known = self._parsed.get(model)
        if known is not None and known[0] == digest:
            return known[1]
        report = self.report(model, row)
        if report is not None:
            self._parsed[model] = (digest, report)
        return report

    def report(self, model: str, row: Row) -> MonitorReport | None:
        """The report of a row; None, which is remembered, for one that cannot be read back."""
        end, version, body = row
        if version > _FORMAT:
            raise UnsupportedError("a monitor report was written by a newer Flyball", hint="upgrade flyball on this machine")
        try:
            return from_json(body, MonitorReport)
        except DataError:
            self._unreadable.setdefault(model, set()).add(end)
            return None

    def passed_over(self, model: str) -> list[datetime]:
        """When the windows of those end that could not be read back."""
        return [from_micros(end) for end in sorted(self._unreadable.get(model, ()))]
