"""What a tick measures before it decides: drift, realised performance, live comparisons, and how the running training stands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from flyball.core.errors import FlyballError
from flyball.core.record import record
from flyball.journal.known import State
from flyball.loop.evidence.calm import calm_keys
from flyball.loop.evidence.finished import finished_training
from flyball.loop.evidence.live import rollout_evidence, watch_evidence
from flyball.loop.evidence.monitor import due, keep, monitor
from flyball.loop.evidence.performance import estimated_floored, floored
from flyball.loop.memory import Memory
from flyball.loop.records import Evidence
from flyball.loop.world import World
from flyball.monitoring.records import MonitorReport
from flyball.serving.records import Trip
from flyball.spec.records import Spec

T = TypeVar("T")


@record
class Look:
    """The report on a champion, made once a tick whatever the tick then does; `whole`: nothing of it failed to be measured."""

    champion: int
    report: MonitorReport | None
    whole: bool
    trouble: tuple[str, ...]


def look(world: World, spec: Spec, state: State, champion: int, memory: Memory, *, now: datetime) -> Look:
    """Look at the champion, and save the report of the window that just ended if it is time for one."""
    trouble: list[str] = []
    partly: list[str] = []
    # details take longer than the rest, so they are measured for the reports that are kept
    detailed = _measured(lambda: due(world, state.model, champion, spec.monitor.window, now=now), trouble) is not False
    report = _measured(lambda: monitor(world, spec, state, champion, memory, now=now, detailed=detailed, trouble=partly), trouble)
    trouble += partly
    if report is not None:
        _measured(lambda: keep(world, state, report, spec.monitor.window), trouble)
    lost = world.reports.passed_over(state.model)
    if lost:
        trouble.append(
            f"{len(lost)} kept monitor reports cannot be read back and are passed over, the last of {lost[-1]:%Y-%m-%d %H:%M} UTC"
        )
    return Look(champion=champion, report=report, whole=not partly, trouble=tuple(trouble))


def measure(world: World, spec: Spec, state: State, memory: Memory, looked: Look | None, *, now: datetime) -> Evidence:
    """Everything the policy may look at, as of `now`; `looked` is the look at the champion, None without one.

    What cannot be measured is missing evidence with its `trouble` told, never a reason to stop looking at the rest.
    """
    finished = finished_training(world, state, spec)
    nothing = Evidence(drift={}, calm={}, performance=None, floor=None, rollout=None, watch=None, new_outcomes=0, finished=finished)
    if looked is None:
        return nothing
    trouble: list[str] = []
    refused = tuple(error for _, error in world.deployments.workers(state.model).values() if error)
    found = replace(
        nothing,
        rollout=_measured(lambda: rollout_evidence(world, spec, state, memory, now), trouble),
        watch=_measured(lambda: watch_evidence(world, spec, state, memory, now), trouble),
        new_outcomes=world.outcomes.labelled_since(state.model, state.last_retrain_at or state.first_at or now, now),
        refused=refused,
        trips=_measured(lambda: _trips(world, state), trouble),
    )
    report = looked.report
    if report is not None:
        floor = floored(spec, state, report.performance)
        calm = _measured(lambda: calm_keys(world, spec, state, report, floor, refused=bool(refused)), trouble) or {}
        if not looked.whole:  # what was not looked at is not over
            calm = {key: reason for key, reason in calm.items() if not key.startswith("quality:")}
        found = replace(
            found,
            drift=report.columns,
            calm=calm,
            performance=report.performance,
            floor=floor,
            estimated_floor=estimated_floored(spec, state, report),
            quality=report.quality,
        )
    return replace(found, trouble="; ".join(dict.fromkeys([*trouble, *looked.trouble])))


def _trips(world: World, state: State) -> tuple[Trip, ...]:
    """What guardrails did since the challenger, and since the champion, began to answer."""
    began = {(state.challenger, state.phases[0].since)} if state.phases else set()
    if state.champion_since is not None:
        began.add((state.champion, state.champion_since))
    found = [trip for version, since in began for trip in world.guards.trips(state.model, since=since) if trip.version == version]
    return tuple(sorted(found, key=lambda trip: (trip.at, trip.version, trip.guardrail)))


def _measured(measurement: Callable[[], T], trouble: list[str]) -> T | None:
    """The measurement, or None with what kept it from being made."""
    try:
        return measurement()
    except FlyballError as error:
        trouble.append(error.message)
        return None
