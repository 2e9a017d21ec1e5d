"""What monitoring found, window by window, in memory."""

from datetime import datetime

from flyball.core.window import Window
from flyball.monitoring.records import MonitorReport


class MemoryReports:
    """The port `Reports`."""

    def __init__(self) -> None:
        self._kept: dict[str, list[MonitorReport]] = {}
        self._looks: dict[str, list[datetime]] = {}

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

    def looked(self, model: str, at: datetime) -> None:
        """Remember that the loop looked at a model then."""
        self._looks[model] = sorted({*self._looks.get(model, []), at})[-10:]

    def looks(self, model: str) -> list[datetime]:
        """When the loop looked last: the ten newest times, in order of time."""
        return list(self._looks.get(model, []))
