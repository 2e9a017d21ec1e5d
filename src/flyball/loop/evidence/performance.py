"""Performance of one version on the matured past, and whether it is below its floor."""

from datetime import datetime

from flyball.core.window import Window
from flyball.journal.state import State
from flyball.loop.memory import Memory
from flyball.loop.records import Floored
from flyball.loop.world import World
from flyball.monitoring.performance import below_floor, realised
from flyball.monitoring.records import Performance
from flyball.serving.records import Maturity
from flyball.spec.records import Spec
from flyball.stats.scores import METRICS


def past_performance(world: World, spec: Spec, state: State, version: int, memory: Memory, *, now: datetime) -> Performance | None:
    """The metric of the floor (or of the live comparison) over the matured past of a version."""
    manifest, _ = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    metric = spec.monitor.floor.metric if spec.monitor.floor is not None else spec.rollout.metric
    window = Window(start=now - spec.monitor.performance_window - spec.data.matures, end=now)
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
    )


def floor_of(spec: Spec, state: State) -> float | None:
    """The value the metric of the floor must not certainly be beyond; None without a floor, or without held-out bounds of the champion."""
    floor = spec.monitor.floor
    if floor is None or state.champion is None:
        return None
    registered, rising = state.versions[state.champion].registered, METRICS[floor.metric].direction == "higher"
    bound = (registered.lower if rising else registered.upper).get(floor.metric)
    return None if bound is None else bound - floor.drop if rising else bound + floor.drop


def floored(spec: Spec, state: State, performance: Performance | None) -> Floored | None:
    """Performance held against the floor of the spec; None if there is no floor or nothing to hold against it."""
    floor = spec.monitor.floor
    if floor is None or performance is None or state.champion is None:
        return None
    registered = state.versions[state.champion].registered
    bounds = registered.lower if METRICS[floor.metric].direction == "higher" else registered.upper
    if floor.metric not in bounds:
        return None
    verdict, reason = below_floor(performance, floor.metric, bounds[floor.metric], floor.drop)
    return Floored(verdict=verdict, reason=reason)
