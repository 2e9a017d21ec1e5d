"""The hash chain of the journal: an event becomes a link that carries the hash of everything in it and of the link before.

A link keeps the event as the canonical JSON text (RFC 8785) it had when it was appended, so that its hash can be checked for ever,
whatever fields the records gain later.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
import rfc8785

from flyball.core.codec import from_json, to_plain
from flyball.core.digest import canonical_json, sha256_json
from flyball.core.errors import ConflictError, DataError, IntegrityError, StaleLeaderError, UnsupportedError
from flyball.core.record import record
from flyball.core.window import from_micros, to_micros
from flyball.journal.events import EVENTS, KINDS, Entry, Event

FORMAT = 1
GENESIS = "0" * 64
"""What the first link of a stream names as the hash before it."""


@record
class Link:
    """An entry as it is stored: `at` in microseconds since 1970 UTC, `kind` a name of `EVENTS`, `body` canonical JSON."""

    model: str
    seq: int
    format: int
    at: int
    actor: str
    kind: str
    body: str
    prev_hash: str
    hash: str


def forge(model: str, events: Sequence[Event], *, newest: Link | None, actor: str, at: datetime) -> list[Link]:
    """The links that continue a stream whose newest link is `newest` (None: it has none yet)."""
    if at.tzinfo is None:
        raise DataError(f"an event of {model!r} needs a time with a time zone, not {at.isoformat()}")
    if newest is not None and newest.hash != link_hash(newest):
        raise _edited(newest)
    links: list[Link] = []
    for event in events:
        kind = KINDS[type(event)]
        unsealed = Link(
            model=model,
            seq=newest.seq + 1 if newest else 1,
            format=FORMAT,
            at=to_micros(at),
            actor=actor,
            kind=kind,
            body=_body(kind, event),
            prev_hash=newest.hash if newest else GENESIS,
            hash="",
        )
        newest = replace(unsealed, hash=link_hash(unsealed))
        links.append(newest)
    return links


def link_hash(link: Link) -> str:
    """Hex SHA-256 over the RFC 8785 bytes of all fields but `hash`, the event as an object."""
    fields = {
        "model": link.model,
        "seq": link.seq,
        "format": link.format,
        "at": link.at,
        "actor": link.actor,
        "kind": link.kind,
        "event": msgspec.json.decode(link.body),
        "prev_hash": link.prev_hash,
    }
    return sha256_json(fields)


def verify(links: Sequence[Link], *, after: int = 0, prev_hash: str = GENESIS) -> None:
    """IntegrityError naming the first link that is missing, moved or edited. `links` continue entry `after`, whose hash is `prev_hash`."""
    for link in links:
        after += 1
        if link.seq != after:
            raise IntegrityError(f"the journal of {link.model!r} has no entry {after}: the next one is {link.seq}", hint=_WHAT_NEXT)
        try:
            sound = link.prev_hash == prev_hash and link.hash == link_hash(link)
        except (msgspec.DecodeError, rfc8785.CanonicalizationError, UnicodeEncodeError):
            sound = False
        if not sound:
            raise _edited(link)
        prev_hash = link.hash


def to_entry(link: Link) -> Entry:
    """The entry a link holds; UnsupportedError if a newer Flyball wrote it."""
    kind = EVENTS.get(link.kind)
    if kind is None or link.format > FORMAT:
        raise UnsupportedError(
            f"entry {link.seq} of {link.model!r} is a {link.kind!r} event of format {link.format}, written by a newer Flyball",
            hint="upgrade flyball on this machine",
        )
    return Entry(
        model=link.model,
        seq=link.seq,
        at=from_micros(link.at),
        actor=link.actor,
        event=from_json(link.body, kind),
        prev_hash=link.prev_hash,
        hash=link.hash,
    )


def conflict(model: str, expected: int, newest: int, winner: Link | None) -> ConflictError:
    """What an append is told that expected another newest entry; `winner` is the entry that stands at `expected` + 1, if one does."""
    if winner is None:
        message = f"the journal of {model!r} ends at entry {newest}, not at {expected}"
    else:
        version = msgspec.json.decode(winner.body).get("version")
        what = f"{winner.kind} ({model}@{version})" if version is not None else winner.kind
        message = f"entry {winner.seq} of {model!r} was first: {what}, by {winner.actor}, at {from_micros(winner.at).isoformat()}"
    return ConflictError(message, hint="look at the present state, then decide again")


def stale(model: str, epoch: int, holder: str, newest: int) -> StaleLeaderError:
    """What an append is told whose writer acts by a lease that `holder` has taken over since."""
    return StaleLeaderError(
        f"{holder} acts for {model!r} by now (epoch {newest}): what was decided in epoch {epoch} is not written down",
        hint="nothing is lost: whoever leads looks at the same evidence; this one stands by",
    )


def _body(kind: str, event: Event) -> str:
    try:
        return canonical_json(to_plain(event)).decode()
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise DataError(
            f"the event {kind!r} cannot be kept: {error}", hint="numbers must be finite and below 2**53, text valid Unicode"
        ) from error


def _edited(link: Link) -> IntegrityError:
    return IntegrityError(f"entry {link.seq} of the journal of {link.model!r} is not what was appended: its hash differs", hint=_WHAT_NEXT)


_WHAT_NEXT = "`flyball journal --verify` lists all that was changed; restore flyball.db from a backup taken before, and find out who did it"
