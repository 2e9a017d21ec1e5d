"""One look at one version: drift of the window that ends now, performance of the matured past, and quality of what was asked."""

from dataclasses import replace
from datetime import datetime, timedelta

from flyball.core.window import Window
from flyball.journal.state import State
from flyball.loop.evidence.drift import window_drift
from flyball.loop.evidence.performance import floor_of, past_performance
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.records import MonitorReport
from flyball.spec.records import Spec


def monitor(world: World, spec: Spec, state: State, version: int, memory: Memory, *, now: datetime) -> MonitorReport:
    """What there is to say of a version now. Nothing is saved."""
    window = Window(start=now - spec.monitor.window, end=now)
    columns = window_drift(world, spec, state, version, memory, window=window)
    performance = past_performance(world, spec, state, version, memory, now=now)
    return MonitorReport(
        window=window,
        version=version,
        rows=world.predictions.count(spec.model.name, window).get(version, 0),
        columns=columns,
        performance=None if performance is None else replace(performance, floor=floor_of(spec, state)),
    )


def keep(world: World, model: str, report: MonitorReport, window: timedelta) -> None:
    """Save a report for gauges and hysteresis, at most 24 in a window, so that ticking often does not fill the store."""
    latest = world.reports.latest(model)
    if latest is None or latest.version != report.version or report.window.end - latest.window.end >= window / 24:
        world.reports.save(model, report)
