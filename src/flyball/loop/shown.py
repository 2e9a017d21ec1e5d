"""Comparisons as JSON-ready dicts, for every face that shows them: rollout, experiment, replay, backtest. `say` makes sentences of reasons.

Nothing that reckons is imported here: a server shows what its loop knows.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from flyball.core.codec import to_plain
from flyball.core.reason import Reason
from flyball.loop.rollout import RolloutStatus, WaitingStatus, rollout_status, waiting_status
from flyball.monitoring.records import ArmsEvidence

if TYPE_CHECKING:
    from flyball.evaluation.replay_records import ReplayReport
    from flyball.journal.known import State
    from flyball.loop.backtest.records import BacktestReport
    from flyball.loop.experiment import ExperimentView

Say = Callable[[Reason], str]
Plain = dict[str, object]


def plain_rollout(state: "State", now: datetime, say: Say, *, answered: int | None = None) -> Plain:
    """How the rollout stands and what waits for a person, as `flyball rollout --json` prints it. `answered` as in `rollout_status`."""
    found, waiting = rollout_status(state, now=now, answered=answered), waiting_status(state)
    return {
        "model": state.model,
        "rollout": None if found is None else _status(found, say),
        "waiting": None if waiting is None else _asked(waiting, say),
    }


def _status(found: RolloutStatus, say: Say) -> Plain:
    values: Plain = {name: getattr(found, name) for name in found.__dataclass_fields__ if name != "waits_for"}
    return {**values, "waits_for": say(found.waits_for)}


def _asked(waiting: WaitingStatus, say: Say) -> Plain:
    return {"version": waiting.version, "since": waiting.since, "asked_by": waiting.asked_by, "reason": say(waiting.reason)}


def plain_experiment(view: "ExperimentView", say: Say) -> Plain:
    """A rollout as `flyball experiment --json` prints it."""
    rollout, e = view.rollout, view.evidence
    arms = e if isinstance(e, ArmsEvidence) else None
    return {
        "model": view.model,
        "at": view.at,
        "state": "ended" if not view.running else "paused" if view.paused is not None else "running",
        "strategy": rollout.strategy,
        "version": rollout.version,
        "champion": rollout.champion,
        "metric": rollout.metric,
        "alpha": rollout.alpha,
        "margin": rollout.margin,
        "block": rollout.block if arms is not None else "day",
        "start": rollout.start_at,
        "deadline": rollout.deadline_at,
        "decision": {"verdict": view.verdict, "reason": say(view.reason)},
        "expected": view.expected_at,
        "earliest": view.earliest_at,
        "ended": None if view.ended is None else {"at": view.ended_at, "reason": say(view.ended)},
        "paused": None if view.paused is None else say(view.paused),
        "gain": None
        if e is None
        else {"value": e.gain, "lower": e.lower, "upper": e.upper, "rows": e.rows, "blocks": e.blocks, "days": e.live_blocks},
        "fixed": None if arms is None or arms.fixed is None else arms.fixed,
        "arms": None if arms is None else {"champion": arms.champion, "challenger": arms.challenger},
        "split": None if arms is None else {"p": arms.ratio_p, "p_labelled": arms.ratio_p_labelled},
        "trouble": None if arms is None or arms.trouble is None else say(arms.trouble),
        "preferred": None if arms is None else arms.preferred,
        "missed": None if e is None or isinstance(e, ArmsEvidence) else e.missed,
        "phases": [
            {"since": phase.since, "share": phase.share, "gain": arms.phases[number] if arms and number < len(arms.phases) else None}
            for number, phase in enumerate(view.phases)
        ],
        "looks": view.looks,
        "days": view.days,
        "guardrails": [{"at": one.at, "guardrail": one.guardrail, "reason": say(one.reason)} for one in view.trips],
    }


def plain_replay(report: "ReplayReport", say: Say) -> Plain:
    """A replay as `flyball replay --json` prints it."""
    from flyball.evaluation.replay import replay_reasons

    latency = report.latency
    return {
        "model": report.model,
        "candidate": report.candidate,
        "against": report.champion,
        "asked": report.asked,
        "compared": report.compared,
        "left_out": [say(reason) for reason in report.left_out],
        "errors": report.errors,
        "not_finite": report.not_finite,
        "champion_errors": report.champion_errors,
        "identical": report.identical,
        "disagreement": report.disagreement,
        "where": [
            {
                "column": place.column,
                "rows": place.rows,
                "differing": place.differing,
                "share": place.share,
                "excess": place.excess,
                "reason": say(place.reason),
            }
            for place in report.where
        ],
        "shift": report.shift,
        "confusion": report.confusion,
        "outcomes": report.outcomes,
        "gains": list(report.gains),
        "latency": None
        if latency is None
        else {
            "rows": latency.rows,
            "against": {"median": latency.champion_median, "p99": latency.champion_p99},
            "candidate": {"median": latency.candidate_median, "p99": latency.candidate_p99},
            "ratio": latency.ratio,
        },
        "reasons": [say(reason) for reason in replay_reasons(report)],
    }


def plain_backtest(report: "BacktestReport", say: Say) -> Plain:
    """A backtest as `flyball backtest --json` prints it."""
    plain = to_plain(report)
    assert isinstance(plain, dict)
    plain["warnings"] = [say(one) for one in report.warnings]
    for one, written in zip(report.policies, plain["policies"], strict=True):
        for made, decision in zip(one.decisions, written["decisions"], strict=True):
            decision["reason"] = say(made.reason)
            decision["checks"] = [say(check) for check in made.checks]
        for alarm, told_alarm in zip(one.alarms, written["alarms"], strict=True):
            told_alarm["reason"] = say(alarm.reason)
    return plain
