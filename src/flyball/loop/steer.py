"""What a person may do to the loop: promote, stage, roll back, freeze, thaw. Each is one append to the journal, with who and why."""

from datetime import datetime

from flyball.core.errors import NotFoundError, RefusedError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.journal.events import Entry, Event, Frozen, Promoted, RolledBack, RolloutEnded, Staged, Thawed
from flyball.journal.state import Known, State, fold
from flyball.loop.deploy import project_aliases, publish
from flyball.loop.world import World
from flyball.spec.records import Spec


def current(world: World, model: str) -> State:
    """What is known of a model now."""
    return fold(model, world.journal.read(model))


def promote(world: World, spec: Spec, version: int, *, force: bool, reason: str, actor: str, now: datetime) -> list[Entry]:
    """Make a version champion. One whose gate did not pass needs `force` and a reason."""
    state = current(world, spec.model.name)
    known = _known(state, version)
    if version == state.champion:
        raise RefusedError(f"{state.model}@{version} is the champion already", hint="nothing to do; `flyball status` shows what serves")
    _refuse_while_frozen(state, now, force=force)
    verdict = known.registered.gate.verdict
    if verdict is not Verdict.PASS and not (force and reason):
        raise RefusedError(
            f"{state.model}@{version} did not pass its gate ({verdict.value})",
            hint=f"`flyball why {state.model}@{version}` shows why; to promote it all the same: --force --reason '...'",
        )
    if state.rollout is not None and state.rollout.version != version and not force:
        raise RefusedError(
            f"{state.model}@{state.rollout.version} is being compared with the champion until "
            f"{state.rollout.deadline_at:%Y-%m-%d %H:%M} UTC",
            hint="wait for the decision, or end it by promoting with --force --reason '...'",
        )
    events: list[Event] = []
    if state.rollout is not None:
        by_hand = because("rollout.by_hand", version=state.rollout.version, actor=actor)
        events.append(RolloutEnded(version=state.rollout.version, verdict=Verdict.UNDECIDED, reason=by_hand, evidence={}))
    watched = state.champion is not None and not spec.model.influences_outcome and spec.rollout.watch
    events.append(
        Promoted(
            version=version,
            replaced=state.champion,
            reason=because("promote.by_hand", version=version, actor=actor, reason=reason or "-"),
            forced=verdict is not Verdict.PASS,
            watch_until=now + spec.rollout.watch if watched else None,
        )
    )
    return _append(world, state, events, actor=actor, now=now)


def stage(world: World, spec: Spec, version: int, *, share: float, reason: str, actor: str, now: datetime) -> list[Entry]:
    """Make a version challenger, answering `share` of the units (0: loaded, answering nobody)."""
    state = current(world, spec.model.name)
    _known(state, version)
    _refuse_while_frozen(state, now, force=False)
    if state.champion is None or version == state.champion:
        raise RefusedError(
            f"{state.model}@{version} cannot be challenger: "
            + ("there is no champion" if state.champion is None else "it is the champion"),
            hint="promote a version to production first" if state.champion is None else "choose another version; see `flyball models`",
        )
    if state.rollout is not None:
        raise RefusedError(
            f"{state.model}@{state.rollout.version} is the challenger of a running rollout", hint="wait for its end; see `flyball status`"
        )
    told = because("stage.by_hand", version=version, share=share, actor=actor, reason=reason or "-")
    return _append(world, state, [Staged(version=version, share=share, reason=told)], actor=actor, now=now)


def roll_back(world: World, spec: Spec, *, reason: str, actor: str, now: datetime) -> list[Entry]:
    """Give the champion's place back to the version before it. Works while frozen: going back is always allowed."""
    state = current(world, spec.model.name)
    if state.champion is None or state.previous is None:
        raise RefusedError(
            f"{state.model} has no previous champion to go back to", hint="`flyball models` lists the versions; promote one of them"
        )
    told = because("rollback.by_hand", version=state.champion, to=state.previous, actor=actor, reason=reason or "-")
    event = RolledBack(version=state.champion, to=state.previous, reason=told, evidence={})
    return _append(world, state, [event], actor=actor, now=now)


def freeze(world: World, model: str, *, reason: str, until: datetime | None, actor: str, now: datetime) -> list[Entry]:
    """Stop promotions, rollbacks by the loop and trainings; serving goes on."""
    state = current(world, model)
    return _append(world, state, [Frozen(reason=reason, until=until)], actor=actor, now=now)


def thaw(world: World, model: str, *, reason: str, actor: str, now: datetime) -> list[Entry]:
    """Let the loop act again."""
    state = current(world, model)
    if state.frozen(now) is None:
        raise RefusedError(f"{model} is not frozen", hint="`flyball status` shows the state of the loop")
    return _append(world, state, [Thawed(reason=reason)], actor=actor, now=now)


def _known(state: State, version: int) -> Known:
    known = state.versions.get(version)
    if known is None:
        there = ", ".join(str(number) for number in sorted(state.versions)) or "none"
        raise NotFoundError(f"there is no version {version} of {state.model}", hint=f"versions: {there}")
    return known


def _append(world: World, state: State, events: list[Event], *, actor: str, now: datetime) -> list[Entry]:
    entries = world.journal.append(state.model, events, expected=state.seq, actor=actor, at=now)
    after = fold(state.model, entries, start=state)
    publish(world, after)
    project_aliases(world, after)
    return entries


def _refuse_while_frozen(state: State, now: datetime, *, force: bool) -> None:
    freeze = state.frozen(now)
    if freeze is not None and not force:
        until = f" until {freeze.until:%Y-%m-%d %H:%M} UTC" if freeze.until else ""
        raise RefusedError(f"{state.model} is frozen{until}: {freeze.reason}", hint="`flyball thaw --reason '...'` lets it move again")
