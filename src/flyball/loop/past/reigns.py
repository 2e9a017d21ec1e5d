"""Which version had which name when: the champions and challengers of a model one after the other. Pure: folds of the journal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from flyball.core.reason import Reason
from flyball.core.record import record
from flyball.journal.events import Entry
from flyball.loop.past.history import Change, changes

Alias = Literal["champion", "challenger"]
ALIASES: tuple[Alias, ...] = ("champion", "challenger")


@record
class Reign:
    """A time for which a version had an alias. `until` None: it has it still. `seq`: the entry that began it, why `began`.

    `over`: why it ended, None while it lasts; `ended`: the number of that entry (0: none).
    """

    alias: Alias
    version: int
    since: datetime
    until: datetime | None
    seq: int
    began: Reason
    actor: str
    ended: int = 0
    over: Reason | None = None


def reigns(model: str, entries: Sequence[Entry]) -> list[Reign]:
    """Every reign of every alias, in the order in which they began."""
    moved = changes(model, entries)
    found = [reign for alias in ALIASES for reign in _of(alias, moved)]
    return sorted(found, key=lambda reign: (reign.seq, reign.alias))


def _of(alias: Alias, moved: Sequence[Change]) -> list[Reign]:
    found: list[Reign] = []
    first: Change | None = None
    for change in moved:
        before = None if first is None else _holder(alias, first)
        holder = _holder(alias, change)
        if holder == before:
            continue
        if first is not None and before is not None:
            found.append(_reign(alias, before, first, change))
        first = change
    if first is not None and (holder := _holder(alias, first)) is not None:
        found.append(_reign(alias, holder, first, None))
    return found


def _holder(alias: Alias, change: Change) -> int | None:
    return change.champion if alias == "champion" else change.challenger


def _reign(alias: Alias, version: int, first: Change, last: Change | None) -> Reign:
    return Reign(
        alias=alias,
        version=version,
        since=first.entry.at,
        until=None if last is None else last.entry.at,
        seq=first.entry.seq,
        began=first.reason,
        actor=first.entry.actor,
        ended=0 if last is None else last.entry.seq,
        over=None if last is None else last.reason,
    )
