"""What is wrong with a chain, entry by entry: edited, missing, inserted, exchanged. `chain.verify` stops at the first; this goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
import rfc8785

from flyball.core.errors import UsageError
from flyball.core.reason import Reason, because
from flyball.core.record import record
from flyball.journal.chain import GENESIS, Link, link_hash

_SHORTEST_HASH = 12
_FURTHEST = 64  # entries that may have been inserted or removed at one place before the rest counts as edited


@record
class Head:
    """How far a journal goes: its newest entry, whose hash covers every entry before it. Written down elsewhere, it is an anchor."""

    seq: int
    hash: str


@record
class Flaw:
    """One thing that is wrong with a chain: at which entry, and what."""

    seq: int
    reason: Reason


@record
class Examined:
    """A whole stream looked at. No flaws: every entry is what was appended, as far as the chain alone can tell."""

    model: str
    entries: int
    head: Head | None
    flaws: tuple[Flaw, ...]


def head_of(links: Sequence[Link]) -> Head | None:
    """The newest entry; None for an empty stream."""
    return Head(seq=links[-1].seq, hash=links[-1].hash) if links else None


def parse_head(text: str) -> Head:
    """The anchor in `SEQ:HASH`, as `flyball journal --head` prints it; of the hash, the first 12 digits are enough."""
    seq, _, digits = text.strip().partition(":")
    digits = digits.lower()
    if not seq.isdecimal() or int(seq) < 1 or len(digits) < _SHORTEST_HASH or set(digits) - set("0123456789abcdef") or len(digits) > 64:
        raise UsageError(f"{text!r} is not the end of a journal", hint="write SEQ:HASH, as `flyball journal --head` printed it")
    return Head(seq=int(seq), hash=digits)


def examine(model: str, links: Sequence[Link], *, expected: Head | None = None, served: int = 0) -> Examined:
    """Everything that is wrong with the links of one stream, given in order of seq from the first.

    `expected`: an end that was written down earlier; the journal may have grown since, but must still hold it. `served`: the newest entry
    that servers were told of. Without either, entries missing at the end are not seen: a shorter chain is a sound chain. And who
    rewrites every hash from some entry on makes a sound chain too; only an anchor tells.
    """
    flaws = list(_flaws(links))
    newest = links[-1].seq if links else 0
    if served > newest:
        flaws.append(Flaw(seq=newest + 1, reason=because("journal.cut_served", served=served, newest=newest)))
    if expected is not None:
        flaws += _against(links, expected, newest)
    return Examined(model=model, entries=len(links), head=head_of(links), flaws=tuple(flaws))


def _against(links: Sequence[Link], expected: Head, newest: int) -> list[Flaw]:
    found = next((link for link in links if link.seq == expected.seq), None)
    if found is None:
        return [Flaw(seq=expected.seq, reason=because("journal.cut", expected=expected.seq, newest=newest))]
    if not found.hash.startswith(expected.hash):
        told = because("journal.not_expected", seq=expected.seq, found=found.hash[:_SHORTEST_HASH], expected=expected.hash[:_SHORTEST_HASH])
        return [Flaw(seq=expected.seq, reason=told)]
    return []


def _flaws(links: Sequence[Link]) -> Iterator[Flaw]:
    before: Link | None = None
    shift = 0  # how far the entries here stand behind the place they were appended at
    for link in links:
        seq, due = link.seq, (before.seq if before else 0) + 1
        if seq != due:
            reason = because("journal.missing", first=due, last=seq - 1, count=seq - due)
            yield Flaw(seq=due, reason=reason)
        moved = _moved(link, shift)
        if moved is None:
            yield Flaw(seq=seq, reason=because("journal.edited", seq=seq, kind=link.kind, actor=link.actor))
        elif moved != shift:
            yield _shifted(seq, moved - shift)
            shift = moved
        elif seq == due and link.prev_hash != (before.hash if before else GENESIS):
            yield _exchanged(seq, before)
        before = link


def _moved(link: Link, shift: int) -> int | None:
    """By how many places an entry was moved behind the one it was appended at; None if it was edited otherwise."""
    order = [shift, *(step for distance in range(1, _FURTHEST + 1) for step in (shift + distance, shift - distance))]
    for step in order:
        if link.seq - step < 1:
            continue
        try:
            if link_hash(replace(link, seq=link.seq - step)) == link.hash:
                return step
        except (msgspec.DecodeError, rfc8785.CanonicalizationError, UnicodeEncodeError):
            return None
    return None


def _shifted(seq: int, by: int) -> Flaw:
    if by > 0:
        return Flaw(seq=seq - by, reason=because("journal.inserted", first=seq - by, last=seq - 1, count=by, seq=seq))
    return Flaw(seq=seq, reason=because("journal.removed", count=-by, seq=seq))


def _exchanged(seq: int, before: Link | None) -> Flaw:
    if before is None:
        return Flaw(seq=seq, reason=because("journal.no_beginning", seq=seq))
    return Flaw(seq=before.seq, reason=because("journal.exchanged", seq=before.seq, next=seq))
