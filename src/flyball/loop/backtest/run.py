"""A backtest: the same history under several policies, side by side, and what came of each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from flyball.core.errors import DataError, UsageError
from flyball.core.reason import Reason, because
from flyball.data.source import Prepared
from flyball.loop.backtest.bench import Benches
from flyball.loop.backtest.compare import compare, retrainings
from flyball.loop.backtest.history import default_end, default_start, make_stream, require_times, span_of
from flyball.loop.backtest.policies import DEFAULT, Asked, policy_of, read_policies, seeded, with_changes
from flyball.loop.backtest.records import BacktestReport, Plan, Played, Request
from flyball.loop.backtest.replay import play
from flyball.ports.mapping import Mapper
from flyball.spec.load import parse_spec
from flyball.spec.records import VALUE, Spec
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
    metric_for(_ranked_by(request, spec), spec.model.task)
    say("preparing the history")
    prepared = benches.history(spec)
    plan = plan_of(request, spec, prepared)
    stream = make_stream(prepared, spec, plan)
    warnings = _warnings(spec)
    asked, left_out = _that_can_be(asked, spec, usual=not request.policies)
    say(f"{len(stream)} rows from {plan.start:%Y-%m-%d} to {plan.end:%Y-%m-%d} under {len(asked)} policies")
    played = _played(asked, text, spec, plan, benches, mapper, say)
    report = compare(spec, plan, stream, played, warnings=(*warnings, *left_out))
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
    metric = _ranked_by(request, spec)
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


def _ranked_by(request: Request, spec: Spec) -> str:
    """The metric that was asked for, or that of the rollout; where that is what answers are worth, which no past tells of other answers,
    the first that is evaluated.
    """
    return request.metric or (spec.evaluate.metrics[0] if spec.rollout.metric == VALUE else spec.rollout.metric)


def _played(asked: Sequence[Asked], text: str, spec: Spec, plan: Plan, benches: Benches, mapper: Mapper, say: Say) -> list[Played]:
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

    def run(some: Sequence[Asked], times: int | None) -> None:
        policies = [policy_of(one, text, spec, plan, times=times) for one in some]
        found.update({one.name: one for one in mapper.map(work, policies, say=say)})

    first = [one for one in asked if one not in later]
    for one in later:  # what is wrong with it is told before anything is played
        policy_of(one, text, spec, plan, times=1)
    run(sorted(first, key=lambda one: one.name != leader), None)
    if later and leader is not None:
        run(later, retrainings(found[leader].entries))
    return [found[one.name] for one in asked]


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
