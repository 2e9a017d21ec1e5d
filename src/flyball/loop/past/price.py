"""What a training cost and what it bought: every training with its trigger, its price, what became of its version, and by how much
it was better on live rows afterwards. Pure: all of it stands in the journal.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from flyball.core.reason import Reason, Value, because
from flyball.core.record import record
from flyball.core.verdict import Verdict
from flyball.journal.events import (
    AlertFired,
    AlertResolved,
    Cause,
    Entry,
    Event,
    Promoted,
    Registered,
    RetrainEnded,
    RetrainStarted,
    RolledBack,
    RolloutEnded,
    RolloutStarted,
    Suppressed,
    WatchEnded,
)
from flyball.journal.moves import ApprovalAsked, Approved, Declined, GuardrailTripped

Ended = Literal["running", "registered", "unchanged", "failed", "lost"]
Became = Literal[
    "nothing",
    "refused by its gate",
    "waits",
    "passed over",
    "in comparison",
    "refused",
    "undecided",
    "tripped",
    "waits for approval",
    "declined",
    "champion",
    "kept",
    "replaced",
    "rolled back",
]
_NOTHING: Became = "nothing"
# What happens to a version. Of the thousands of other entries none says what became of one.
_TURNS = (RolloutStarted, RolloutEnded, GuardrailTripped, ApprovalAsked, Approved, Declined, Promoted, WatchEnded, RolledBack)


@record
class Bought:
    """What a version was worth on live rows against another: a mean gain per row by `metric` (> 0: the smaller loss), with its bounds.

    `by`: the comparison before its promotion (`rollout`), or the one with the champion before it while it answered (`watch`). `lower`,
    `upper` None: there were too few days. The bounds hold at whatever time they are looked at (level `alpha`).
    """

    by: Literal["rollout", "watch"]
    at: datetime
    version: int
    against: int
    metric: str
    verdict: Verdict
    gain: float | None
    lower: float | None
    upper: float | None
    rows: int
    days: int


@record
class Training:
    """One training: who or what asked for it and why, what it learnt from, what it cost, and what came of it.

    `at`: when it was asked for (of a person's: when its version was registered; those that came to nothing left no trace). `firing`:
    the alerts that fired then. `rows` and what follows are 0 or None where no version came of it. `window`, `hidden`, `held_back`: see
    `Registered`. `cpu_seconds` None: nobody measured it. `money` None: no price was known then; else in `currency`.
    `bought`: the last live comparison that says something, None if none did.
    """

    at: datetime
    actor: str
    cause: Cause
    action: str
    reason: Reason | None
    firing: Mapping[str, Reason]
    ended: Ended
    ended_at: datetime | None
    told: Reason | None
    version: int
    rows: int
    trained_from: datetime | None
    trained_until: datetime | None
    window: Reason | None
    hidden: int
    held_back: int
    seconds: float | None
    cpu_seconds: float | None
    money: float | None
    currency: str
    gate: Verdict | None
    became: Became
    became_at: datetime | None
    comparisons: tuple[Bought, ...]

    @property
    def bought(self) -> Bought | None:
        """The newest comparison that has bounds; else the newest."""
        bounded = [one for one in self.comparisons if one.lower is not None]
        return (bounded or self.comparisons or (None,))[-1]


@record
class PutOff:
    """Something called for a training, and why none was started. Written down when that changes, not at every look."""

    at: datetime
    actor: str
    cause: Cause
    reason: Reason
    because: Reason


def trainings(entries: Sequence[Entry]) -> list[Training | PutOff]:
    """Every training of the loop and of people, and between them those that were put off, in order of when they were asked for."""
    return _trainings(entries, None)


def _trainings(entries: Sequence[Entry], only: int | None) -> list[Training | PutOff]:
    """With `only`, the training that made this version, without a look at what became of all the others."""
    made = {entry.event.action: entry.event for entry in entries if isinstance(entry.event, Registered) and entry.event.action}
    ended = {entry.event.action: entry for entry in entries if isinstance(entry.event, RetrainEnded)}
    found: list[Training | PutOff] = []
    firing: dict[str, Reason] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, AlertFired):
            firing[event.key] = event.reason
        elif isinstance(event, AlertResolved):
            firing.pop(event.key, None)
        elif only is not None and only != _comes_to(event, made):
            continue
        elif isinstance(event, RetrainStarted):
            end, version = ended.get(event.action), made.get(event.action)
            found.append(_training(entry, version, entries, dict(firing), started=event, end=end))
        elif isinstance(event, Registered) and not event.action and not event.source:
            found.append(_training(entry, event, entries, dict(firing)))
        elif isinstance(event, Suppressed):
            found.append(PutOff(at=entry.at, actor=entry.actor, cause=event.cause, reason=event.reason, because=event.because))
    return found


def training_of(entries: Sequence[Entry], version: int) -> Training | None:
    """The training that made a version; None for one that was adopted, or is not known."""
    found = (one for one in _trainings(entries, version) if isinstance(one, Training) and one.gate is not None)
    return next((one for one in found if one.version == version), None)


def _comes_to(event: Event, made: Mapping[str, Registered]) -> int:
    """The version that a training came to by the entry of its beginning, or of a person's training; 0 for every other entry."""
    if isinstance(event, RetrainStarted):
        return made[event.action].version if event.action in made else 0
    return event.version if isinstance(event, Registered) else 0


def standings_of(entries: Sequence[Entry], versions: Iterable[Registered]) -> dict[int, tuple[Became, datetime | None]]:
    """What became of each of these versions, and when (None: nothing happened to it since it was made)."""
    turns = [entry for entry in entries if isinstance(entry.event, _TURNS)]
    return {made.version: _became(turns, made) for made in versions}


def standing_of(entries: Iterable[Entry], made: Registered) -> Became:
    """What became of a version: the last thing that happened to it."""
    return _became(entries, made)[0]


def comparisons_of(entries: Iterable[Entry], version: int) -> tuple[Bought, ...]:
    """Every live comparison of a version that came to an end, in order."""
    found: list[Bought] = []
    rollout: RolloutStarted | None = None
    replaced, metric = 0, ""
    for entry in entries:
        event = entry.event
        if isinstance(event, RolloutStarted) and event.version == version:
            rollout = event
            metric = event.metric
        elif isinstance(event, RolloutEnded) and event.version == version and rollout is not None:
            found += _bought("rollout", entry, version, rollout.champion, metric, event.verdict, event.evidence, event.reason)
            rollout = None
        elif isinstance(event, Promoted) and event.version == version:
            replaced = event.replaced or 0
        elif isinstance(event, WatchEnded) and event.version == version:
            found += _bought("watch", entry, version, replaced, metric, Verdict.PASS, event.evidence, event.reason)
        elif isinstance(event, RolledBack) and event.version == version:
            found += _bought("watch", entry, version, event.to, metric, Verdict.FAIL, event.evidence, event.reason)
    return tuple(found)


def bought_words(one: Bought) -> Reason:
    """What a version was worth, as a sentence."""
    values: dict[str, Value] = {
        "version": one.version,
        "against": one.against,
        "metric": one.metric or "loss",
        "days": one.days,
        "rows": one.rows,
    }
    if one.gain is None or one.lower is None or one.upper is None:
        return because("bought.too_little", **values)
    code = "bought.better" if one.lower > 0 else "bought.worse" if one.upper < 0 else "bought.even"
    return Reason(code=code, values={**values, "gain": one.gain, "lower": one.lower, "upper": one.upper})


def _training(
    entry: Entry,
    made: Registered | None,
    entries: Sequence[Entry],
    firing: Mapping[str, Reason],
    *,
    started: RetrainStarted | None = None,
    end: Entry | None = None,
) -> Training:
    closed = end.event if end is not None and isinstance(end.event, RetrainEnded) else None
    ended: Ended = closed.outcome if closed is not None else "running" if made is None else "registered"
    became, became_at = _became(entries, made) if made is not None else (_NOTHING, None)
    cost: Mapping[str, float] = {**_spent(made), **(closed.cost if closed is not None else {})}
    return Training(
        at=entry.at,
        actor=entry.actor,
        cause=started.cause if started is not None else "manual",
        action=started.action if started is not None else "",
        reason=started.reason if started is not None else None,
        firing=firing,
        ended=ended,
        ended_at=end.at if end is not None else None if made is None else entry.at,
        told=closed.reason if closed is not None else None,
        version=made.version if made is not None else closed.version if closed is not None else 0,
        rows=made.rows if made is not None else 0,
        trained_from=made.trained_from if made is not None else None,
        trained_until=made.trained_until if made is not None else None,
        window=made.window if made is not None else None,
        hidden=made.hidden if made is not None else 0,
        held_back=made.held_back if made is not None else 0,
        seconds=cost.get("seconds"),
        cpu_seconds=cost.get("cpu_seconds"),
        money=cost.get("money"),
        currency=closed.currency if closed is not None and "money" in closed.cost else made.currency if made is not None else "",
        gate=made.gate.verdict if made is not None else None,
        became=became,
        became_at=became_at,
        comparisons=comparisons_of(entries, made.version) if made is not None else (),
    )


def _spent(made: Registered | None) -> dict[str, float]:
    """What the training itself measured: its seconds, and CPU seconds where it counted them."""
    if made is None:
        return {}
    names = {"total": "seconds", "cpu_seconds": "cpu_seconds", "cpu": "cpu_seconds"}
    paid = {} if made.money is None else {"money": made.money}
    return paid | {to: made.seconds[name] for name, to in names.items() if name in made.seconds}


def _became(entries: Iterable[Entry], made: Registered) -> tuple[Became, datetime | None]:
    """The last thing that happened to a version."""
    version, became, at = made.version, _at_first(made), None
    for entry in entries:
        event, now = entry.event, _turn(entry, version)
        if now is not None:
            became, at = now, entry.at
        elif became == "waits" and isinstance(event, RolloutStarted | Promoted) and event.version > version:
            became, at = "passed over", entry.at
    return became, at


def _at_first(made: Registered) -> Became:
    return "refused by its gate" if made.gate.verdict is Verdict.FAIL else "waits"


def _turn(entry: Entry, version: int) -> Became | None:
    match entry.event:
        case RolloutStarted(version=about) if about == version:
            return "in comparison"
        case RolloutEnded(version=about, verdict=verdict) if about == version and verdict is not Verdict.PASS:
            return "refused" if verdict is Verdict.FAIL else "undecided"
        case GuardrailTripped(version=about) if about == version:
            return "tripped"
        case ApprovalAsked(version=about) if about == version:
            return "waits for approval"
        case Approved(version=about) if about == version:
            return "waits"
        case Declined(version=about) if about == version:
            return "declined"
        case Promoted(version=about) if about == version:
            return "champion"
        case Promoted(replaced=about) if about == version:
            return "replaced"
        case WatchEnded(version=about) if about == version:
            return "kept"
        case RolledBack(version=about) if about == version:
            return "rolled back"
        case RolledBack(to=about) if about == version:
            return "champion"
        case _:
            return None


def _bought(
    by: Literal["rollout", "watch"],
    entry: Entry,
    version: int,
    against: int,
    metric: str,
    verdict: Verdict,
    evidence: Mapping[str, float],
    reason: Reason,
) -> list[Bought]:
    """Nothing where nothing was compared: ended by a person, or because the champion changed."""
    if not evidence:
        return []
    named = reason.values.get("metric")
    return [
        Bought(
            by=by,
            at=entry.at,
            version=version,
            against=against,
            metric=str(named) if named else metric,
            verdict=verdict,
            gain=evidence.get("gain"),
            lower=evidence.get("lower"),
            upper=evidence.get("upper"),
            rows=int(evidence.get("rows", 0)),
            days=int(evidence.get("blocks", 0)),
        )
    ]
