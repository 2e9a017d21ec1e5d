"""What was played, judged: policies ranked by a metric, with what they cost, what they alarmed about and what they decided. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from flyball.core.reason import Reason
from flyball.core.verdict import Verdict
from flyball.journal.events import Entry, Promoted, Registered, RetrainEnded, RolledBack, RolloutEnded
from flyball.journal.explain import Told, decisions
from flyball.journal.state import fold
from flyball.loop.backtest import alarms, score
from flyball.loop.backtest.records import BacktestReport, Cost, Loss, Made, Plan, Played, Scored, Stream, Unjudged
from flyball.spec.records import Spec
from flyball.stats.scores import Metric


def compare(
    spec: Spec,
    plan: Plan,
    stream: Stream,
    played: Sequence[Played],
    *,
    warnings: tuple[Reason, ...] = (),
) -> BacktestReport:
    """What was played, judged and ranked. The policy `spec` is what the others are compared with; without it the first."""
    reference = next((one for one in played if one.name == "spec"), played[0])
    truth = score.truths(stream, spec, plan, reference.classes)
    metrics = score.metrics_of(plan.metrics, spec)
    best = metrics[0]
    score.require_metric(best, truth)
    never = next((one for one in played if one.name == "never"), None)
    lost: tuple[Loss, ...] = () if never is None else alarms.losses(never.looks, plan.step)
    unjudged: Unjudged = "no_floor" if spec.monitor.floor is None else "no_never" if never is None else ""
    if plan.changes is not None:
        unjudged = ""
    against = None if len(played) == 1 else score.aligned(reference, reference.classes)
    found = []
    for one in played:
        own = score.aligned(one, reference.classes)
        judged = _alarms(one, plan, lost, unjudged)
        scored = _scored(_counted(one, plan), metrics, truth, plan, own, None if one is reference else against)
        found.append(replace(scored, alarms=judged.alarms, false_alarms=judged.false, missed=judged.missed))
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


def retrainings(entries: Sequence[Entry]) -> int:
    """How many of the loop's trainings made a version."""
    return sum(isinstance(entry.event, RetrainEnded) and entry.event.outcome == "registered" for entry in entries)


def _scored(
    counted: Scored, metrics: Sequence[Metric], truth: score.Truths, plan: Plan, own: score.Floats, against: score.Floats | None
) -> Scored:
    months = {metric.name: score.by_month(metric, truth, own) for metric in metrics}
    whole = {metric.name: score.over_all(metric, truth, own) for metric in metrics}
    told = {} if against is None else {metric.name: score.difference(metric, truth, own, against, plan.seed) for metric in metrics}
    return replace(
        counted,
        months=months,
        weeks={metric.name: score.by_week(metric, truth, own, plan) for metric in metrics},
        mean={name: sum(values.values()) / len(values) for name, values in months.items() if values},
        whole={name: value for name, value in whole.items() if value is not None},
        against={name: difference for name, difference in told.items() if difference is not None},
    )


def _alarms(one: Played, plan: Plan, lost: Sequence[Loss], unjudged: Unjudged) -> alarms.Judged:
    if plan.changes is not None:
        return alarms.by_changes(one.entries, plan.changes, plan.within)
    return alarms.unjudged(one.entries) if unjudged else alarms.by_losses(one.entries, lost, plan.within)


def _counted(one: Played, plan: Plan) -> Scored:
    """What can be counted of a policy without its scores."""
    events = [entry.event for entry in one.entries]
    state = fold(one.entries[0].model, list(one.entries))
    started = [told for told in decisions(one.entries) if told.action == "retrain"]
    below = sum(look.below for look in one.looks)
    return Scored(
        name=one.name,
        rows=int((one.version > 0).sum()),
        mean={},
        whole={},
        months={},
        weeks={},
        against={},
        retrains=retrainings(one.entries),
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
