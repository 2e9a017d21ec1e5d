"""What was in production at a time, and what changed it since: folds of the journal up to a moment. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.journal.events import (
    AlertFired,
    AlertResolved,
    Entry,
    Event,
    ExternalMove,
    Frozen,
    Promoted,
    Referenced,
    RolledBack,
    RolloutEnded,
    RolloutStarted,
    Staged,
    Thawed,
    WatchEnded,
)
from flyball.journal.explain import tell
from flyball.journal.known import Freeze, Pause, Running, State, Waiting, Watch
from flyball.journal.moves import ApprovalAsked, Approved, Declined, GuardrailTripped, RolloutPaused, RolloutResumed, ShareMoved
from flyball.journal.state import apply, empty, fold

# What changes who answers, who is compared, or whether the loop may change it.
_OF_PRODUCTION: tuple[type[Event], ...] = (
    Promoted,
    RolledBack,
    Staged,
    RolloutStarted,
    RolloutEnded,
    WatchEnded,
    ShareMoved,
    RolloutPaused,
    RolloutResumed,
    GuardrailTripped,
    ApprovalAsked,
    Approved,
    Declined,
    Frozen,
    Thawed,
    ExternalMove,
    Referenced,
)


@record
class Production:
    """What was in production at a time. `seq`: the newest journal entry by then (0: none yet). `bundles`: of every version named here.

    `challenger_share`: what part of the units the challenger answered (0: none). `shadow`: versions that scored every row without
    answering. `freeze` None: the loop was free to act. `firing`: the alerts that fired, key → why.
    """

    model: str
    at: datetime
    seq: int
    champion: int | None
    champion_since: datetime | None
    challenger: int | None
    challenger_share: float
    shadow: tuple[int, ...]
    previous: int | None
    bundles: Mapping[int, str]
    rollout: RolloutStarted | None
    paused: Pause | None
    waiting: Waiting | None
    watch: Watch | None
    training: Running | None
    freeze: Freeze | None
    firing: Mapping[str, Reason]


@record
class Change:
    """One entry that changed production, and what stood after it. `version`: which it was about (0: none)."""

    entry: Entry
    action: str
    version: int
    reason: Reason
    champion: int | None
    challenger: int | None
    challenger_share: float


def entries_until(entries: Sequence[Entry], at: datetime) -> Sequence[Entry]:
    """The entries that had been written by a time: up to the last one that is not later. An entry is never without those before it.

    So a clock that once ran ahead hides nothing that was written after it.
    """
    newest = next((number for number in range(len(entries), 0, -1) if entries[number - 1].at <= at), 0)
    return entries[:newest]


def state_at(model: str, entries: Sequence[Entry], at: datetime) -> State:
    """Everything that was known of a model at a time."""
    return fold(model, entries_until(entries, at))


def production_at(model: str, entries: Sequence[Entry], at: datetime) -> Production:
    """What was in production at a time: nothing (`champion` None) before the first promotion."""
    return production(state_at(model, entries, at), at)


def production(state: State, at: datetime) -> Production:
    """What a state means for production at a time, which decides whether a freeze still holds."""
    named = {version for version in (state.champion, state.challenger, state.previous, *state.shadow) if version is not None}
    return Production(
        model=state.model,
        at=at,
        seq=state.seq,
        champion=state.champion,
        champion_since=state.champion_since,
        challenger=state.challenger,
        challenger_share=state.challenger_share,
        shadow=state.shadow,
        previous=state.previous,
        bundles={version: state.versions[version].registered.bundle for version in sorted(named) if version in state.versions},
        rollout=state.rollout,
        paused=state.paused,
        waiting=state.waiting,
        watch=state.watch,
        training=state.running,
        freeze=state.frozen(at),
        firing=state.firing,
    )


def changes(model: str, entries: Sequence[Entry], *, since: datetime | None = None, until: datetime | None = None) -> list[Change]:
    """What changed production after `since` and up to `until` (default: from the first entry to the last), in order.

    Who trained what, alerts, and what was put off change nothing there, and are not listed.
    """
    known = entries if until is None else entries_until(entries, until)
    before = 0 if since is None else len(entries_until(entries, since))
    found, state = [], empty(model)
    for number, entry in enumerate(known):
        if isinstance(entry.event, AlertFired | AlertResolved):
            continue  # there may be thousands, and none changes who answers
        state = apply(state, entry)
        if number >= before and isinstance(entry.event, _OF_PRODUCTION):
            told = tell(entry)
            found.append(
                Change(
                    entry=entry,
                    action=told.action,
                    version=told.version,
                    reason=told.reason,
                    champion=state.champion,
                    challenger=state.challenger,
                    challenger_share=state.challenger_share,
                )
            )
    return found
