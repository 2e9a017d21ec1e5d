"""`[train] external`: ask another system for a model, wait until it has registered one, and bring that here to be judged."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from flyball.core.errors import RefusedError, StoreError, UnsupportedError
from flyball.core.record import record
from flyball.core.window import format_duration
from flyball.data.snapshot import span
from flyball.journal.events import Cause, Registered
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.making.gather import Gathered
from flyball.loop.making.sent import Sent, answered, sent_for, unanswered, write_sent
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


def ask_once(spec: Spec, workshop: Workshop, request: Callable[[], Mapping[str, object]], action: str, *, now: datetime) -> bool:
    """Ask, unless an earlier attempt for this action did and the other system took it; whether it was asked now.

    Where that attempt died while the request was under way nobody knows whether it arrived. It is then sent again: the same bytes with the
    same key, by which a system that keeps keys knows it.
    """
    assert spec.train.external is not None, "asked by the caller"
    before = sent_for(spec.folder, action)
    if before is not None and before.state != "sending":
        return False
    body = before.body if before is not None else request()
    sent = before if before is not None else Sent(action=action, state="sending", at=now, body=body)
    other = other_system(workshop)
    write_sent(spec.folder, sent)
    other.ask(spec.train.external, body, key=action)
    write_sent(spec.folder, replace(sent, state="taken", at=now))
    return True


def made_already(spec: Spec, workshop: Workshop, action: str) -> str | int:
    """What came for the action before; empty if nothing did. StoreError if journal or registry do not answer."""
    found, _ = _registered(spec, workshop, action)
    return found or other_system(workshop).made(action)


def late_answers(spec: Spec, workshop: Workshop, action: str, *, now: datetime) -> tuple[list[tuple[str, str]], list[Sent]]:
    """What became of requests for other actions that nobody waits for: (action, version) that came meanwhile, and what is still open."""
    came: list[tuple[str, str]] = []
    open_: list[Sent] = []
    for one in unanswered(spec.folder, but=action, now=now):
        try:
            version = made_already(spec, workshop, one.action)
        except StoreError:  # it is looked at again with the next training
            open_.append(one)
            continue
        if isinstance(version, int):  # it became a version of this model: nothing is lost
            answered(spec.folder, one.action, str(version))
        elif version:
            came.append((one.action, version))
            answered(spec.folder, one.action, version, late=True)
        else:
            open_.append(one)
    return came, open_


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

    StoreError if it did not in time. A journal or a registry that does not answer is asked again until then.
    """
    until = clock() + timeout.total_seconds()
    trouble: StoreError | None = None
    seen = 0
    while True:
        found: str | int = ""
        try:
            found, seen = _registered(spec, workshop, action, after=seen)
            found, trouble = found or other_system(workshop).made(action), None
        except StoreError as error:
            trouble = error
        if found:
            return found
        if clock() >= until:
            break
        sleep(min(_PAUSE, max(0.05, until - clock())))
    raise StoreError(
        f"the other system registered no version for {action} within {format_duration(timeout)}"
        + (f"; journal or registry did not answer at last: {trouble.message}" if trouble is not None else ""),
        hint=f"it is to tag its version with flyball.action = {action}, or to run `flyball register RUN --action {action}`; "
        "[train] timeout sets how long it may take",
    )


def _registered(spec: Spec, workshop: Workshop, action: str, *, after: int = 0) -> tuple[int, int]:
    """The version that was registered with Flyball for an action, 0 if none was, and the number of the last entry that was read."""
    seen = after
    for entry in workshop.journal.read(spec.model.name, after=after):
        seen = entry.seq
        if isinstance(entry.event, Registered) and entry.event.action == action:
            return entry.event.version, seen
    return 0, seen
