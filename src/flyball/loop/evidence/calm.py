"""Which alerts may resolve: those whose signal was quiet long enough."""

from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.journal.state import State
from flyball.loop.records import Floored
from flyball.loop.world import World
from flyball.monitoring.drift import RELEASE_WINDOWS, Held, hysteresis
from flyball.monitoring.quality import holds
from flyball.monitoring.records import MonitorReport
from flyball.spec.records import Spec


def calm_keys(world: World, spec: Spec, state: State, report: MonitorReport, floor: Floored | None, *, refused: bool) -> frozenset[str]:
    """Firing keys that may resolve: a column that was quiet in the last windows one after the other or is no longer watched; performance
    above its floor or without one; servers that took over what was decided.
    """
    calm = set()
    columns = {key.removeprefix("drift:") for key in state.firing if key.startswith("drift:")}
    held = {name: Held(state="drift", calm=0) for name in columns}
    for kept in [*_last_windows(world, spec, state, report), report] if columns else []:
        held = hysteresis(held, {name: kept.columns[name] for name in held if name in kept.columns})
    for key in state.firing:
        kind, _, name = key.partition(":")
        if kind == "drift":
            quiet = (bool(report.columns) and name not in report.columns) or (name in held and held[name].state != "drift")
        elif kind == "performance":
            floor_stands = spec.monitor.floor is not None and spec.monitor.floor.metric == name
            quiet = not floor_stands or (floor is not None and floor.verdict is Verdict.PASS)
        elif kind == "quality":
            quiet = not any(one.key == key and holds(one) for one in report.quality)
        else:
            quiet = not refused
        if quiet:
            calm.add(key)
    return frozenset(calm)


def _last_windows(world: World, spec: Spec, state: State, report: MonitorReport) -> list[MonitorReport]:
    """One kept report for each of the windows before this one that a quiet alert has to have seen."""
    length, end = spec.monitor.window, report.window.end
    found = []
    for back in range(RELEASE_WINDOWS - 1, 0, -1):
        kept = world.reports.between(state.model, Window(start=end - length * (back + 0.5), end=end - length * (back - 0.5)))
        if kept:
            found.append(min(kept, key=lambda one: abs(one.window.end - (end - length * back))))
    return found
