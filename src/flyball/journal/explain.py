"""What happened, as reasons that can be said in a sentence: every event, and everything that concerns one version."""

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.journal.events import (
    Admitted,
    AlertFired,
    AlertResolved,
    Entry,
    Event,
    ExternalMove,
    Frozen,
    Promoted,
    Referenced,
    Registered,
    RequestClosed,
    RetrainEnded,
    RetrainRequested,
    RetrainStarted,
    RolledBack,
    RolloutEnded,
    RolloutStarted,
    Silenced,
    SilenceEnded,
    Staged,
    Suppressed,
    Thawed,
    Undelivered,
    WatchEnded,
)
from flyball.journal.moves import (
    ApprovalAsked,
    Approved,
    Declined,
    GuardrailTripped,
    Move,
    RolloutPaused,
    RolloutResumed,
    ShareMoved,
    Verified,
)

_MOVE_WORDS: Mapping[type[Move], str] = {
    ShareMoved: "move share",
    RolloutPaused: "pause",
    RolloutResumed: "resume",
    GuardrailTripped: "guardrail trips",
    ApprovalAsked: "ask for approval",
    Approved: "approve",
    Declined: "decline",
    Verified: "reproduce",
}
# What leads to decisions or follows from them, and is none.
_NO_DECISIONS = (Admitted, AlertFired, AlertResolved, Suppressed, Undelivered, RetrainRequested, RequestClosed, Verified)


@record
class Told:
    """One entry as a person reads it: what was done (`action`), to which version (0: none), and why."""

    entry: Entry
    action: str
    version: int
    reason: Reason


def tell(entry: Entry) -> Told:
    """An entry in the words of the loop."""
    action, version, reason = _tell(entry.event)
    return Told(entry=entry, action=action, version=version, reason=reason)


def about(entries: Iterable[Entry], version: int) -> list[Told]:
    """Everything that made a version, judged it or moved it, in order; the training that led to it included."""
    entries = list(entries)
    actions = {
        entry.event.action
        for entry in entries
        if isinstance(entry.event, Registered) and entry.event.version == version and entry.event.action
    }
    return [told for told in map(tell, entries) if version in _versions(told.entry.event) or _action(told.entry.event) in actions]


def registered(entries: Sequence[Entry], version: int) -> Registered | None:
    """The event that made a version."""
    for entry in entries:
        if isinstance(entry.event, Registered) and entry.event.version == version:
            return entry.event
    return None


def decisions(entries: Iterable[Entry]) -> list[Told]:
    """What the loop, a server or a person decided: everything but alerts, who was told of them, what was put off, and looks at the past."""
    return [told for told in map(tell, entries) if not isinstance(told.entry.event, _NO_DECISIONS)]


def _tell(event: Event) -> tuple[str, int, Reason]:
    match event:
        case AlertFired() | AlertResolved() | Silenced() | SilenceEnded() | Undelivered() | RetrainRequested() | RequestClosed():
            return _tell_alert(event)
        case Registered():
            return "adopted" if event.source else "registered", event.version, _registered(event)
        case RetrainStarted():
            return "retrain", 0, event.reason
        case RetrainEnded():
            return f"retrain {event.outcome}", event.version, event.reason
        case Suppressed():
            return f"{event.cause} waits", 0, event.because
        case RolloutStarted():
            return "compare", event.version, event.reason
        case RolloutEnded():
            return f"compared: {event.verdict.value}", event.version, event.reason
        case Promoted():
            return "promote", event.version, event.reason
        case Staged():
            return "stage", event.version or 0, event.reason
        case RolledBack():
            return "roll back", event.to, event.reason
        case WatchEnded():
            return "keep", event.version, event.reason
        case Frozen():
            until = event.until.isoformat(timespec="minutes") if event.until else None
            return "freeze", 0, because("event.frozen_until" if until else "event.frozen", reason=event.reason, until=until)
        case Thawed():
            return "thaw", 0, because("event.thawed", reason=event.reason)
        case ExternalMove():
            return "restored", event.restored or 0, because("event.external", alias=event.alias, found=event.found, restored=event.restored)
        case (
            ShareMoved() | RolloutPaused() | RolloutResumed() | GuardrailTripped() | ApprovalAsked() | Approved() | Declined() | Verified()
        ):
            return _MOVE_WORDS[type(event)], event.version, event.reason
        case Admitted():
            return "admit", 0, event.reason
        case Referenced():
            bundle = event.bundle[:12]
            told = because("event.referenced", version=event.version, rows=event.rows, source=event.source, bundle=bundle)
            return "reference", event.version, told
        case _:
            assert_never(event)


def _tell_alert(
    event: AlertFired | AlertResolved | Silenced | SilenceEnded | Undelivered | RetrainRequested | RequestClosed,
) -> tuple[str, int, Reason]:
    match event:
        case AlertFired():
            return "alert", 0, event.reason
        case AlertResolved():
            return "resolved", 0, event.reason
        case Silenced():
            until = event.until.isoformat(timespec="minutes")
            return "silence", 0, because("alerts.silenced", pattern=event.pattern, until=until, reason=event.reason)
        case SilenceEnded():
            return "silence ended", 0, because("alerts.silence_ended", pattern=event.pattern, reason=event.reason)
        case Undelivered():
            return "not told", 0, event.reason
        case RetrainRequested():
            return "asked from outside", 0, event.reason
        case RequestClosed():
            return "request over", 0, because("alerts.request_closed", key=event.key)
        case _:
            assert_never(event)


def _registered(event: Registered) -> Reason:
    if event.source:
        return because("event.adopted", version=event.version, source=event.source, engine=event.engine)
    return because(
        "event.registered",
        version=event.version,
        rows=event.rows,
        engine=event.engine,
        verdict=event.gate.verdict.value,
        cause=event.cause,
        metrics=", ".join(f"{name} {value:.4f}" for name, value in event.metrics.items()),
    )


def _versions(event: Event) -> set[int]:
    match event:
        case Registered() | RetrainEnded() | WatchEnded() | RolloutEnded() | Referenced():
            return {event.version}
        case RolloutStarted() | ShareMoved() | RolloutPaused() | RolloutResumed() | GuardrailTripped():
            return {event.version}
        case ApprovalAsked() | Approved() | Declined() | Verified():
            return {event.version}
        case Promoted():
            return {event.version} | ({event.replaced} if event.replaced else set())
        case RolledBack():
            return {event.version, event.to}
        case Staged():
            return {event.version} if event.version else set()
        case _:
            return set()


def _action(event: Event) -> str | None:
    return event.action if isinstance(event, RetrainStarted | RetrainEnded) else None
