"""A rollback of one machine by itself: said while neither database nor registry answers, and journalled when they do again."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from flyball.core.errors import ConflictError, NotFoundError, RefusedError, StoreError
from flyball.core.reason import because
from flyball.journal.events import Entry, RolledBack
from flyball.journal.known import State
from flyball.journal.state import fold
from flyball.loop.deploy import publish
from flyball.loop.going_back import rolled_back
from flyball.loop.world import World
from flyball.ports.serving import BundleStore
from flyball.registry.bundle import read_manifest
from flyball.serving.local import LocalRollback, holds, last_served, read_local, remove_local, write_local
from flyball.spec.records import Spec

_STATE = ".flyball"


def roll_back_here(bundles: BundleStore, folder: Path, model: str, *, reason: str, actor: str, now: datetime) -> LocalRollback:
    """Let the servers of a project's folder answer with the version before the champion, with no other help than what stands there.

    NotFoundError if no server has ever served here, RefusedError without a version to go back to or if this was done already; the bundle
    to go back to is verified first (IntegrityError). The servers see it within a fifth of a second.
    """
    state = folder / _STATE
    serving = last_served(state)
    if serving is None or serving.model != model or serving.champion is None:
        raise NotFoundError(
            f"no server of {model} has served from {folder} yet, so there is nothing to roll back here",
            hint="`flyball rollback` without --local asks the database",
        )
    standing = read_local(state)
    if standing is not None and holds(standing, serving):
        raise RefusedError(
            f"{model} was rolled back on this machine already: version {standing.to} answers in the place of {standing.version}",
            hint="the next `flyball tick` that reaches the database writes it into the journal",
        )
    if serving.previous is None or serving.previous not in serving.bundles:
        raise RefusedError(
            f"{model}@{serving.champion} has no previous champion to go back to",
            hint="another version can only be promoted with the database",
        )
    digest = serving.bundles[serving.previous]
    read_manifest(bundles.path(digest), digest)
    local = LocalRollback(
        model=model, version=serving.champion, to=serving.previous, seq=serving.seq, reason=reason or "no reason given", actor=actor, at=now
    )
    write_local(state, local)
    return local


def meant(state: State, entries: Sequence[Entry], local: LocalRollback) -> Literal["write", "written", "overtaken", "unknown"]:
    """What a rollback of one machine means to the journal: it is to be written, it stands there, or somebody decided otherwise since.

    It is overtaken if another version became champion, or the one given up was made champion again after it was given up. A journal that
    does not know these versions, as an empty one that was made in the place of one that is lost, says nothing.
    """
    if local.version not in state.versions or local.to not in state.versions:
        return "unknown"
    for entry in entries:
        event = entry.event
        if (
            isinstance(event, RolledBack)
            and event.reason.code == "rollback.local"
            and event.reason.values.get("at") == local.at.isoformat()
        ):
            return "written"
    if state.champion == local.to:
        return "written"
    still = state.champion == local.version and (state.champion_since is None or state.champion_since <= local.at)
    return "write" if still else "overtaken"


def settle_local(world: World, spec: Spec, state: State, appended: list[Entry]) -> tuple[State, list[Entry]]:
    """Write a rollback of this machine into the journal, by whom and when it was said, and end it as such: servers then follow the journal
    again. What was overtaken by the journal just ends; with a journal that does not know these versions it stays. Gives the state and the
    entries with what this adds; a conflict leaves it to the next tick.
    """
    folder = spec.folder / _STATE
    local = read_local(folder)
    if local is None or local.model != state.model:
        return state, appended
    with suppress(ConflictError, StoreError):
        means = meant(state, world.journal.read(state.model), local)
        if means == "unknown":
            return state, appended
        if means == "write":
            told = because(
                "rollback.local", version=local.version, to=local.to, actor=local.actor, reason=local.reason, at=local.at.isoformat()
            )
            event = RolledBack(version=local.version, to=local.to, reason=told, evidence={})
            events = rolled_back(state, event)
            entries = world.journal.append(state.model, events, expected=state.seq, actor=local.actor, at=local.at)
            state, appended = fold(state.model, entries, start=state), [*appended, *entries]
        publish(world, state)  # before the file goes, or servers would return to what was given up
        remove_local(folder)
    return state, appended
