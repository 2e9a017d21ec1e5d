"""A backtest: the same history under several policies, side by side, and what came of each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from flyball.core.errors import DataError, UsageError
from flyball.core.reason import Reason, because
from flyball.core.verdict import Verdict
from flyball.data.source import Prepared
from flyball.journal.events import Entry, Promoted, Registered, RetrainEnded, RolledBack, RolloutEnded
from flyball.journal.explain import Told, decisions
from flyball.journal.state import fold
from flyball.loop.backtest import alarms, score
from flyball.loop.backtest.bench import Benches
from flyball.loop.backtest.history import default_end, default_start, make_stream, require_times, span_of
from flyball.loop.backtest.policies import DEFAULT, Asked, policy_of, read_policies, seeded, with_changes
from flyball.loop.backtest.records import (
    BacktestReport,
    Cost,
    Loss,
    Made,
    Plan,
    Played,
    Policy,
    Request,
    Scored,
    Stream,
    Unjudged,
)
from flyball.loop.backtest.replay import play
from flyball.ports.mapping import Mapper
from flyball.spec.load import parse_spec
from flyball.spec.records import Spec
from flyball.stats.scores import metric_for

Say = Callable[[str], None]


def backtest(text: str, spec: Spec, request: Request, *, benches: Benches, mapper: Mapper, say: Say) -> BacktestReport:
    """Replay the history of the project whose flyball.toml is `text` under each policy, and compare them.

    UsageError for a policy that is none and for times that cannot be; SpecError where the spec names no times; DataError where the
    history does not reach, the first champion cannot be trained, or a metric cannot be computed.
    """
    began, cpu = time.perf_counter(), time.process_time()
    asked = read_policies(request.policies or DEFAULT)
    require_times(spec.data)
    if request.seed is not None:
        text = with_changes(text, seeded(spec, request.seed))
        spec = parse_spec(text, folder=spec.folder)
    metric_for(request.metric or spec.rollout.metric, spec.model.task)
    say("preparing the history")
    prepared = benches.history(spec)
    plan = plan_of(request, spec, prepared)
    stream = make_stream(prepared, spec, plan)
    warnings = _warnings(spec)
    asked, left_out = _that_can_be(asked, spec, usual=not request.policies)
    say(f"{len(stream)} rows from {plan.start:%Y-%m-%d} to {plan.end:%Y-%m-%d} under {len(asked)} policies")
    played, policies = _played(asked, text, spec, plan, benches, mapper, say)
    report = compare(spec, plan, stream, played, policies, warnings=(*warnings, *left_out))
    spent = time.process_time() - cpu + sum(one.cpu_seconds for one in played)
    return replace(report, seconds=time.perf_counter() - began, cpu_seconds=spent)


def plan_of(request: Request, spec: Spec, prepared: Prepared) -> Plan:
    """The plan of a request over this history."""
    first, last = span_of(prepared, spec.data)
    start = request.start or default_start(first, last)
    end = min(request.end or default_end(last), default_end(last))
    shown = f"the history is from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if start <= first:
        raise DataError(
            f"the replay cannot start on {start:%Y-%m-%d}: there is no row before it to train the first champion on",
            hint=f"{shown}; choose a later --start",
        )
    if start >= end:
        raise UsageError(f"the replay starts on {start:%Y-%m-%d} and ends on {end:%Y-%m-%d}", hint=shown)
    until = request.train_until or start
    if until > start:
        raise UsageError(
            f"the first champion cannot learn until {until:%Y-%m-%d}: it answers from {start:%Y-%m-%d} on",
            hint="choose --train-until not after --start",
        )
    if request.step.total_seconds() <= 0:
        raise UsageError("--step must be longer than nothing", hint="write for example 1d")
    metric = request.metric or spec.rollout.metric
    return Plan(
        start=start,
        end=end,
        step=request.step,
        train_until=until,
        seed=request.seed or 0,
        metric=metric,
        metrics=tuple(dict.fromkeys([metric, *spec.evaluate.metrics])),
        changes=request.changes,
        within=request.within,
        by_hand=request.by_hand,
    )


def compare(
    spec: Spec,
    plan: Plan,
    stream: Stream,
    played: Sequence[Played],
    policies: Sequence[Policy],
    *,
    warnings: tuple[Reason, ...] = (),
) -> BacktestReport:
    """What was played, judged and ranked. The policy `spec` is what the others are compared with; without it the first."""
    reference = next((one for one in played if one.name == "spec"), played[0])
    truth = score.truths(stream, spec, plan, reference.classes)
    metrics = score.metrics_of(plan.metrics, spec)
    score.require_metric(metrics[0], truth)
    never = next((one for one, policy in zip(played, policies, strict=True) if policy.name == "never"), None)
    lost: tuple[Loss, ...] = () if never is None else alarms.losses(never.looks, plan.step)
    unjudged: Unjudged = "no_floor" if spec.monitor.floor is None else "no_never" if never is None else ""
    if plan.changes is not None:
        unjudged = ""
    scores = {one.name: score.aligned(one, reference.classes) for one in played}
    found = []
    for one in played:
        judged = _alarms(one, plan, lost, unjudged)
        against = {}
        if one is not reference:
            for metric in metrics:
                told = score.difference(metric, truth, scores[one.name], scores[reference.name], plan.seed)
                if told is not None:
                    against[metric.name] = told
        months = {metric.name: score.by_month(metric, truth, scores[one.name]) for metric in metrics}
        whole = {metric.name: score.over_all(metric, truth, scores[one.name]) for metric in metrics}
        found.append(
            replace(
                _counted(one, plan),
                rows=int((one.version > 0).sum()),
                months=months,
                weeks={metric.name: score.by_week(metric, truth, scores[one.name], plan) for metric in metrics},
                mean={name: sum(values.values()) / len(values) for name, values in months.items() if values},
                whole={name: value for name, value in whole.items() if value is not None},
                against=against,
                alarms=judged.alarms,
                false_alarms=judged.false,
                missed=judged.missed,
            )
        )
    best = metrics[0]
    sign = -1.0 if best.direction == "higher" else 1.0
    return BacktestReport(
        model=spec.model.name,
        start=plan.start,
        end=plan.end,
        step=plan.step,
        seed=plan.seed,
        rows=len(stream),
        labelled=len(truth.rows),
        metric=best.name,
        metrics=tuple(metric.name for metric in metrics),
        reference=reference.name,
        policies=tuple(sorted(found, key=lambda one: sign * one.mean.get(best.name, sign * float("inf")))),
        warnings=warnings,
        seconds=0.0,
        cpu_seconds=0.0,
        unjudged=unjudged,
        losses=lost,
        changes=plan.changes or (),
        within=plan.within,
    )


def _played(
    asked: Sequence[Asked], text: str, spec: Spec, plan: Plan, benches: Benches, mapper: Mapper, say: Say
) -> tuple[list[Played], list[Policy]]:
    """Every policy played, in the order they were asked for. Those that train as often as the spec wait until that is known."""
    later = [one for one in asked if one.kind == "evenly" and one.times is None]
    leader = next((one.name for one in asked if one.name == "spec"), None)
    if later and leader is None:
        raise UsageError(
            "policy 'evenly' trains as often as the policy 'spec', which is not among those asked for",
            hint="add --policy spec, or say how often: evenly:4",
        )
    work = partial(play, benches, plan)
    found: dict[str, Played] = {}
    made: dict[str, Policy] = {}

    def run(some: Sequence[Asked], times: int | None) -> None:
        policies = [policy_of(one, text, spec, plan, times=times) for one in some]
        made.update({policy.name: policy for policy in policies})
        found.update({one.name: one for one in mapper.map(work, policies, say=say)})

    first = [one for one in asked if one not in later]
    for one in later:  # what is wrong with it is told before anything is played
        policy_of(one, text, spec, plan, times=1)
    run(sorted(first, key=lambda one: one.name != leader), None)
    if later and leader is not None:
        run(later, _retrainings(found[leader].entries))
    return [found[one.name] for one in asked], [made[one.name] for one in asked]


def _that_can_be(asked: Sequence[Asked], spec: Spec, *, usual: bool) -> tuple[tuple[Asked, ...], tuple[Reason, ...]]:
    """Of the usual policies, those that this spec allows; what was asked for by name stays, and is refused where it cannot be."""
    if usual and spec.monitor.floor is None:
        return tuple(one for one in asked if one.kind != "performance"), (because("backtest.no_floor"),)
    return tuple(asked), ()


def _warnings(spec: Spec) -> tuple[Reason, ...]:
    found = []
    if spec.model.influences_outcome:
        found.append(because("backtest.influences"))
    if spec.rollout.approve == "manual":
        found.append(because("backtest.approved"))
    return tuple(found)


def _alarms(one: Played, plan: Plan, lost: Sequence[Loss], unjudged: Unjudged) -> alarms.Judged:
    if plan.changes is not None:
        return alarms.by_changes(one.entries, plan.changes, plan.within)
    return alarms.unjudged(one.entries) if unjudged else alarms.by_losses(one.entries, lost, plan.within)


def _retrainings(entries: Sequence[Entry]) -> int:
    """How many of the loop's trainings made a version."""
    return sum(isinstance(entry.event, RetrainEnded) and entry.event.outcome == "registered" for entry in entries)


def _counted(one: Played, plan: Plan) -> Scored:
    """What can be counted of a policy without its scores."""
    events = [entry.event for entry in one.entries]
    state = fold(one.entries[0].model, list(one.entries))
    started = [told for told in decisions(one.entries) if told.action == "retrain"]
    below = sum(look.below for look in one.looks)
    return Scored(
        name=one.name,
        rows=0,
        mean={},
        whole={},
        months={},
        weeks={},
        against={},
        retrains=_retrainings(one.entries),
        cost=Cost(
            trainings=len(one.trainings),
            seconds=sum(training.seconds for training in one.trainings),
            cpu_seconds=sum(training.cpu_seconds for training in one.trainings),
            rows=sum(training.rows for training in one.trainings),
        ),
        promotions=sum(isinstance(event, Promoted) and event.replaced is not None for event in events),
        refused=sum(known.settled and number not in state.champions for number, known in state.versions.items()),
        rollbacks=sum(isinstance(event, RolledBack) for event in events),
        failed=sum(isinstance(event, RetrainEnded) and event.outcome in ("failed", "lost") for event in events),
        alarms=(),
        false_alarms=None,
        missed=None,
        under_floor=below * plan.step.total_seconds() / 86_400,
        champion=state.champion or 0,
        decisions=tuple(_made(told) for told in decisions(one.entries) if not _repeats(told)),
        marks=tuple(told.entry.at for told in started),
        unanswered=one.unanswered,
        trouble=one.trouble,
    )


def _made(told: Told) -> Made:
    """A decision; a version that did not pass its gate with the checks that said so."""
    event = told.entry.event
    checks: tuple[Reason, ...] = ()
    verdict = ""
    if isinstance(event, Registered):
        verdict = event.gate.verdict.value
        checks = tuple(check.reason for check in event.gate.checks if check.verdict is not Verdict.PASS)
    elif isinstance(event, RolloutEnded):
        verdict = event.verdict.value
    return Made(
        at=told.entry.at,
        action=told.action,
        version=told.version or None,
        verdict=verdict,
        reason=told.reason,
        actor=told.entry.actor,
        checks=checks,
    )


def _repeats(told: Told) -> bool:
    """A training that registered a version is told by the version, a comparison that was won by the promotion."""
    event = told.entry.event
    if isinstance(event, RetrainEnded):
        return event.outcome == "registered"
    return isinstance(event, RolloutEnded) and event.verdict is Verdict.PASS
