"""What a person may do to the rollout that runs, and to a promotion that waits: pause, resume, abort, approve, decline."""

from datetime import datetime, timedelta

from flyball.core.errors import NotFoundError, RefusedError, UsageError
from flyball.core.reason import because
from flyball.core.verdict import Verdict
from flyball.core.window import format_duration, format_minute
from flyball.journal.events import Event, Registered, RolloutEnded, RolloutStarted
from flyball.journal.known import State, Waiting
from flyball.journal.moves import Approved, Declined, RolloutPaused, RolloutResumed
from flyball.loop.at_hand import unloadable
from flyball.loop.promoted import promoted
from flyball.loop.records import Written
from flyball.loop.unwritten import leftovers, spoken_against
from flyball.loop.world import World
from flyball.loop.written import insist
from flyball.spec.records import Spec


def pause(world: World, spec: Spec, *, reason: str, actor: str, now: datetime, length: timedelta | None = None) -> Written:
    """Let the challenger of the rollout answer nobody until it is resumed. Nothing is decided meanwhile but what guardrails decide.

    `length`: so long, then it goes on by itself. Without one it ends undecided once it stood still for as long as it was to last.
    """
    _need_reason(reason)

    def events(state: State) -> list[Event]:
        rollout = _running(state)
        if state.paused is not None:
            raise RefusedError(
                f"the rollout of {state.model}@{rollout.version} is paused since {format_minute(state.paused.at)}",
                hint="`flyball rollout resume --reason '...'` lets it go on",
            )
        longest = rollout.deadline_at - rollout.start_at
        if length is not None and not timedelta(0) < length <= longest:
            raise UsageError(
                f"a pause lasts longer than nothing, and no longer than the rollout itself: {format_duration(longest)}",
                hint="write --for 24h; `flyball rollout abort --reason '...'` ends it",
            )
        until = None if length is None else now + length
        told = because(
            "rollout.paused" if until is None else "rollout.paused_until",
            version=rollout.version,
            actor=actor,
            reason=reason,
            until=format_minute(until or now + longest),
        )
        return [RolloutPaused(version=rollout.version, reason=told, until=until)]

    return insist(world, spec, spec.model.name, events, actor=actor, now=now)


def resume(world: World, spec: Spec, *, reason: str, actor: str, now: datetime) -> Written:
    """Let a paused rollout go on with the share it had. Its deadline moves by as long as it stood still; a step is held anew."""
    _need_reason(reason)

    def events(state: State) -> list[Event]:
        rollout = _running(state)
        if state.paused is None:
            raise RefusedError(
                f"the rollout of {state.model}@{rollout.version} is not paused", hint="`flyball rollout` shows how it stands"
            )
        _refuse_frozen(state, now, f"the rollout of {state.model}@{rollout.version} is not resumed")
        told = because("rollout.resumed", version=rollout.version, actor=actor, reason=reason)
        return [RolloutResumed(version=rollout.version, reason=told)]

    return insist(world, spec, spec.model.name, events, actor=actor, now=now)


def abort(world: World, spec: Spec, *, reason: str, actor: str, now: datetime) -> Written:
    """End the rollout undecided: the champion stays, and the version has had its chance. Always allowed."""
    _need_reason(reason)

    def events(state: State) -> list[Event]:
        rollout = _running(state)
        told = because("rollout.aborted", version=rollout.version, actor=actor, reason=reason)
        ended = RolloutEnded(version=rollout.version, verdict=Verdict.UNDECIDED, reason=told, evidence={})
        waited = state.waiting is not None and state.waiting.version == rollout.version
        declined = [Declined(version=rollout.version, reason=told)] if waited else []
        return [*leftovers(world, state), *declined, ended]

    return insist(world, spec, spec.model.name, events, actor=actor, now=now)


def approve(world: World, spec: Spec, version: int, *, reason: str, actor: str, now: datetime) -> Written:
    """Let a promotion that waits go through: the version becomes champion.

    Refused while frozen, while its rollout is paused, during the rollout of another version, where live rows or a guardrail spoke against
    it (though no tick has written that down yet), and, with `four_eyes`, to whoever asked for the promotion or trained the version by hand.
    """
    _need_reason(reason)

    def events(state: State) -> list[Event]:
        waiting = _waiting(state, version)
        name = f"{state.model}@{version}"
        _refuse_frozen(state, now, f"{name} is not promoted")
        if state.paused is not None:
            raise RefusedError(f"the rollout of {name} is paused", hint="`flyball rollout resume --reason '...'` first")
        if state.rollout is not None and state.rollout.version != version:
            until = format_minute(state.rollout.deadline_at)
            raise RefusedError(
                f"{state.model}@{state.rollout.version} is being compared with the champion until {until}",
                hint="wait for its end (`flyball rollout`), or end it: `flyball rollout abort --reason '...'`",
            )
        if state.rollout is not None and state.rollout.champion != state.champion:
            raise RefusedError(
                f"{name} was compared with champion {state.rollout.champion}, and the champion is {state.champion} now",
                hint="the next tick ends that comparison; `flyball promote` asks anew",
            )
        _refuse_spoken_against(world, state, version)
        if spec.rollout.four_eyes:
            _refuse_involved(world, state, waiting, actor)
        told = because("promote.approved", version=version, actor=actor, reason=reason)
        found: list[Event] = [Approved(version=version, reason=because("approval.given", version=version, actor=actor, reason=reason))]
        if state.rollout is not None:
            found.append(RolloutEnded(version=version, verdict=Verdict.PASS, reason=waiting.reason, evidence=waiting.evidence))
        return [*found, promoted(state, spec, version, told, now=now)]

    return insist(world, spec, spec.model.name, events, actor=actor, now=now)


def decline(world: World, spec: Spec, version: int, *, reason: str, actor: str, now: datetime) -> Written:
    """Refuse a promotion that waits: the champion stays, and a rollout of the version ends. Always allowed."""
    _need_reason(reason)

    def events(state: State) -> list[Event]:
        _waiting(state, version)
        told = because("approval.declined", version=version, actor=actor, reason=reason)
        found: list[Event] = [Declined(version=version, reason=told)]
        if state.rollout is not None and state.rollout.version == version:
            found = [*leftovers(world, state), *found]
            found.append(RolloutEnded(version=version, verdict=Verdict.UNDECIDED, reason=told, evidence={}))
        return found

    return insist(world, spec, spec.model.name, events, actor=actor, now=now)


def _running(state: State) -> RolloutStarted:
    if state.rollout is None:
        staged = "" if state.challenger is None else f"; {state.model}@{state.challenger} is staged by hand"
        raise RefusedError(
            f"no version of {state.model} is being compared with the champion{staged}",
            hint="`flyball status` shows what serves" if not staged else "`flyball promote NAME@V --to none` takes it away",
        )
    return state.rollout


def _waiting(state: State, version: int) -> Waiting:
    if version not in state.versions:
        there = ", ".join(str(number) for number in sorted(state.versions)) or "none"
        raise NotFoundError(f"there is no version {version} of {state.model}", hint=f"versions: {there}")
    if state.waiting is None or state.waiting.version != version:
        other = "nothing waits" if state.waiting is None else f"{state.model}@{state.waiting.version} does"
        raise RefusedError(
            f"no promotion of {state.model}@{version} waits for approval: {other}",
            hint="`flyball status` shows what waits; `flyball promote` asks for one",
        )
    return state.waiting


def _refuse_frozen(state: State, now: datetime, what: str) -> None:
    freeze = state.frozen(now)
    if freeze is not None:
        until = f" until {format_minute(freeze.until)}" if freeze.until else ""
        raise RefusedError(f"{what}: {state.model} is frozen{until} ({freeze.reason})", hint="`flyball thaw` ends it")


def _refuse_spoken_against(world: World, state: State, version: int) -> None:
    """What live rows or a guardrail spoke against is not approved, also if no tick has written it down yet; nor what cannot be loaded."""
    against = ["live rows spoke against it"] if state.versions[version].refused else spoken_against(world, state, version)
    against += unloadable(world, state, version)
    if against:
        raise RefusedError(
            f"{state.model}@{version} is not promoted: {'; '.join(against)}",
            hint="the next `flyball tick` writes down what guardrails did; `flyball promote --force --reason '...'` overrides it",
        )


def _refuse_involved(world: World, state: State, waiting: Waiting, actor: str) -> None:
    """With four eyes nobody approves what is their own: what they asked for, or trained by hand."""
    involved = {waiting.actor: "asked for it"}
    for entry in world.journal.read(state.model):
        if isinstance(entry.event, Registered) and entry.event.version == waiting.version and entry.event.cause == "manual":
            involved.setdefault(entry.actor, "trained it")
    if actor in involved:
        raise RefusedError(
            f"{actor!r} {involved[actor]}, and rollout.four_eyes wants somebody else to approve {state.model}@{waiting.version}",
            hint="let another person run `flyball approve`; who acts is FLYBALL_ACTOR, or the user",
        )


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError("this needs --reason: it stays in the journal", hint="say why: --reason '...'")
