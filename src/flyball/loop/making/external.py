"""`[train] external`: ask another system for a model, wait until it has registered one, and bring that here to be judged."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from flyball.core.errors import RefusedError, StoreError, UnsupportedError
from flyball.core.record import record
from flyball.core.window import format_duration
from flyball.data.snapshot import span
from flyball.journal.events import Cause, Registered
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.making.gather import Gathered
from flyball.loop.making.workshop import Workshop
from flyball.ports.history import Journal
from flyball.ports.training import Elsewhere
from flyball.spec.records import Spec

_PAUSE = 2.0
"""Seconds between two looks at the registry."""


@record
class Asked:
    """What the other system is asked: for which action, why, and from which moment on the time it has is counted."""

    action: str
    cause: Cause
    now: datetime


def action_name(action: str, now: datetime) -> str:
    """The action itself; for a training that a person asked for a name of its own."""
    return action or f"manual-{now:%Y%m%d%H%M%S%f}"


def cause_of(action: str, spec: Spec, journal: Journal) -> Cause:
    """Why the loop asked for it. RefusedError for an action that is not waited for."""
    if not action:
        return "manual"
    running = fold(spec.model.name, journal.read(spec.model.name)).running
    if running is None or running.started.action != action:
        waited = f"the training that runs is {running.started.action}" if running is not None else "no training runs"
        raise RefusedError(f"nobody waits for {action}: {waited}", hint="leave --action out to register it all the same")
    return running.started.cause


def other_system(workshop: Workshop) -> Elsewhere:
    """The port to the other system; UnsupportedError where there is none, as in a look back."""
    if workshop.elsewhere is None:
        raise UnsupportedError("no other system can be asked for a training here", hint='train with [train] run = "module:function"')
    return workshop.elsewhere


def request_of(
    spec: Spec, workshop: Workshop, gathered: Gathered, state: State, asked: Asked, *, snapshot: Mapping[str, str]
) -> dict[str, object]:
    """What the other system is told: what is wanted and why, which rows, and how to answer."""
    train = gathered.rows.table.take(gathered.split.train)
    first, last = span(train, spec.data)
    cut = gathered.split.cut_at
    running = state.running
    reason = workshop.sentence(running.started.reason) if running is not None and running.started.action == asked.action else ""
    return {
        "model": spec.model.name,
        "action": asked.action,
        "cause": asked.cause,
        "reason": reason,
        "task": spec.model.task,
        "params": dict(spec.train.params),
        "data": {
            **snapshot,
            "rows": gathered.rows.table.rows,
            "train_rows": len(gathered.split.train),
            "first_at": None if first is None else first.isoformat(),
            "last_at": None if last is None else last.isoformat(),
            "held_out_from": None if cut is None else cut.isoformat(),
            "features": list(gathered.schema.names),
            "target": spec.data.target,
            "weight": gathered.weight,
        },
        "answer": {
            "registry": other_system(workshop).register_at(),
            "model_name": spec.model.name,
            "tags": {"flyball.action": asked.action},
            "or_run": f"flyball register RUN --action {asked.action}",
            "until": (asked.now + spec.train.timeout).isoformat(),
        },
    }


def ask_once(spec: Spec, workshop: Workshop, request: Callable[[], Mapping[str, object]], action: str, folder: Path) -> bool:
    """Ask, unless an attempt that was interrupted has asked; whether it was asked now."""
    assert spec.train.external is not None, "asked by the caller"
    marker = folder / "asked.json"
    if marker.is_file():
        return False
    body = request()
    other_system(workshop).ask(spec.train.external, body, key=action)
    draft = marker.with_suffix(".draft")
    draft.write_text(json.dumps(body), encoding="utf-8")
    draft.replace(marker)
    return True


def wait_for_version(
    spec: Spec,
    workshop: Workshop,
    action: str,
    *,
    timeout: timedelta,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str | int:
    """What the other system made: `models:/NAME/VERSION` to be judged here, or the number of a version that it registered with Flyball.

    StoreError if it did not in time. A registry that does not answer is asked again until then.
    """
    until = clock() + timeout.total_seconds()
    trouble: StoreError | None = None
    seen = 0
    while True:
        for entry in workshop.journal.read(spec.model.name, after=seen):
            seen = entry.seq
            if isinstance(entry.event, Registered) and entry.event.action == action:
                return entry.event.version
        try:
            found, trouble = other_system(workshop).made(action), None
        except StoreError as error:
            found, trouble = "", error
        if found:
            return found
        if clock() >= until:
            break
        sleep(min(_PAUSE, max(0.05, until - clock())))
    raise StoreError(
        f"the other system registered no version for {action} within {format_duration(timeout)}"
        + (f"; the registry did not answer at last: {trouble.message}" if trouble is not None else ""),
        hint=f"it is to tag its version with flyball.action = {action}, or to run `flyball register RUN --action {action}`; "
        "[train] timeout sets how long it may take",
    )
