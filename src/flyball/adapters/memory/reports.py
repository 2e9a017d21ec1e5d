"""What monitoring found, window by window, in memory."""

from datetime import datetime, timedelta

from flyball.adapters.logged import micros
from flyball.core.codec import not_finite
from flyball.core.errors import DataError
from flyball.core.window import Window, to_micros
from flyball.monitoring.records import MonitorReport


class MemoryReports:
    """The port `Reports`."""

    def __init__(self) -> None:
        self._kept: dict[str, list[MonitorReport]] = {}

    def save(self, model: str, report: MonitorReport) -> None:
        """Keep a report; one of the same version and window replaces the one before."""
        place = not_finite(report)
        if place is not None:
            raise DataError(f"a monitor report cannot be kept: {place} is not a finite number")
        kept = [old for old in self._kept.get(model, []) if (old.version, old.window) != (report.version, report.window)]
        self._kept[model] = sorted([*kept, report], key=lambda r: (r.window.end, r.version))

    def latest(self, model: str, *, by: datetime | None = None) -> MonitorReport | None:
        """The report whose window ends last; with `by`, of those that end then or before."""
        kept = [report for report in self._kept.get(model, []) if by is None or report.window.end <= by]
        return kept[-1] if kept else None

    def between(self, model: str, window: Window) -> list[MonitorReport]:
        """The reports whose windows end within a window, in order of time."""
        return [report for report in self._kept.get(model, []) if report.window.end in window]

    def ends(self, model: str) -> list[datetime]:
        """When the windows of all kept reports end, in order of time."""
        return [report.window.end for report in self._kept.get(model, [])]

    def passed_over(self, model: str) -> list[datetime]:
        """None: what stands in memory can be read."""
        return []

    def thin(self, model: str, window: Window, *, every: timedelta | None) -> int:
        """Of the reports whose windows end within a window keep the last of each `every` since 1970 (None: none). Say how many went."""
        before = self._kept.get(model, [])
        last = (
            {}
            if every is None
            else {to_micros(report.window.end) // micros(every): report.window.end for report in before if report.window.end in window}
        )
        self._kept[model] = [report for report in before if report.window.end not in window or report.window.end in last.values()]
        return len(before) - len(self._kept[model])
