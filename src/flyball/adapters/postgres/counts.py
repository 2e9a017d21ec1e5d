"""Kept counts in PostgreSQL: a row for each slot, its tally in one blob."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from flyball.adapters.logged import micros
from flyball.adapters.postgres.database import Connection, Database, one
from flyball.core.window import Window, to_micros
from flyball.monitoring.slots import CountKey, Kept, Step
from flyball.monitoring.tally import Tally, added, tally_from_bytes, tally_to_bytes
from flyball.serving.records import Place

_LEDGER = "SELECT id, answered, shadows FROM ledgers WHERE model = %s AND version = %s AND against = %s AND reference = %s"
_HELD = "SELECT id, tally FROM slots WHERE ledger = %s AND length = %s AND start = %s AND variant = %s"
# One range of the index for each length there is: slots of all lengths may touch a window.
_TOUCHING = """
SELECT start, length, variant, tally FROM slots
WHERE ledger = %s AND length = %s AND start > %s AND start < %s
"""
_SHORTER = (
    "SELECT %s::bigint, id, ledger, start, variant, tally FROM slots"
    " WHERE ledger = %s AND length = %s AND start >= %s AND start < %s LIMIT %s"
)
_AT_ONCE = 1000
"""Slots added up in one transaction, so that other writers do not wait long."""
_FAR = 2**62

_Short = tuple[int, int, int, int, str, bytes]


class PostgresCounts:
    """The port `CountStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def places(self, model: str) -> Mapping[CountKey, Place]:
        """Every ledger of a model, and up to which place in the prediction log its rows are counted."""
        query = "SELECT version, against, reference, answered, shadows FROM ledgers WHERE model = %s ORDER BY version, against"
        with self._database.read() as connection:
            rows = connection.execute(query, (model,)).fetchall()
        return {
            CountKey(version=version, against=against, reference=reference): Place(answered=answered, shadows=shadows)
            for version, against, reference, answered, shadows in rows
        }

    def add(self, model: str, steps: Sequence[Step]) -> bool:
        """Add the counts to what the slots hold and move the places, all or nothing; False if a ledger is elsewhere."""
        with self._database.write(f"counts {model}") as connection:
            found = [_find(connection, model, step.ledger) for step in steps]
            if any((None if one is None else one[1]) != step.after for one, step in zip(found, steps, strict=True)):
                return False
            for one, step in zip(found, steps, strict=True):
                key = _begin(connection, model, step.ledger) if one is None else one[0]
                connection.execute(
                    "UPDATE ledgers SET answered = %s, shadows = %s WHERE id = %s", (step.place.answered, step.place.shadows, key)
                )
                for slot in step.slots:
                    _put(connection, key, slot.length, slot.start, slot.variant, [slot.tally])
        return True

    def slots(self, model: str, ledger: CountKey, window: Window) -> list[Kept]:
        """The slots of a ledger that touch the window, in order of start."""
        with self._database.read() as connection:
            found = _find(connection, model, ledger)
            if found is None:
                return []
            rows = []
            for length in _lengths(connection, found[0]):
                bounds = (found[0], length, to_micros(window.start) - length, to_micros(window.end))
                rows += connection.execute(_TOUCHING, bounds).fetchall()
        rows.sort(key=lambda row: row[:3])
        return [Kept(start=start, length=length, variant=variant, content=content) for start, length, variant, content in rows]

    def compact(self, model: str, lengths: Sequence[tuple[timedelta, datetime]]) -> int:
        """Add up shorter slots in longer ones: for each length, shortest first, those that end by its time. Say how many went."""
        rules = [(micros(length), to_micros(before)) for length, before in lengths]
        with self._database.read() as connection:  # mostly there is nothing to do, and no reason to keep others from writing
            if not _shorter(connection, model, rules, 1):
                return 0
        gone = 0
        while True:
            with self._database.write(f"counts {model}") as connection:
                rows = _shorter(connection, model, rules, _AT_ONCE)
                _gather(connection, rows)
            gone += len(rows)
            if len(rows) < _AT_ONCE:
                return gone

    def forget(self, model: str, ledgers: Collection[CountKey]) -> None:
        """Drop these ledgers, as if they had never been counted."""
        if not ledgers:
            return
        with self._database.write(f"counts {model}") as connection:
            for one in ledgers:
                found = _find(connection, model, one)
                if found is not None:
                    connection.execute("DELETE FROM slots WHERE ledger = %s", (found[0],))
                    connection.execute("DELETE FROM ledgers WHERE id = %s", (found[0],))


def _find(connection: Connection, model: str, ledger: CountKey) -> tuple[int, Place] | None:
    row = connection.execute(_LEDGER, (model, ledger.version, ledger.against, ledger.reference)).fetchone()
    return None if row is None else (row[0], Place(answered=row[1], shadows=row[2]))


def _begin(connection: Connection, model: str, ledger: CountKey) -> int:
    values = (model, ledger.version, ledger.against, ledger.reference)
    query = "INSERT INTO ledgers (model, version, against, reference, answered, shadows) VALUES (%s, %s, %s, %s, 0, 0) RETURNING id"
    return int(one(connection, query, values)[0])


def _lengths(connection: Connection, key: int) -> list[int]:
    """The lengths of slots a ledger has, by a jump through the index for each."""
    found: list[int] = []
    while True:
        after = found[-1] if found else -1
        (length,) = one(connection, "SELECT MIN(length) FROM slots WHERE ledger = %s AND length > %s", (key, after))
        if length is None:
            return found
        found.append(length)


def _put(connection: Connection, key: int, length: int, start: int, variant: str, tallies: list[Tally]) -> None:
    """Add tallies to what a slot holds, if it holds something."""
    held = connection.execute(_HELD, (key, length, start, variant)).fetchone()
    if held is None:
        values = (key, length, start, variant, tally_to_bytes(added(tallies)))
        connection.execute("INSERT INTO slots (ledger, length, start, variant, tally) VALUES (%s, %s, %s, %s, %s)", values)
    else:
        whole = added([tally_from_bytes(held[1]), *tallies])
        connection.execute("UPDATE slots SET tally = %s WHERE id = %s", (tally_to_bytes(whole), held[0]))


def _shorter(connection: Connection, model: str, rules: Sequence[tuple[int, int]], limit: int) -> list[_Short]:
    """Slots that are shorter than they need be, at most so many, each with the longest length it may go into."""
    found: list[_Short] = []
    keys = [key for (key,) in connection.execute("SELECT id FROM ledgers WHERE model = %s", (model,)).fetchall()]
    for key in keys:
        for short in _lengths(connection, key):
            after = -_FAR
            for length, before in reversed(rules):  # the longest length has the earliest time: what is younger goes into the next
                if length > short and len(found) < limit:
                    found += connection.execute(_SHORTER, (length, key, short, after, before, limit - len(found))).fetchall()
                    after = before
    return found


def _gather(connection: Connection, rows: Sequence[_Short]) -> None:
    """Move slots into longer ones that hold them."""
    into = defaultdict[tuple[int, int, int, str], list[Tally]](list)
    for length, _, ledger, start, variant, tally in rows:
        into[ledger, length, start // length * length, variant].append(tally_from_bytes(tally))
    for (ledger, length, start, variant), tallies in into.items():
        _put(connection, ledger, length, start, variant, tallies)
    connection.cursor().executemany("DELETE FROM slots WHERE id = %s", [(row[1],) for row in rows])
