"""Looking things up in the journal: what was done of a kind, by whom, to which version, between which times, in which words. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.journal.events import KINDS, Entry
from flyball.journal.explain import Told, about, decisions, tell

GROUPS: Mapping[str, tuple[str, ...]] = {
    "answers": ("promoted", "rolled back", "staged", "watch ended", "external move"),
    "training": ("retrain started", "registered", "retrain ended", "suppressed", "referenced", "verified"),
    "comparison": ("rollout started", "rollout ended", "share moved", "rollout paused", "rollout resumed", "guardrail tripped"),
    "people": ("approval asked", "approved", "declined", "frozen", "thawed", "admitted"),
    "alerts": ("alert fired", "alert resolved", "silenced", "silence ended", "undelivered", "retrain requested", "request closed"),
}
"""Every kind of entry under what it is about: who answers, the trainings, the comparisons, what people allow, and alerts."""


@record
class Wanted:
    """What is looked for. Empty, 0 and None: no matter. `kind`: a kind of entry or a group of them; without one, only decisions are found
    unless `every` entry is asked for. `since` <= at < `until`. `actor` and `text` are found anywhere, in capitals or not."""

    kind: str = ""
    every: bool = False
    version: int = 0
    actor: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


def search(entries: Sequence[Entry], wanted: Wanted, say: Callable[[Reason], str]) -> list[Told]:
    """The entries that fit, the newest first. `say` makes the sentence in which the text is looked for."""
    kinds = GROUPS.get(wanted.kind, (wanted.kind,) if wanted.kind else ())
    found: Iterable[Told] = about(entries, wanted.version) if wanted.version else map(tell, _between(entries, wanted))
    if wanted.version:
        inside = {entry.seq for entry in _between(entries, wanted)}
        found = (one for one in found if one.entry.seq in inside)
    if kinds:
        found = (one for one in found if KINDS[type(one.entry.event)] in kinds)
    elif not wanted.every:
        found = decisions(one.entry for one in found)
    if wanted.actor:
        actor = wanted.actor.casefold()
        found = (one for one in found if actor in one.entry.actor.casefold())
    if wanted.text:
        text = wanted.text.casefold()
        found = (one for one in found if text in one.action or text in say(one.reason).casefold())
    return list(found)[::-1]


def group_of(entry: Entry) -> str:
    """What an entry is about: a name of `GROUPS`."""
    kind = KINDS[type(entry.event)]
    return next(name for name, kinds in GROUPS.items() if kind in kinds)


def _between(entries: Sequence[Entry], wanted: Wanted) -> list[Entry]:
    since, until = wanted.since, wanted.until
    return [entry for entry in entries if (since is None or entry.at >= since) and (until is None or entry.at < until)]
