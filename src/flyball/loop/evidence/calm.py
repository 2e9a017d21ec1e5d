"""Which alerts may resolve: those whose signal was quiet long enough."""

from flyball.core.reason import Reason, because
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.journal.known import State
from flyball.loop.records import Floored
from flyball.loop.world import World
from flyball.monitoring.drift import RELEASE_WINDOWS, Held, hysteresis
from flyball.monitoring.quality import holds
from flyball.monitoring.records import MonitorReport
from flyball.spec.records import Spec


def calm_keys(world: World, spec: Spec, state: State, report: MonitorReport, floor: Floored | None, *, refused: bool) -> dict[str, Reason]:
    """Firing keys that may resolve, and why: a column that was quiet in the last windows one after the other or is no longer watched;
    performance above its floor or without one; rows without the fault; servers that took over what was decided.
    """
    columns = {key.removeprefix("drift:") for key in state.firing if key.startswith("drift:")}
    held = {name: Held(state="drift", calm=0) for name in columns}
    for kept in [*_last_windows(world, spec, state, report), report] if columns else []:
        # a report without a column (of a champion that was asked nothing yet) changes nothing of it
        held |= hysteresis(held, {name: kept.columns[name] for name in held if name in kept.columns})
    calm = {}
    for key in state.firing:
        kind, _, name = key.partition(":")
        code = ""
        if kind == "drift":
            if report.columns and name not in report.columns:
                code = "alert.unwatched"
            elif held[name].state != "drift":
                code = "alert.resolved"
        elif kind == "performance":
            if spec.monitor.floor is None or spec.monitor.floor.metric != name:
                code = "alert.unwatched"
            elif floor is not None and floor.verdict is Verdict.PASS:
                code = "alert.inside"
        elif kind == "quality":
            code = "" if any(one.key == key and holds(one) for one in report.quality) else "alert.over"
        elif not refused:
            code = "alert.over"
        if code:
            calm[key] = because(code, key=key)
    return calm


def _last_windows(world: World, spec: Spec, state: State, report: MonitorReport) -> list[MonitorReport]:
    """One kept report for each of the windows before this one that a quiet alert has to have seen."""
    length, end = spec.monitor.window, report.window.end
    found = []
    for back in range(RELEASE_WINDOWS - 1, 0, -1):
        kept = world.reports.between(state.model, Window(start=end - length * (back + 0.5), end=end - length * (back - 0.5)))
        if kept:
            found.append(min(kept, key=lambda one: abs(one.window.end - (end - length * back))))
    return found
