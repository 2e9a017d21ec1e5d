"""Tells another system of everything in the journal: alerts, decisions, trainings, in order, at least once.

How far it has heard stands in the ledger of the outbox, and moves only after it took what it was told: whoever dies in between is followed
by one who tells the same again, under the same id.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from flyball.alerting.receivers import place_of
from flyball.alerting.records import Told
from flyball.core.digest import sha256_bytes
from flyball.core.errors import ConflictError
from flyball.core.reason import Reason, because
from flyball.journal.events import Admitted, Entry
from flyball.loop.compose import LISTENER
from flyball.loop.world import Post
from flyball.ports.history import Journal
from flyball.spec.records import Spec

MOST = 500
"""Entries that one tick tells: a listener that is new hears of a long past bit by bit."""
_KEY = "journal"


def tell_events(post: Post, journal: Journal, spec: Spec, *, now: datetime) -> list[Reason]:
    """Tell the listener of `[track] events` what it has not heard yet; what kept it from being told, if anything did."""
    where, model = spec.track.events, spec.model.name
    if post.listener is None or not where:
        return []
    name = f"{LISTENER}{sha256_bytes(where.encode())[:16]}"
    heard = heard_by(post, model, name)
    entries = journal.read(model, after=heard)
    found, left = entries[:MOST], len(entries)
    told, error = post.listener.tell(where, public(found))
    upto = _upto(found, told)
    if upto > heard:
        ledger = post.outbox.ledger(model)
        with suppress(ConflictError):  # another tick was faster: the same is told once more at worst
            post.outbox.put(model, [], [Told(receiver=name, key=_KEY, seq=upto, at=now)], [], expected=ledger.revision)
    if not error:
        return []
    return [because("events.untold", listener=place(where), entries=left - max(0, upto - heard), error=error)]


def heard_by(post: Post, model: str, name: str) -> int:
    """The newest entry that a listener took; 0 if it took none."""
    return next((one.seq for one in post.outbox.ledger(model).told if (one.receiver, one.key) == (name, _KEY)), 0)


def public(entries: Sequence[Entry]) -> list[Entry]:
    """What others may hear: everything but who may act."""
    return [entry for entry in entries if not isinstance(entry.event, Admitted)]


def place(where: str) -> str:
    """The listener without what must stay secret."""
    return where if where.startswith("file:") else place_of(where)


def _upto(found: Sequence[Entry], told: int) -> int:
    """The newest entry before the first that was not taken."""
    seqs = [entry.seq for entry in public(found)]
    if told >= len(seqs):
        return found[-1].seq if found else 0
    return seqs[told] - 1
