"""What a tick measures before it decides: drift, realised performance, live comparisons, and how the running training stands."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from flyball.core.errors import DataError, FlyballError
from flyball.core.reason import because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.core.window import Window
from flyball.journal.events import DayGain
from flyball.journal.state import State
from flyball.loop.memory import Memory
from flyball.loop.records import Evidence, Finished, Floored
from flyball.loop.world import World
from flyball.monitoring.drift import RELEASE_WINDOWS, SCALES, Held, drift_over, hysteresis
from flyball.monitoring.experiment import paired
from flyball.monitoring.performance import below_floor, realised
from flyball.monitoring.records import ColumnDrift, MonitorReport, PairedEvidence, Performance
from flyball.registry.records import Manifest
from flyball.serving.records import Maturity
from flyball.spec.records import Spec
from flyball.stats.scores import METRICS

T = TypeVar("T")


def measure(world: World, spec: Spec, state: State, memory: Memory, *, now: datetime) -> Evidence:
    """Everything the policy may look at, as of `now`. Saves the monitor report of the window that just ended.

    What cannot be measured is missing evidence with its `trouble` told, never a reason to stop looking at the rest.
    """
    finished = _finished(world, state)
    nothing = Evidence(
        drift={}, calm=frozenset(), performance=None, floor=None, rollout=None, watch=None, new_outcomes=0, finished=finished
    )
    if state.champion is None:
        return nothing
    trouble: list[str] = []
    refused = tuple(error for _, error in world.deployments.workers(state.model).values() if error)
    found = replace(
        nothing,
        rollout=_measured(lambda: _rollout(world, spec, state, memory, now), trouble),
        watch=_measured(lambda: _watch(world, spec, state, memory, now), trouble),
        new_outcomes=world.outcomes.labelled_since(state.model, state.last_retrain_at or state.first_at or now, now),
        refused=refused,
    )
    bundle = state.versions[state.champion].registered.bundle
    report = _measured(lambda: monitor(world, spec, state.champion or 0, bundle, memory, now=now), trouble)
    if report is not None:
        keep(world, state.model, report, spec.monitor.window)
        floor = _floor(spec, state, report.performance)
        calm = _calm(world, spec, state, report, floor, refused=bool(refused))
        found = replace(found, drift=report.columns, calm=calm, performance=report.performance, floor=floor)
    return replace(found, trouble="; ".join(trouble))


def _measured(measurement: Callable[[], T], trouble: list[str]) -> T | None:
    """The measurement, or None with what kept it from being made."""
    try:
        return measurement()
    except FlyballError as error:
        trouble.append(error.message)
        return None


def monitor(world: World, spec: Spec, version: int, bundle: str, memory: Memory, *, now: datetime) -> MonitorReport:
    """Drift of the window that ends now, and realised performance of the matured past, of one version."""
    model = spec.model.name
    manifest, reference = memory.bundle(world.bundles, bundle)
    window = Window(start=now - spec.monitor.window, end=now)
    counts = memory.counts(world.predictions, model, version, bundle, window, windows=max(SCALES))
    columns: Mapping[str, ColumnDrift] = {}
    if counts:
        columns = drift_over(
            reference,
            counts,
            window_days=spec.monitor.window / timedelta(days=1),
            margin=spec.monitor.margin,
            share_margin=spec.monitor.share_margin,
        )
    return MonitorReport(
        window=window,
        version=version,
        rows=world.predictions.count(model, window).get(version, 0),
        columns=columns,
        performance=_performance(world, spec, version, manifest, memory, now=now),
    )


def _performance(world: World, spec: Spec, version: int, manifest: Manifest, memory: Memory, *, now: datetime) -> Performance | None:
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


def _floor(spec: Spec, state: State, performance: Performance | None) -> Floored | None:
    floor = spec.monitor.floor
    if floor is None or performance is None or state.champion is None:
        return None
    registered = state.versions[state.champion].registered
    bounds = registered.lower if METRICS[floor.metric].direction == "higher" else registered.upper
    if floor.metric not in bounds:
        return None
    verdict, reason = below_floor(performance, floor.metric, bounds[floor.metric], floor.drop)
    return Floored(verdict=verdict, reason=reason)


def _calm(world: World, spec: Spec, state: State, report: MonitorReport, floor: Floored | None, *, refused: bool) -> frozenset[str]:
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


def keep(world: World, model: str, report: MonitorReport, window: timedelta) -> None:
    """Save a report for gauges and hysteresis, at most 24 in a window, so that ticking often does not fill the store."""
    latest = world.reports.latest(model)
    if latest is None or latest.version != report.version or report.window.end - latest.window.end >= window / 24:
        world.reports.save(model, report)


def _rollout(world: World, spec: Spec, state: State, memory: Memory, now: datetime) -> PairedEvidence | None:
    rollout = state.rollout
    if rollout is None or rollout.champion != state.champion:
        return None
    registered = state.versions[rollout.version].registered
    # the held-out days count only if they were compared with this champion, by the metric this rollout goes by
    same = registered.compared_with == rollout.champion and registered.head_start_metric == rollout.metric
    rules = Rules(
        metric=rollout.metric,
        alpha=rollout.alpha,
        head_start=registered.head_start if same else (),
    )
    window = Window(start=rollout.start_at, end=now)
    return compare_live(world, spec, state, memory, (rollout.version, rollout.champion), window, rules)


def _watch(world: World, spec: Spec, state: State, memory: Memory, now: datetime) -> PairedEvidence | None:
    watch = state.watch
    if watch is None or watch.version != state.champion:
        return None
    rules = Rules(metric=spec.rollout.metric, alpha=spec.rollout.alpha)
    return compare_live(world, spec, state, memory, (watch.version, watch.previous), Window(start=watch.since, end=now), rules)


@record
class Rules:
    """What a live comparison goes by; `head_start`: days held out from both versions that it begins with."""

    metric: str
    alpha: float
    head_start: tuple[DayGain, ...] = ()


def compare_live(
    world: World, spec: Spec, state: State, memory: Memory, versions: tuple[int, int], window: Window, rules: Rules
) -> PairedEvidence:
    """Two versions on the rows both scored, over whole matured days. DataError if they do not say the same kind of thing."""
    manifests = [memory.bundle(world.bundles, state.versions[number].registered.bundle)[0] for number in versions]
    one, two = manifests
    by_label = METRICS[rules.metric].loss is METRICS["error"].loss
    if (one.task, one.classes) != (two.task, two.classes) or (by_label and one.threshold != two.threshold):
        raise DataError(f"versions {versions[0]} and {versions[1]} of {state.model} do not answer with the same classes and threshold")
    maturity = Maturity(age=spec.data.matures, by=window.end)
    first, second = (
        memory.matured(world.predictions, state.model, number, window, maturity, whole=True, compared=True) for number in versions
    )
    return paired(
        first,
        second,
        rules.metric,
        task=spec.model.task,
        classes=one.classes,
        threshold=one.threshold,
        versions=versions,
        alpha=rules.alpha,
        no_outcome=spec.data.no_outcome,
        head_start=rules.head_start,
    )


def _finished(world: World, state: State) -> Finished | None:
    """How the running training ended, if it has. A version it registered counts, whatever became of the process."""
    if state.running is None:
        return None
    action = state.running.started.action
    made = [number for number, known in state.versions.items() if known.registered.action == action]
    job = world.executor.poll(action)
    if job.state == "running":
        return None
    if made:
        version = max(made)
        verdict = state.versions[version].registered.gate.verdict.value
        reason = because("retrain.registered", version=version, verdict=verdict)
        return Finished(action=action, outcome="registered", version=version, reason=reason)
    if job.state == "lost":
        return Finished(action=action, outcome="lost", version=0, reason=because("retrain.lost"))
    if job.state == "done" or '"status":"unchanged"' in job.result.replace(" ", ""):
        return Finished(action=action, outcome="unchanged", version=0, reason=because("retrain.unchanged"))
    return Finished(action=action, outcome="failed", version=0, reason=because("retrain.failed", message=_tail(job.message)))


def _tail(message: str) -> str:
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-500:] if lines else "no message"
