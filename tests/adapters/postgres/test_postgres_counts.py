"""Kept counts in PostgreSQL: what every store promises."""

import pytest

from flyball.adapters.postgres import counts as module
from flyball.adapters.postgres.counts import PostgresCounts
from flyball.adapters.postgres.database import Database
from flyball.testing.counts import HOUR, MINUTE, OWN, CountStoreSuite, held, slot, step
from flyball.testing.samples import NOON


@pytest.fixture
def store(database: Database) -> PostgresCounts:
    return PostgresCounts(database)


class TestPostgresCounts(CountStoreSuite):
    pass


def test_much_is_added_up_in_several_transactions(store: PostgresCounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    store.add("churn", [step(OWN, None, 1, *(slot(MINUTE * number, 1, number % 3) for number in range(-90, 0)))])
    assert store.compact("churn", [(15 * MINUTE, NOON), (HOUR, NOON - HOUR)]) == 90
    assert [(at, rows) for at, _, rows, _ in held(store)] == [(-120.0, 30), (-60.0, 15), (-45.0, 15), (-30.0, 15), (-15.0, 15)]
