"""How what a person does gets into the journal: one append, then the deployment and the registry's aliases follow."""

from collections.abc import Callable
from datetime import datetime

from flyball.core.errors import ConflictError
from flyball.journal.events import Event
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.deploy import project_aliases, publish
from flyball.loop.records import Written
from flyball.loop.world import World
from flyball.spec.records import Spec

_ATTEMPTS = 20


def current(world: World, model: str) -> State:
    """What is known of a model now."""
    return fold(model, world.journal.read(model))


def append(world: World, spec: Spec | None, state: State, events: list[Event], *, actor: str, now: datetime) -> Written:
    """Append to the journal and bring up to date what follows from it. ConflictError if it has gone on since `state`."""
    entries = world.journal.append(state.model, events, expected=state.seq, actor=actor, at=now)
    after = fold(state.model, entries, start=state)
    publish(world, after, spec=spec, now=now)
    return Written(entries=tuple(entries), trouble=project_aliases(world, after))


def insist(world: World, spec: Spec | None, model: str, events: Callable[[State], list[Event]], *, actor: str, now: datetime) -> Written:
    """Append whatever the loop is doing at the same moment: what must always be possible is not lost to a conflict."""
    for _ in range(_ATTEMPTS):
        state = current(world, model)
        try:
            return append(world, spec, state, events(state), actor=actor, now=now)
        except ConflictError:
            continue
    raise ConflictError(f"the journal of {model} is being written by others all the time", hint="try again")
