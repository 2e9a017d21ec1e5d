"""Leases in PostgreSQL, by the clock of its server."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from flyball.adapters.postgres.database import Database
from flyball.adapters.postgres.deployments import PostgresDeployments
from flyball.adapters.postgres.journal import PostgresJournal
from flyball.adapters.postgres.leases import PostgresLeases
from flyball.testing.leases import LASTS, LeasesSuite
from flyball.testing.samples import deployment


class TestPostgresLeases(LeasesSuite):
    @pytest.fixture
    def pass_time(self, database: Database) -> Callable[[timedelta], None]:
        def back(span: timedelta) -> None:
            with database.write() as connection:
                connection.execute("UPDATE leases SET until = until - %s", (span // timedelta(microseconds=1),))

        return back

    @pytest.fixture
    def leases(self, database: Database) -> PostgresLeases:
        return PostgresLeases(database)

    @pytest.fixture
    def journal(self, database: Database) -> PostgresJournal:
        return PostgresJournal(database)


def test_of_many_who_take_it_at_once_one_gets_it(database: Database) -> None:
    leases, holders = PostgresLeases(database), list[str]()

    def take(name: str) -> None:
        if leases.take("churn", name, lasts=timedelta(minutes=1)) is not None:
            holders.append(name)

    threads = [threading.Thread(target=take, args=(f"m{number}",)) for number in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    held = leases.current("churn")
    assert held is not None and holders == [held.holder] and held.epoch == 1


def test_heartbeats_are_told_by_the_clock_of_the_server(database: Database) -> None:
    deployments = PostgresDeployments(database)
    deployments.acknowledge("churn", "w0", 3)
    assert deployments.workers("churn") == {"w0": (3, "")}
    deployments.prepare(deployment(5), within=LASTS)
    swap = deployments.pending("churn")
    assert swap is not None and swap.waiting == ("w0",) and not swap.overdue
    with database.write() as connection:
        connection.execute("UPDATE workers SET heard_at = heard_at - 11000000")
    assert deployments.workers("churn") == {}
    swap = deployments.pending("churn")
    assert swap is not None and swap.due
