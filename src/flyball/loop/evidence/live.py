"""Live comparisons: a candidate with the champion (rollout), a new champion with the one it replaced (watch)."""

from datetime import datetime

from flyball.core.errors import DataError
from flyball.core.record import record
from flyball.core.window import Window, first_midnight
from flyball.journal.events import DayGain, RolloutStarted
from flyball.journal.known import State
from flyball.loop.memory import Memory
from flyball.loop.world import World
from flyball.monitoring.arms import ArmsRules, arms_evidence
from flyball.monitoring.experiment import paired
from flyball.monitoring.records import ArmsEvidence, PairedEvidence
from flyball.registry.records import Manifest
from flyball.serving.records import Maturity
from flyball.spec.records import Spec
from flyball.stats.scores import METRICS

# The strategies in which the challenger answers a part of the units.
TRAFFIC = ("canary", "experiment", "bandit")


def rollout_evidence(world: World, spec: Spec, state: State, memory: Memory, now: datetime) -> PairedEvidence | ArmsEvidence | None:
    """The rollout that runs, on the live rows so far: paired where both versions score every row, from the first whole day on; else by its
    arms.
    """
    rollout = state.rollout
    if rollout is None or rollout.champion != state.champion:
        return None
    if rollout.strategy in TRAFFIC:
        return compare_arms(world, spec, state, rollout, memory, Window(start=rollout.start_at, end=now), by=now)
    rules = Rules(metric=rollout.metric, alpha=rollout.alpha, head_start=head_start_of(state, rollout))
    # each day counts the same, so the rest of the day on which it began is no day
    window = Window(start=min(first_midnight(rollout.start_at), now), end=now)
    return compare_live(world, spec, state, memory, (rollout.version, rollout.champion), window, rules)


def head_start_of(state: State, rollout: RolloutStarted) -> tuple[DayGain, ...]:
    """The held-out days with which a paired comparison begins: they count only if they were compared with this champion, by the metric
    this rollout goes by.
    """
    registered = state.versions[rollout.version].registered
    same = registered.compared_with == rollout.champion and registered.head_start_metric == rollout.metric
    return registered.head_start if same else ()


def compare_arms(
    world: World, spec: Spec, state: State, rollout: RolloutStarted, memory: Memory, window: Window, *, by: datetime
) -> ArmsEvidence:
    """The arms of a rollout with traffic, over the whole days of a window that are matured by a time. DataError if they do not say the
    same kind of thing.
    """
    versions = rollout.version, rollout.champion
    one, two = _comparable(world, state, memory, versions, by_label=False)
    maturity = Maturity(age=spec.data.matures, by=by)
    challenger, champion = (
        memory.matured(world.predictions, state.model, number, window, maturity, whole=True, compared=True) for number in versions
    )
    asked = tuple(memory.asked(world.predictions, state.model, number, window) for number in versions)
    rules = ArmsRules(
        metric=rollout.metric,
        task=spec.model.task,
        classes=one.classes,
        thresholds=(one.threshold, two.threshold),
        versions=versions,
        alpha=rollout.alpha,
        no_outcome=spec.data.no_outcome,
        block=rollout.block,
    )
    return arms_evidence(challenger, champion, (asked[0], asked[1]), state.phases, rules)


def watch_evidence(world: World, spec: Spec, state: State, memory: Memory, now: datetime) -> PairedEvidence | None:
    """The watch that runs, on the live rows so far."""
    watch = state.watch
    if watch is None or watch.version != state.champion:
        return None
    rules = Rules(metric=spec.row_metric, alpha=spec.rollout.alpha)
    return compare_live(world, spec, state, memory, (watch.version, watch.previous), Window(start=watch.since, end=now), rules)


@record
class Rules:
    """What a live comparison goes by; `head_start`: days held out from both versions that it begins with."""

    metric: str
    alpha: float
    head_start: tuple[DayGain, ...] = ()


def compare_live(
    world: World,
    spec: Spec,
    state: State,
    memory: Memory,
    versions: tuple[int, int],
    window: Window,
    rules: Rules,
    *,
    by: datetime | None = None,
) -> PairedEvidence:
    """Two versions on the rows both scored, over whole days matured by a time (default: the window's end). DataError if they do not say
    the same kind of thing.
    """
    by_label = METRICS[rules.metric].loss is METRICS["error"].loss
    one, _ = _comparable(world, state, memory, versions, by_label=by_label)
    maturity = Maturity(age=spec.data.matures, by=window.end if by is None else by)
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


def _comparable(world: World, state: State, memory: Memory, versions: tuple[int, int], *, by_label: bool) -> tuple[Manifest, Manifest]:
    """The manifests of two versions that answer with the same classes, and, where the answered label counts, at one threshold."""
    one, two = (memory.bundle(world.bundles, state.versions[number].registered.bundle)[0] for number in versions)
    if (one.task, one.classes) != (two.task, two.classes) or (by_label and one.threshold != two.threshold):
        raise DataError(f"versions {versions[0]} and {versions[1]} of {state.model} do not answer with the same classes and threshold")
    return one, two
