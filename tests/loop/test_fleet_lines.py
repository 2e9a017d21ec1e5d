"""What `flyball status` says of several machines."""

from datetime import timedelta

from flyball.adapters.memory.deployments import MemoryDeployments
from flyball.adapters.memory.leases import MemoryLeases
from flyball.core.reason import because
from flyball.journal.events import Entry, Event, Promoted
from flyball.journal.leading import ALONE
from flyball.loop.fleet import fleet_of, leader_line, swap_line, worker_lines
from flyball.testing.samples import NOON, Clock, deployment
from versions import registered

HOUR = timedelta(hours=1)


def promoted(version: int, replaced: int | None) -> Promoted:
    return Promoted(version=version, replaced=replaced, reason=because("x"), forced=False, watch_until=None)


EVENTS: tuple[Event, ...] = (registered(1), promoted(1, None), registered(2), promoted(2, 1))
ENTRIES = [Entry(model="churn", seq=n, at=NOON, actor="a", event=one, prev_hash="", hash="") for n, one in enumerate(EVENTS, 1)]


def test_each_worker_is_listed_with_its_version_and_who_is_behind_with_what_and_why() -> None:
    table = MemoryDeployments(clock=Clock())
    table.publish(deployment(4, champion=2))
    table.acknowledge("churn", "berlin-8000-w0", 4)
    table.acknowledge("churn", "paris-8000-w0", 2, "the bundle is damaged")
    table.acknowledge("churn", "rome-8000-w0", 0, "no bundle")
    assert worker_lines(fleet_of("churn", ENTRIES, table, None)) == {
        "berlin-8000-w0": "answers with version 2, by journal entry 4",
        "paris-8000-w0": "answers with version 1, by journal entry 2, behind entry 4, could not go further: the bundle is damaged",
        "rome-8000-w0": "answers with nothing yet: no bundle",
    }


def test_what_is_being_prepared_is_listed_with_who_is_waited_for() -> None:
    clock = Clock()
    table = MemoryDeployments(clock=clock)
    table.publish(deployment(2, champion=1))
    for name in ("a", "b", "c"):
        table.acknowledge("churn", name, 2)
    table.prepare(deployment(4, champion=2), within=timedelta(seconds=1))
    table.ready("churn", "a", 4)
    table.ready("churn", "b", 4, "damaged")
    said = swap_line(fleet_of("churn", ENTRIES, table, None).swap)
    assert said == "version 2 by journal entry 4 is being prepared; ready: a; waits for c; b cannot: damaged"
    clock.advance(timedelta(seconds=2))
    assert "waits for c (late)" in str(swap_line(fleet_of("churn", ENTRIES, table, None).swap))
    assert swap_line(None) is None


def test_who_leads_is_listed_where_there_are_others() -> None:
    leases, table = MemoryLeases(clock=Clock()), MemoryDeployments(clock=Clock())
    assert leader_line(fleet_of("churn", ENTRIES, table, leases).leader) is None
    lease = leases.take("churn", ALONE, lasts=HOUR)
    assert lease is not None and leader_line(lease) is None
    leases.give_back(lease)
    leases.take("churn", "berlin", lasts=HOUR)
    assert leader_line(fleet_of("churn", ENTRIES, table, leases).leader) == "berlin until 2024-05-01 13:00 UTC, epoch 2"
