"""What a tick measures before it decides: drift, realised performance, live comparisons, and how the running training stands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from flyball.core.errors import FlyballError
from flyball.journal.state import State
from flyball.loop.evidence.calm import calm_keys
from flyball.loop.evidence.finished import finished_training
from flyball.loop.evidence.live import rollout_evidence, watch_evidence
from flyball.loop.evidence.monitor import due, keep, monitor
from flyball.loop.evidence.performance import estimated_floored, floored
from flyball.loop.memory import Memory
from flyball.loop.records import Evidence
from flyball.loop.world import World
from flyball.spec.records import Spec

T = TypeVar("T")


def measure(world: World, spec: Spec, state: State, memory: Memory, *, now: datetime) -> Evidence:
    """Everything the policy may look at, as of `now`. Saves the monitor report of the window that just ended.

    What cannot be measured is missing evidence with its `trouble` told, never a reason to stop looking at the rest.
    """
    finished = finished_training(world, state)
    nothing = Evidence(
        drift={}, calm=frozenset(), performance=None, floor=None, rollout=None, watch=None, new_outcomes=0, finished=finished
    )
    if state.champion is None:
        return nothing
    trouble: list[str] = []
    refused = tuple(error for _, error in world.deployments.workers(state.model).values() if error)
    found = replace(
        nothing,
        rollout=_measured(lambda: rollout_evidence(world, spec, state, memory, now), trouble),
        watch=_measured(lambda: watch_evidence(world, spec, state, memory, now), trouble),
        new_outcomes=world.outcomes.labelled_since(state.model, state.last_retrain_at or state.first_at or now, now),
        refused=refused,
    )
    # details take longer than the rest, so they are measured for the reports that are kept
    champion, partly = state.champion, list[str]()
    detailed = _measured(lambda: due(world, state.model, champion, spec.monitor.window, now=now), trouble) is not False
    report = _measured(lambda: monitor(world, spec, state, champion, memory, now=now, detailed=detailed, trouble=partly), trouble)
    trouble += partly
    if report is not None:
        _measured(lambda: keep(world, state, report, spec.monitor.window), trouble)
        floor = floored(spec, state, report.performance)
        calm = _measured(lambda: calm_keys(world, spec, state, report, floor, refused=bool(refused)), trouble) or frozenset()
        if partly:  # what was not looked at is not over
            calm = frozenset(key for key in calm if not key.startswith("quality:"))
        estimated = estimated_floored(spec, state, report)
        found = replace(
            found,
            drift=report.columns,
            calm=calm,
            performance=report.performance,
            floor=floor,
            estimated_floor=estimated,
            quality=report.quality,
        )
    lost = world.reports.passed_over(state.model)
    if lost:
        trouble.append(
            f"{len(lost)} kept monitor reports cannot be read back and are passed over, the last of {lost[-1]:%Y-%m-%d %H:%M} UTC"
        )
    return replace(found, trouble="; ".join(dict.fromkeys(trouble)))


def _measured(measurement: Callable[[], T], trouble: list[str]) -> T | None:
    """The measurement, or None with what kept it from being made."""
    try:
        return measurement()
    except FlyballError as error:
        trouble.append(error.message)
        return None
