"""Performance of one version on the matured past, and whether it is below its floor."""

from datetime import datetime

from flyball.core.window import Window
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.records import Floored
from flyball.loop.world import World
from flyball.monitoring.estimated import estimated_below_floor
from flyball.monitoring.floor import floor_value, held_out_bound
from flyball.monitoring.performance import below_floor, realised
from flyball.monitoring.records import MonitorReport, Performance
from flyball.serving.records import Maturity
from flyball.spec.records import Spec


def past_performance(world: World, spec: Spec, state: State, version: int, memory: Memory, *, now: datetime) -> Performance | None:
    """The metric of the floor (or of the live comparison) over the matured past of a version."""
    manifest, _ = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    metric, window = main_metric(spec), past_window(spec, now)
    rows = memory.matured(world.predictions, spec.model.name, version, window, Maturity(age=spec.data.matures, by=now))
    return realised(
        rows,
        metric,
        task=spec.model.task,
        classes=manifest.classes,
        threshold=manifest.threshold,
        window=window,
        version=version,
        no_outcome=spec.data.no_outcome,
        timed=spec.data.time is not None,
    )


def main_metric(spec: Spec) -> str:
    """The metric that is looked at every time: that of the floor, else that of the live comparison."""
    return spec.monitor.floor.metric if spec.monitor.floor is not None else spec.row_metric


def past_window(spec: Spec, now: datetime) -> Window:
    """The time in which the rows lie that performance is about, as far as they are matured."""
    return Window(start=now - spec.monitor.performance_window - spec.data.matures, end=now)


def floor_of(spec: Spec, state: State, version: int) -> float | None:
    """The value the metric of the floor must not certainly be beyond; None without a floor, or without held-out bounds of the version."""
    floor = spec.monitor.floor
    if floor is None:
        return None
    bound = _held_out(state, version, floor.metric)
    return None if bound is None else floor_value(bound, floor.drop, floor.metric)


def floored(spec: Spec, state: State, performance: Performance | None) -> Floored | None:
    """Performance held against the floor of its version; None if there is no floor or nothing to hold against it."""
    floor = spec.monitor.floor
    if floor is None or performance is None:
        return None
    bound = _held_out(state, performance.version, floor.metric)
    if bound is None:
        return None
    verdict, reason = below_floor(performance, floor.metric, bound, floor.drop)
    return Floored(verdict=verdict, reason=reason)


def estimated_floored(spec: Spec, state: State, report: MonitorReport) -> Floored | None:
    """The newest estimate held against the floor of its version; None if there is no floor, or no estimate at this look."""
    floor = spec.monitor.floor
    if floor is None or report.details is None:
        return None
    bound = _held_out(state, report.version, floor.metric)
    told = sorted((one for one in report.details.estimated if one.metric == floor.metric), key=lambda one: one.window.end)
    if bound is None or not told:
        return None
    verdict, reason = estimated_below_floor(
        told[-1],
        bound,
        floor.drop,
        past=told[0] if len(told) > 1 else None,
        realised=report.performance,
        covered=not spec.data.matures,
    )
    return Floored(verdict=verdict, reason=reason)


def _held_out(state: State, version: int, metric: str) -> float | None:
    registered = state.versions[version].registered
    return held_out_bound(registered.lower, registered.upper, metric)
