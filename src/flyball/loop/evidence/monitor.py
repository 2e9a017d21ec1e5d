"""One look at one version: drift of the window that ends now, performance of the matured past, and quality of what was asked."""

from datetime import datetime, timedelta

from flyball.core.window import Window
from flyball.journal.state import State
from flyball.loop.evidence.details import performance_details
from flyball.loop.evidence.drift import window_drift
from flyball.loop.evidence.performance import past_performance
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.records import MonitorReport
from flyball.spec.records import Spec


def monitor(world: World, spec: Spec, state: State, version: int, memory: Memory, *, now: datetime, detailed: bool = True) -> MonitorReport:
    """What there is to say of a version now, with the details of its performance if they are wanted. Nothing is saved."""
    window = Window(start=now - spec.monitor.window, end=now)
    columns = window_drift(world, spec, state, version, memory, window=window)
    performance = past_performance(world, spec, state, version, memory, now=now)
    return MonitorReport(
        window=window,
        version=version,
        rows=world.predictions.count(spec.model.name, window).get(version, 0),
        columns=columns,
        performance=performance,
        details=performance_details(world, spec, state, version, memory, performance, now=now) if detailed else None,
    )


def keep(world: World, model: str, report: MonitorReport, window: timedelta) -> None:
    """Save a report for gauges and hysteresis, at most 24 in a window, so that ticking often does not fill the store."""
    if due(world, model, report.version, window, now=report.window.end):
        world.reports.save(model, report)


def due(world: World, model: str, version: int, window: timedelta, *, now: datetime) -> bool:
    """Whether a report of now will be kept."""
    latest = world.reports.latest(model)
    return latest is None or latest.version != version or now - latest.window.end >= window / 24
