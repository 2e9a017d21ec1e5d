"""What a tick measures before it decides: drift, realised performance, live comparisons, and how the running training stands."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from flyball.core.reason import because
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


def measure(world: World, spec: Spec, state: State, memory: Memory, *, now: datetime) -> Evidence:
    """Everything the policy may look at, as of `now`. Saves the monitor report of the window that just ended."""
    finished = _finished(world, state)
    if state.champion is None:
        return Evidence(
            drift={}, calm=frozenset(), performance=None, floor=None, rollout=None, watch=None, new_outcomes=0, finished=finished
        )
    report = monitor(world, spec, state.champion, state.versions[state.champion].registered.bundle, memory, now=now)
    floor = _floor(spec, state, report.performance)
    since = state.last_retrain_at or state.first_at or now
    return Evidence(
        drift=report.columns,
        calm=_calm(world, spec, state, report, floor),
        performance=report.performance,
        floor=floor,
        rollout=_rollout(world, spec, state, memory, now),
        watch=_watch(world, spec, state, memory, now),
        new_outcomes=world.outcomes.labelled_since(state.model, since, now),
        finished=finished,
    )


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
    report = MonitorReport(
        window=window,
        version=version,
        rows=world.predictions.count(model, window).get(version, 0),
        columns=columns,
        performance=_performance(world, spec, version, manifest, memory, now=now),
    )
    _keep(world, model, report, spec.monitor.window)
    return report


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


def _calm(world: World, spec: Spec, state: State, report: MonitorReport, floor: Floored | None) -> frozenset[str]:
    """Firing keys that may resolve: a column that was quiet in the last windows one after the other; performance above its floor."""
    calm = set()
    columns = {key.removeprefix("drift:") for key in state.firing if key.startswith("drift:")}
    held = {name: Held(state="drift", calm=0) for name in columns}
    for kept in [*_last_windows(world, spec, state, report), report] if columns else []:
        held = hysteresis(held, {name: kept.columns[name] for name in held if name in kept.columns})
    for key in state.firing:
        kind, _, name = key.partition(":")
        quiet = name in held and held[name].state != "drift" if kind == "drift" else floor is not None and floor.verdict is Verdict.PASS
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


def _keep(world: World, model: str, report: MonitorReport, window: timedelta) -> None:
    """Save a report, at most 24 in a window, so that ticking often does not fill the store."""
    latest = world.reports.latest(model)
    if latest is None or latest.version != report.version or report.window.end - latest.window.end >= window / 24:
        world.reports.save(model, report)


def _rollout(world: World, spec: Spec, state: State, memory: Memory, now: datetime) -> PairedEvidence | None:
    if state.rollout is None or state.rollout.champion != state.champion:
        return None
    version, champion = state.rollout.version, state.rollout.champion
    since = Window(start=state.rollout.start_at, end=now)
    registered = state.versions[version].registered
    head_start = registered.head_start if registered.compared_with == champion else ()
    return compare_live(world, spec, state, memory, version, champion, since, head_start=head_start)


def _watch(world: World, spec: Spec, state: State, memory: Memory, now: datetime) -> PairedEvidence | None:
    if state.watch is None or state.watch.version != state.champion:
        return None
    return compare_live(world, spec, state, memory, state.watch.version, state.watch.previous, Window(start=state.watch.since, end=now))


def compare_live(
    world: World,
    spec: Spec,
    state: State,
    memory: Memory,
    version: int,
    against: int,
    window: Window,
    *,
    head_start: Sequence[DayGain] = (),
) -> PairedEvidence:
    """Two versions on the rows both scored, by the rollout's metric, over whole matured days; begun with days held out from both."""
    manifest, _ = memory.bundle(world.bundles, state.versions[version].registered.bundle)
    maturity = Maturity(age=spec.data.matures, by=window.end)
    first, second = (memory.matured(world.predictions, state.model, number, window, maturity, whole=True) for number in (version, against))
    return paired(
        first,
        second,
        spec.rollout.metric,
        task=spec.model.task,
        classes=manifest.classes,
        threshold=manifest.threshold,
        versions=(version, against),
        alpha=spec.rollout.alpha,
        no_outcome=spec.data.no_outcome,
        head_start=head_start,
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
