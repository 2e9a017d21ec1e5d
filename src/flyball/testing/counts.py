"""What every store of kept counts keeps to."""
# ruff: noqa: D102 - a test's name is its sentence

from datetime import timedelta

import numpy as np

from flyball.core.window import Window, to_micros
from flyball.monitoring.slots import CountKey, Slot, Step
from flyball.monitoring.tally import Tally, added
from flyball.ports.watching import CountStore
from flyball.serving.records import Place
from flyball.testing.samples import NOON

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALWAYS = Window(start=NOON - 900 * DAY, end=NOON + 900 * DAY)
OWN = CountKey(version=2, against=2, reference="a" * 64)
FIRST = CountKey(version=2, against=1, reference="b" * 64)


def tally(rows: int, *cells: int, at: timedelta = timedelta(0)) -> Tally:
    """A tally of rows at noon, each of which fell into all of these cells."""
    hour = int((to_micros(NOON + at)) // 3_600_000_000)
    return Tally(hours={hour: rows}, cells=np.array(cells, dtype=np.int64), counts=np.full(len(cells), rows, dtype=np.int64))


def slot(at: timedelta, rows: int, *cells: int, length: timedelta = MINUTE, variant: str = "champion") -> Slot:
    """A slot of a minute that starts so long after noon."""
    return Slot(start=to_micros(NOON + at), length=length // timedelta(microseconds=1), variant=variant, tally=tally(rows, *cells, at=at))


def step(ledger: CountKey, after: int | None, place: int, *slots: Slot) -> Step:
    """From one place to the next."""
    return Step(ledger=ledger, after=None if after is None else Place(answered=after), place=Place(answered=place), slots=slots)


def held(
    store: CountStore, ledger: CountKey = OWN, window: Window = ALWAYS, model: str = "churn"
) -> list[tuple[float, str, int, list[int]]]:
    """Minutes after noon, variant, rows and cells of the slots of a ledger."""
    found = []
    for kept in store.slots(model, ledger, window):
        what = kept.tally()
        found.append(((kept.start - to_micros(NOON)) / 60e6, kept.variant, what.rows, what.cells.tolist()))
    return found


class CountStoreSuite:
    """Inherit, and give the fixture `store` (empty)."""

    def test_there_is_nothing_before_something_was_counted(self, store: CountStore) -> None:
        assert dict(store.places("churn")) == {}
        assert held(store) == []
        assert store.compact("churn", [(HOUR, NOON)]) == 0

    def test_what_is_added_to_a_slot_is_added_up_and_the_place_moves(self, store: CountStore) -> None:
        assert store.add("churn", [step(OWN, None, 4, slot(MINUTE, 3, 1, 5), slot(2 * MINUTE, 1, 0))])
        assert store.add("churn", [step(OWN, 4, 9, slot(MINUTE, 2, 5, 70_000))])
        assert store.places("churn") == {OWN: Place(answered=9)}
        assert held(store) == [(1.0, "champion", 5, [1, 5, 70_000]), (2.0, "champion", 1, [0])]
        first = store.slots("churn", OWN, ALWAYS)[0].tally()
        assert first.counts.tolist() == [3, 5, 2]

    def test_nothing_is_added_from_a_place_that_is_not_the_present_one(self, store: CountStore) -> None:
        assert store.add("churn", [step(OWN, None, 4, slot(MINUTE, 3, 1))])
        for after in (None, 3, 5):
            assert not store.add("churn", [step(OWN, after, 9, slot(MINUTE, 2, 1))])
        assert not store.add("churn", [step(FIRST, 4, 9, slot(MINUTE, 2, 1))]), "a ledger that is not there is at no place"
        assert held(store) == [(1.0, "champion", 3, [1])]
        assert store.places("churn") == {OWN: Place(answered=4)}

    def test_all_ledgers_move_or_none_does(self, store: CountStore) -> None:
        store.add("churn", [step(OWN, None, 4, slot(MINUTE, 3, 1))])
        assert not store.add("churn", [step(FIRST, None, 9, slot(MINUTE, 2, 1)), step(OWN, 3, 9, slot(MINUTE, 2, 1))])
        assert store.places("churn") == {OWN: Place(answered=4)}
        assert held(store, FIRST) == []
        assert store.add("churn", [step(FIRST, None, 9), step(OWN, 4, 9, slot(MINUTE, 2, 1))])
        assert store.places("churn") == {OWN: Place(answered=9), FIRST: Place(answered=9)}

    def test_slots_touch_a_window_or_do_not(self, store: CountStore) -> None:
        times = (timedelta(0), MINUTE, 2 * MINUTE, 3 * MINUTE)
        store.add("churn", [step(OWN, None, 1, *(slot(at, 1, 1) for at in times), slot(-DAY, 7, 1, length=2 * DAY))])
        window = Window(start=NOON + 1.5 * MINUTE, end=NOON + 3 * MINUTE)
        assert [rows for _, _, rows, _ in held(store, window=window)] == [7, 1, 1]
        assert [place for place, *_ in held(store, window=window)] == [-1440.0, 1.0, 2.0]

    def test_variants_stand_beside_each_other(self, store: CountStore) -> None:
        store.add("churn", [step(OWN, None, 1, slot(MINUTE, 1, 1), slot(MINUTE, 2, 1, variant="shadow"))])
        assert held(store) == [(1.0, "champion", 1, [1]), (1.0, "shadow", 2, [1])]

    def test_slots_that_are_old_enough_are_added_up_in_the_longest_they_may_go_into(self, store: CountStore) -> None:
        slots = [slot(number * MINUTE, 1, number % 3) for number in range(-3000, 0, 7)]
        store.add("churn", [step(OWN, None, 1, *slots, slot(-MINUTE, 5, 9, variant="shadow"))])
        store.add("churn", [step(FIRST, None, 1, *slots)])
        store.add("fraud", [step(OWN, None, 1, *slots)])
        day = NOON.replace(hour=0)
        rules = [(15 * MINUTE, NOON), (HOUR, NOON - 2 * HOUR), (DAY, day)]
        assert store.compact("churn", rules) == 2 * len(slots) + 1
        found = store.slots("churn", OWN, ALWAYS)
        lengths = {kept.length // 60_000_000 for kept in found if kept.start < to_micros(day)}
        assert lengths == {1440}
        assert {kept.length // 60_000_000 for kept in found if kept.start >= to_micros(NOON - 2 * HOUR)} == {15}
        assert [kept.start % kept.length for kept in found] == [0] * len(found)
        mine = [kept.tally() for kept in found if kept.variant == "champion"]
        whole, before = added(mine), added([one.tally for one in slots])
        assert (whole.hours, whole.cells.tolist(), whole.counts.tolist()) == (
            dict(sorted(before.hours.items())), before.cells.tolist(), before.counts.tolist(),
        )  # fmt: skip
        assert store.compact("churn", rules) == 0
        assert len(store.slots("fraud", OWN, ALWAYS)) == len(slots), "those of another model stay as they are"
        assert store.places("churn") == {OWN: Place(answered=1), FIRST: Place(answered=1)}

    def test_what_is_added_up_goes_to_what_is_there_already(self, store: CountStore) -> None:
        store.add("churn", [step(OWN, None, 1, slot(-HOUR, 5, 1, length=HOUR), slot(-2 * MINUTE, 2, 3))])
        assert store.compact("churn", [(HOUR, NOON)]) == 1
        assert held(store) == [(-60.0, "champion", 7, [1, 3])]

    def test_a_forgotten_ledger_begins_anew(self, store: CountStore) -> None:
        store.add("churn", [step(OWN, None, 4, slot(MINUTE, 3, 1)), step(FIRST, None, 4, slot(MINUTE, 3, 1))])
        store.add("fraud", [step(OWN, None, 4, slot(MINUTE, 3, 1))])
        store.forget("churn", [OWN])
        store.forget("churn", [OWN])
        assert store.places("churn") == {FIRST: Place(answered=4)}
        assert held(store) == []
        assert held(store, FIRST) == held(store, OWN, model="fraud") == [(1.0, "champion", 3, [1])]
        assert not store.add("churn", [step(OWN, 4, 5, slot(MINUTE, 1, 1))])
        assert store.add("churn", [step(OWN, None, 5, slot(MINUTE, 1, 2))])
        assert held(store) == [(1.0, "champion", 1, [2])]

    def test_ledgers_differ_by_version_reference_and_whose_reference_it_is(self, store: CountStore) -> None:
        others = [FIRST, CountKey(version=3, against=2, reference=OWN.reference), CountKey(version=2, against=2, reference="c" * 64)]
        store.add("churn", [step(ledger, None, 1, slot(MINUTE, number, 1)) for number, ledger in enumerate([OWN, *others], 1)])
        assert [held(store, ledger)[0][2] for ledger in (OWN, *others)] == [1, 2, 3, 4]
