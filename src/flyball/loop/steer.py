"""What a person may do to the loop: promote, stage, roll back, freeze, thaw, silence: one append to the journal each, with who and why.

What a person may do to a rollout, and to a promotion that waits, stands in `steer_rollout.py`.
"""

from datetime import datetime, timedelta

from flyball.core.errors import NotFoundError, RefusedError, UsageError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import format_minute
from flyball.journal.events import Event, Frozen, RolledBack, RolloutEnded, Silenced, SilenceEnded, Staged, Thawed
from flyball.journal.known import Known, State
from flyball.journal.moves import ApprovalAsked, Declined
from flyball.loop.at_hand import unloadable
from flyball.loop.deciding.due import by_hand
from flyball.loop.deploy import publish
from flyball.loop.going_back import rolled_back
from flyball.loop.promoted import promoted
from flyball.loop.records import Written
from flyball.loop.unwritten import leftovers, spoken_against
from flyball.loop.world import World
from flyball.loop.written import append, current, insist
from flyball.spec.records import Spec

_LONGEST_PATTERN = 200
_LONGEST_SILENCE = timedelta(days=366)


def promote(world: World, spec: Spec, version: int, *, force: bool, reason: str, actor: str, now: datetime) -> Written:
    """Make a version champion. What speaks against it is overridden only by `force` with a reason, and the journal says so.

    Where the spec has promotions approved, this asks for it: the promotion waits for `approve`, unless forced.
    """
    state = current(world, spec.model.name)
    known = _known(state, version)
    if version == state.champion:
        publish(world, state, spec=spec, now=now)  # whoever promoted it may have died before servers were told
        raise RefusedError(f"{state.model}@{version} is the champion already", hint="`flyball status` shows what serves")
    spoken = [*_spoken_against(known), *spoken_against(world, state, version), *unloadable(world, state, version)]
    against = [*spoken, *_standing(state, version, now)]
    _need_force(state, version, against, force=force, reason=reason)
    told = because("promote.by_hand", version=version, actor=actor, reason=reason or "no reason given")
    if by_hand(state, spec) and not force:
        return append(world, spec, state, _asked(state, version, reason, actor), actor=actor, now=now)
    events: list[Event] = leftovers(world, state)
    if state.waiting is not None and state.waiting.version != version:
        events.append(_superseded(state.waiting.version, version))
    if state.rollout is not None:
        ended = because("rollout.by_hand", version=state.rollout.version, actor=actor)
        events.append(RolloutEnded(version=state.rollout.version, verdict=Verdict.UNDECIDED, reason=ended, evidence={}))
    events.append(promoted(state, spec, version, told, now=now, forced=bool(against) or by_hand(state, spec)))
    return append(world, spec, state, events, actor=actor, now=now)


def stage(world: World, spec: Spec, version: int, *, share: float, force: bool, reason: str, actor: str, now: datetime) -> Written:
    """Make a version challenger, answering `share` of the units (0: loaded, answering nobody).

    Where promotions are approved, no more than `rollout.share` unless forced: answering nearly everybody is a promotion in all but name.
    """
    state = current(world, spec.model.name)
    known = _known(state, version)
    if state.champion is None or version == state.champion:
        there = "there is no champion" if state.champion is None else "it is the champion"
        raise RefusedError(
            f"{state.model}@{version} cannot be challenger: {there}",
            hint="promote a version to production first" if state.champion is None else "choose another version; see `flyball models`",
        )
    if state.rollout is not None:
        raise RefusedError(
            f"{state.model}@{state.rollout.version} is the challenger of a running comparison, and there is one challenger at a time",
            hint="wait for its end (`flyball rollout`), or end it: `flyball rollout abort --reason '...'`",
        )
    spoken = [*_spoken_against(known), *spoken_against(world, state, version)] if share > 0 else []
    against = [*spoken, *unloadable(world, state, version), *_too_large(share, spec), *_standing(state, version, now)]
    _need_force(state, version, against, force=force, reason=reason, what="staged")
    told = because("stage.by_hand", version=version, share=share, actor=actor, reason=reason or "no reason given")
    events = [*leftovers(world, state), Staged(version=version, share=share, reason=told)]
    return append(world, spec, state, events, actor=actor, now=now)


def unstage(world: World, spec: Spec, version: int, *, reason: str, actor: str, now: datetime) -> Written:
    """Take a staged challenger away: the champion answers every unit again. Always allowed."""
    state = current(world, spec.model.name)
    if state.challenger != version or state.rollout is not None:
        raise RefusedError(f"{state.model}@{version} is not staged", hint="`flyball status` shows the challenger, if there is one")
    told = because("unstage.by_hand", version=version, actor=actor, reason=reason or "no reason given")
    events = [*leftovers(world, state), Staged(version=None, share=0.0, reason=told)]
    return append(world, spec, state, events, actor=actor, now=now)


def roll_back(world: World, spec: Spec, *, reason: str, actor: str, now: datetime) -> Written:
    """Give the champion's place back to the version before it. Works while frozen: going back is always allowed."""
    meant = current(world, spec.model.name).champion

    def events(state: State) -> list[Event]:
        if state.champion is None or state.previous is None or state.champion != meant:
            raise RefusedError(
                f"{state.model} has no previous champion to go back to", hint="`flyball models` lists the versions; promote one of them"
            )
        told = because("rollback.by_hand", version=state.champion, to=state.previous, actor=actor, reason=reason or "no reason given")
        back = RolledBack(version=state.champion, to=state.previous, reason=told, evidence={})
        return [*leftovers(world, state, champion=True), *rolled_back(state, back)]

    return insist(world, spec, spec.model.name, events, actor=actor, now=now)


def freeze(world: World, model: str, *, reason: str, until: datetime | None, actor: str, now: datetime) -> Written:
    """Stop promotions, rollbacks by the loop and trainings; serving goes on."""
    return insist(world, None, model, lambda _: [Frozen(reason=reason, until=until)], actor=actor, now=now)


def thaw(world: World, model: str, *, reason: str, actor: str, now: datetime) -> Written:
    """Let the loop act again."""

    def events(state: State) -> list[Event]:
        if state.frozen(now) is None:
            raise RefusedError(f"{model} is not frozen", hint="`flyball status` shows the state of the loop")
        return [Thawed(reason=reason or "no reason given")]

    return insist(world, None, model, events, actor=actor, now=now)


def silence(world: World, model: str, pattern: str, *, reason: str, length: timedelta, actor: str, now: datetime) -> Written:
    """Tell nobody of alerts whose key fits a pattern, for so long. They fire, resolve and may ask for a training all the same."""
    if not pattern.strip() or len(pattern) > _LONGEST_PATTERN or not pattern.isprintable():
        raise UsageError(
            "a silence needs the key of an alert or a pattern of keys, of at most 200 characters",
            hint="such as drift:temp, 'drift:*' or '*'; `flyball alerts` lists what fires",
        )
    if not timedelta(0) < length <= _LONGEST_SILENCE:
        raise UsageError("a silence lasts longer than nothing, and a year at most", hint="write --for 24h")
    return insist(world, None, model, lambda _: [Silenced(pattern=pattern, reason=reason, until=now + length)], actor=actor, now=now)


def end_silence(world: World, model: str, pattern: str, *, reason: str, actor: str, now: datetime) -> Written:
    """Tell people of those alerts again; what fires is told at the next tick."""

    def events(state: State) -> list[Event]:
        silences = sorted(name for name, one in state.silences.items() if now < one.until)
        if pattern not in silences:
            raise NotFoundError(f"there is no silence of {pattern!r}", hint=f"silences: {', '.join(silences) or 'none'}")
        return [SilenceEnded(pattern=pattern, reason=reason)]

    return insist(world, None, model, events, actor=actor, now=now)


def _known(state: State, version: int) -> Known:
    known = state.versions.get(version)
    if known is None:
        there = ", ".join(str(number) for number in sorted(state.versions)) or "none"
        raise NotFoundError(f"there is no version {version} of {state.model}", hint=f"versions: {there}")
    return known


def _spoken_against(known: Known) -> list[str]:
    """What is known against a version."""
    verdict = known.registered.gate.verdict
    found = [] if verdict is Verdict.PASS else [f"it did not pass its gate ({verdict.value})"]
    return [*found, "live rows spoke against it"] if known.refused else found


def _too_large(share: float, spec: Spec) -> list[str]:
    """Where a person approves promotions, nobody gives a version a champion's traffic by another door."""
    rules = spec.rollout
    if rules.approve != "manual" or (share <= rules.share and share < 1.0):
        return []
    most = f'approve = "manual" lets a challenger answer {rules.share:.1%} of the units at most (rollout.share)'
    return [f"{most}, not {share:.1%}"]


def _standing(state: State, version: int, now: datetime) -> list[str]:
    """What stands in the way of any move."""
    found, freeze = [], state.frozen(now)
    if freeze is not None:
        until = f" until {format_minute(freeze.until)}" if freeze.until else ""
        found.append(f"{state.model} is frozen{until} ({freeze.reason}; `flyball thaw` ends it)")
    if state.rollout is not None:
        until = format_minute(state.rollout.deadline_at)
        still = "" if state.paused is None else f", and paused since {format_minute(state.paused.at)}"
        found.append(f"{state.model}@{state.rollout.version} is being compared with the champion until {until}{still}")
    return found


def _asked(state: State, version: int, reason: str, actor: str) -> list[Event]:
    """A person asks for a promotion that somebody has to approve."""
    if state.waiting is not None and state.waiting.version == version:
        raise RefusedError(
            f"{state.model}@{version} waits for approval already", hint=f"`flyball approve {state.model}@{version} --reason '...'` lets it"
        )
    asked = because("approval.by_hand", version=version, actor=actor, reason=reason or "no reason given")
    older = [] if state.waiting is None else [_superseded(state.waiting.version, version)]
    return [*older, ApprovalAsked(version=version, reason=asked, evidence={})]


def _superseded(waiting: int, by: int) -> Declined:
    return Declined(version=waiting, reason=because("approval.superseded", version=waiting, by=by))


def _need_force(state: State, version: int, against: list[str], *, force: bool, reason: str, what: str = "promoted") -> None:
    if force and not reason:
        raise UsageError("--force needs --reason: it stays in the journal", hint="say why: --force --reason '...'")
    if against and not force:
        raise RefusedError(
            f"{state.model}@{version} is not {what}: {'; '.join(against)}",
            hint=f"`flyball why {state.model}@{version}` tells its story; to do it all the same: --force --reason '...'",
        )
