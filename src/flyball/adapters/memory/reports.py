"""What monitoring found, window by window, in memory."""

from datetime import timedelta

from flyball.adapters.logged import micros
from flyball.core.window import Window, to_micros
from flyball.monitoring.records import MonitorReport


class MemoryReports:
    """The port `Reports`."""

    def __init__(self) -> None:
        self._kept: dict[str, list[MonitorReport]] = {}

    def save(self, model: str, report: MonitorReport) -> None:
        """Keep a report; one of the same version and window replaces the one before."""
        kept = [old for old in self._kept.get(model, []) if (old.version, old.window) != (report.version, report.window)]
        self._kept[model] = sorted([*kept, report], key=lambda r: (r.window.end, r.version))

    def latest(self, model: str) -> MonitorReport | None:
        """The report whose window ends last."""
        kept = self._kept.get(model)
        return kept[-1] if kept else None

    def between(self, model: str, window: Window) -> list[MonitorReport]:
        """The reports whose windows end within a window, in order of time."""
        return [report for report in self._kept.get(model, []) if report.window.end in window]

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
